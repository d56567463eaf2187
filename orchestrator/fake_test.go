package orchestrator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// A fakeEngine starts real agents in this process, over pipes. Their framework
// is a fakeSuite.
type fakeEngine struct {
	engine.Keeper // nothing is kept
	dir           string
	suite         *fakeSuite
	cpus          int
	memory        int64
	layers        map[string]engine.Layer
	abouts        map[engine.Layer]cache.About
	python        string
	// refuse says why a place cannot be started; nil refuses none.
	refuse func(name string) error
	// boot is how long a place takes to start.
	boot func(name string) time.Duration
	here bool // workers may share a tree
	// lag is how long what an agent says is on its way.
	lag time.Duration
	// removing is how long a place takes to be removed.
	removing time.Duration

	mu      sync.Mutex
	places  map[string]*fakePlace
	removed []string
	specs   []engine.Spec
}

func (e *fakeEngine) Info(context.Context) (engine.Info, error) {
	return engine.Info{Name: "fake", Version: "1", Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: max(e.cpus, 1), Memory: e.memory, Local: true, Isolated: true}, nil
}
func (e *fakeEngine) Sweep(context.Context) ([]string, error) { return []string{"a container"}, nil }
func (e *fakeEngine) Close() error                            { return nil }
func (e *fakeEngine) Unhonoured(engine.Spec) []string         { return nil }

func (e *fakeEngine) Base(context.Context, string, framework.Toolchain, func(string)) (engine.Base, error) {
	return engine.Base{Image: "host", ID: "base", Host: true, Program: e.python}, nil
}

func (e *fakeEngine) Find(_ context.Context, key string) (engine.Layer, bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l, ok := e.layers[key]
	return l, ok, nil
}

func (e *fakeEngine) Keys(_ context.Context, prefix string) (keys []string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key := range e.layers {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func (e *fakeEngine) About(_ context.Context, layer engine.Layer) (cache.About, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.abouts[layer], nil
}

func (e *fakeEngine) Lock(_ context.Context, _ string, notify func()) (func(), error) {
	notify()
	return func() {}, nil
}

func (e *fakeEngine) User(_ context.Context, _ engine.Base, user string) (string, error) {
	return user, nil
}

func (e *fakeEngine) Load(_ context.Context, _ string, write func(io.Writer) error) (engine.Tree, error) {
	return "tree", write(io.Discard)
}

func (e *fakeEngine) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	if e.boot != nil {
		select {
		case <-time.After(e.boot(spec.Name)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if e.refuse != nil {
		if err := e.refuse(spec.Name); err != nil {
			return nil, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.places[spec.Name] != nil && !slices.Contains(e.removed, spec.Name) {
		return nil, fmt.Errorf("there is a place with the name %s", spec.Name)
	}
	in, toAgent := io.Pipe()
	fromAgent, out := io.Pipe()
	p := &fakePlace{engine: e, name: spec.Name, stream: duplex{fromAgent, toAgent}, ended: make(chan struct{}), thaw: make(chan struct{})}
	p.layout = engine.Layout{
		Source: filepath.Join(e.dir, spec.Name, "source", spec.TreeName), Env: filepath.Join(e.dir, "env"), Cache: filepath.Join(e.dir, "cache"),
		Home: filepath.Join(e.dir, spec.Name, "home"), Temp: filepath.Join(e.dir, spec.Name, "tmp"), Path: os.Getenv("PATH"), UID: -1, GID: -1,
		Here: e.here,
	}
	for _, d := range []string{p.layout.Source, p.layout.Home, p.layout.Temp, p.layout.Cache} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	var said io.WriteCloser = out
	if e.lag > 0 {
		said = newLine(out, e.lag)
	}
	serving, kill := context.WithCancel(context.Background())
	p.kill = func(x engine.Exit) {
		p.once.Do(func() { p.exit = x })
		_ = out.Close() // first: who is killed has no last words
		kill()
	}
	go func() {
		defer close(p.ended)
		opts := worker.Options{Frameworks: []worker.Framework{&fakeFramework{suite: e.suite, place: p}}}
		if err := worker.Serve(serving, in, &valve{Writer: said, place: p}, opts); err != nil {
			p.once.Do(func() { p.exit.Code = 1 })
		}
		kill()
		_ = said.Close()
	}()
	if e.places == nil {
		e.places = map[string]*fakePlace{}
	}
	e.places[spec.Name] = p
	e.specs = append(e.specs, spec)
	return p, nil
}

// A fakePlace is one agent.
type fakePlace struct {
	engine *fakeEngine
	name   string
	stream duplex
	layout engine.Layout
	ended  chan struct{}
	once   sync.Once
	exit   engine.Exit
	kill   func(engine.Exit)
	frozen atomic.Bool
	thaw   chan struct{} // closed when it is removed
	gone   sync.Once
}

func (p *fakePlace) Stream() io.ReadWriteCloser { return p.stream }
func (p *fakePlace) Layout() engine.Layout      { return p.layout }
func (p *fakePlace) Host() string               { return "box-of-" + p.name }
func (p *fakePlace) Stderr() string             { return "the agent's last words" }

func (p *fakePlace) Wait(ctx context.Context) (engine.Exit, error) {
	select {
	case <-p.ended:
		return p.exit, nil
	case <-ctx.Done():
		return engine.Exit{}, ctx.Err()
	}
}

func (p *fakePlace) Seal(_ context.Context, key string, about cache.About) (engine.Layer, error) {
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	if p.engine.layers == nil {
		p.engine.layers = map[string]engine.Layer{}
	}
	layer := engine.Layer("layer-" + p.name)
	for _, taken := p.engine.abouts[layer]; taken; _, taken = p.engine.abouts[layer] {
		layer += "+"
	}
	p.engine.layers[key] = layer
	if p.engine.abouts == nil {
		p.engine.abouts = map[engine.Layer]cache.About{}
	}
	p.engine.abouts[p.engine.layers[key]] = about
	return p.engine.layers[key], nil
}

func (p *fakePlace) Remove(context.Context) error {
	time.Sleep(p.engine.removing)
	p.gone.Do(func() { close(p.thaw) })
	p.kill(engine.Exit{Code: 137})
	<-p.ended
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	p.engine.removed = append(p.engine.removed, p.name)
	return nil
}

// A duplex is the coordinator's side of an agent's stdin and stdout.
type duplex struct {
	*io.PipeReader
	to *io.PipeWriter
}

func (d duplex) Write(b []byte) (int, error) { return d.to.Write(b) }

func (d duplex) Close() error { return errors.Join(d.PipeReader.Close(), d.to.Close()) }

// A valve is an agent's way out, which a place can shut.
type valve struct {
	io.Writer
	place *fakePlace
}

func (v *valve) Write(b []byte) (int, error) {
	if v.place.frozen.Load() {
		<-v.place.thaw
		return 0, io.ErrClosedPipe
	}
	return v.Writer.Write(b)
}

// A line is a writer whose bytes arrive later.
type line struct {
	lag  time.Duration
	sent chan packet
	end  sync.Once
}

type packet struct {
	due  time.Time
	data []byte
}

func newLine(to io.WriteCloser, lag time.Duration) *line {
	l := &line{lag: lag, sent: make(chan packet, 1000)}
	go func() {
		for p := range l.sent {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.data) // nobody listens any more
		}
		_ = to.Close()
	}()
	return l
}

func (l *line) Write(b []byte) (int, error) {
	l.sent <- packet{time.Now().Add(l.lag), bytes.Clone(b)}
	return len(b), nil
}

func (l *line) Close() error {
	l.end.Do(func() { close(l.sent) })
	return nil
}

// A fakeSuite says what the workers of a run find, and what becomes of tests.
// Unless it says otherwise a test passes after a second.
type fakeSuite struct {
	files      []worker.Discovered // in full
	lazily     map[string][]worker.Item
	fullBy     map[string][]worker.Discovered // what full sessions of these workers find instead
	collect    time.Duration                  // a full collection takes
	end        worker.Collected               // without Tests
	session    string                         // settings, as JSON
	full       string                         // why a lazy session answers full; "" when it does not
	lazyAlways bool                           // no session collects everything, whatever it is asked
	open       func(worker string) error      // a session that cannot go on; errQuits ends it without a word
	closing    func(worker string) worker.Exit
	frozen     string // the worker whose session never begins
	began      func(worker.Open)
	tests      map[worker.TestID]func(*fakeSession, worker.Leased) fate
	stuck      bool // the conclusion never ends
	conclude   func(worker.Conclude, func(worker.Event)) (worker.Concluded, error)
	delivery   framework.Delivery

	mu       sync.Mutex
	attempts map[worker.TestID]int
	token    worker.Token // of a test that a later one amends
	reports  []byte       // that reached the finisher
	order    []byte
}

// A fate is what becomes of an attempt.
type fate struct {
	outcome worker.Outcome // "": passed
	message string
	took    time.Duration // 0: a second; before it ends
	ends    string        // the cause for which the test's process ends
	stop    string        // the framework's reason to end the run behind it
}

func suiteOf(files ...string) *fakeSuite {
	s := &fakeSuite{tests: map[worker.TestID]func(*fakeSession, worker.Leased) fate{}}
	for _, f := range files {
		s.files = append(s.files, fileOf(f))
	}
	return s
}

// fileOf reads "a.py a1 a2".
func fileOf(text string) worker.Discovered {
	words := strings.Fields(text)
	d := worker.Discovered{File: words[0], Reports: []json.RawMessage{json.RawMessage(`{"file":"` + words[0] + `"}`)}}
	for _, w := range words[1:] {
		d.Items = append(d.Items, worker.Item{ID: worker.TestID(w), Print: "print"})
	}
	return d
}

// on says what becomes of a test: of its first attempt, its second, ..., the
// last one for good.
func (s *fakeSuite) on(id worker.TestID, fates ...fate) {
	s.tests[id] = func(*fakeSession, worker.Leased) fate {
		n := s.attempts[id]
		return fates[min(n, len(fates))-1]
	}
}

// lazyOnly fails the test on workers that collect lazily.
func (s *fakeSuite) lazyOnly(ids ...worker.TestID) {
	for _, id := range ids {
		s.tests[id] = func(at *fakeSession, _ worker.Leased) fate {
			if at.mode == worker.Lazy {
				return fate{outcome: worker.Failing, message: "the list is short"}
			}
			return fate{}
		}
	}
}

// A fakeFramework runs a suite in one place.
type fakeFramework struct {
	suite *fakeSuite
	place *fakePlace
}

// A fakeSession is one process of a session.
type fakeSession struct {
	*fakeFramework
	worker.Stream
	mode     worker.Mode
	expanded map[string]bool
}

func (*fakeFramework) Name() string { return "fake" }

func (f *fakeFramework) Run(ctx context.Context, open worker.Open, s worker.Stream) (worker.Exit, error) {
	at := &fakeSession{fakeFramework: f, Stream: s, mode: open.Mode, expanded: map[string]bool{}}
	if f.suite.began != nil {
		f.suite.mu.Lock()
		f.suite.began(open)
		f.suite.mu.Unlock()
	}
	if f.suite.frozen == f.place.name {
		<-ctx.Done()
		return worker.Exit{}, ctx.Err()
	}
	if f.suite.open != nil {
		switch err := f.suite.open(f.place.name); {
		case errors.Is(err, errQuits):
			return worker.Exit{}, nil
		case err != nil:
			return worker.Exit{Code: -1, Unexplained: open.Mode == worker.Lazy}, err
		}
	}
	opened := worker.Opened{Mode: open.Mode, Framework: "fake 1", Runtime: "Go"}
	if f.suite.full != "" {
		opened.Mode, opened.Reason = worker.Full, f.suite.full
	}
	if f.suite.lazyAlways {
		opened.Mode = worker.Lazy
	}
	at.mode = opened.Mode
	s.Emit(worker.Event{Opened: &opened})
	if f.suite.session != "" {
		s.Emit(worker.Event{Reported: &worker.Reported{Kind: "settings", Data: json.RawMessage(f.suite.session)}})
	}
	if at.mode == worker.Full {
		at.collect(ctx)
	}
	return at.run(ctx)
}

func (at *fakeSession) collect(ctx context.Context) {
	pause(ctx, at.suite.collect)
	files := at.suite.files
	if other, ok := at.suite.fullBy[at.place.name]; ok {
		files = other
	}
	end := at.suite.end
	end.DurationMS = float64(at.suite.collect.Milliseconds())
	for _, f := range files {
		end.Tests += len(f.Items)
		at.Emit(worker.Event{Discovered: &f})
	}
	at.Emit(worker.Event{Collected: &end})
}

func (at *fakeSession) run(ctx context.Context) (worker.Exit, error) {
	for {
		t, state := at.Next(ctx, true)
		if state != worker.Ready {
			break
		}
		if at.mode == worker.Lazy && !at.expand(t) {
			continue
		}
		if f := at.test(ctx, t); f.ends != "" || f.stop != "" {
			return worker.Exit{Cause: f.ends, Code: 3, Test: t.ID, Stop: f.stop}, nil
		}
	}
	exit := worker.Exit{Files: at.coverage()}
	if at.suite.closing != nil {
		exit = at.suite.closing(at.place.name)
	}
	return exit, ctx.Err()
}

// after calls do once what was said so far has been sent.
func (at *fakeSession) after(do func()) { time.AfterFunc(100*time.Millisecond, do) }

// coverage leaves a file for the run to collect.
func (at *fakeSession) coverage() []string {
	name := filepath.Join(at.place.layout.Temp, "coverage."+at.place.name)
	if err := os.WriteFile(name, []byte(at.place.name), 0o644); err != nil {
		return nil
	}
	return []string{name}
}

// expand collects the test's file, and reports whether the test is there.
func (at *fakeSession) expand(t worker.Leased) bool {
	d := worker.Discovered{File: t.File, DurationMS: 100}
	if items, ok := at.suite.lazily[t.File]; ok {
		d.Items = items
	} else {
		for _, f := range at.suite.files {
			if f.File == t.File {
				d.Items = f.Items
			}
		}
	}
	if !at.expanded[t.File] {
		at.expanded[t.File] = true
		at.Emit(worker.Event{Discovered: &d})
	}
	if slices.ContainsFunc(d.Items, func(it worker.Item) bool { return it.ID == t.ID }) {
		return true
	}
	at.Emit(worker.Event{Returned: &worker.Returned{Unknown: []worker.TestID{t.ID}}})
	return false
}

func (at *fakeSession) test(ctx context.Context, t worker.Leased) fate {
	at.Emit(worker.Event{Started: &worker.Started{Test: t.ID, Token: t.Token}})
	at.suite.mu.Lock()
	if at.suite.attempts == nil {
		at.suite.attempts = map[worker.TestID]int{}
	}
	at.suite.attempts[t.ID]++
	var f fate
	if script := at.suite.tests[t.ID]; script != nil {
		f = script(at, t)
	}
	at.suite.mu.Unlock()
	if f.outcome == "" {
		f.outcome = worker.Passed
	}
	if f.took == 0 {
		f.took = time.Second
	}
	pause(ctx, f.took)
	if f.ends != "" || ctx.Err() != nil {
		return f
	}
	at.report(t.ID, string(f.outcome))
	at.Emit(worker.Event{Finished: &worker.Finished{
		Test: t.ID, Token: t.Token, Outcome: f.outcome, Message: f.message, CallMS: float64(f.took.Milliseconds()),
	}})
	return f
}

func (at *fakeSession) report(id worker.TestID, text string) {
	data, _ := json.Marshal(map[string]string{"by": at.place.name, "was": text})
	at.Emit(worker.Event{Reported: &worker.Reported{Test: id, Kind: "report", Data: data}})
}

// Deliver implements Deliverer.
func (s *fakeSuite) Deliver(framework.Suite, worker.Concluded) (framework.Delivery, error) {
	return s.delivery, nil
}

func (f *fakeFramework) Conclude(ctx context.Context, c worker.Conclude, emit func(worker.Event)) (worker.Concluded, error) {
	for {
		if _, err := os.Stat(c.Await); err == nil {
			break
		}
		if !pause(ctx, 10*time.Millisecond) {
			return worker.Concluded{}, ctx.Err()
		}
	}
	var err, err2 error
	f.suite.reports, err = os.ReadFile(filepath.Join(c.Dir, "reports.jsonl"))
	f.suite.order, err2 = os.ReadFile(filepath.Join(c.Dir, "order.jsonl"))
	if err = errors.Join(err, err2); err != nil {
		return worker.Concluded{}, err
	}
	emit(worker.Event{Output: &worker.Output{Stream: "stdout", Data: []byte("the framework's last words\n")}})
	if f.suite.stuck {
		<-ctx.Done()
		return worker.Concluded{}, ctx.Err()
	}
	if f.suite.conclude != nil {
		return f.suite.conclude(c, emit)
	}
	return worker.Concluded{}, nil
}

// pause waits, and reports whether it did to the end.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

var errQuits = errors.New("quits")

// A fakeHistory is what earlier runs left, and what this one leaves.
type fakeHistory struct {
	samples   history.Samples
	inventory []history.File
	facts     map[string]string
	broken    error // of all that is asked
	recorded  []history.Run
}

func (h *fakeHistory) Samples(context.Context, string) (history.Samples, error) {
	return h.samples, h.broken
}

func (h *fakeHistory) Inventory(context.Context, string, string) ([]history.File, error) {
	return h.inventory, nil
}

func (h *fakeHistory) Record(_ context.Context, r history.Run) error {
	h.recorded = append(h.recorded, r)
	return h.broken
}

func (h *fakeHistory) Remember(_ context.Context, _, key, value string) error {
	if h.facts == nil {
		h.facts = map[string]string{}
	}
	h.facts[key] = value
	return nil
}

func (h *fakeHistory) Recall(_ context.Context, _, key string) (string, bool, error) {
	v, ok := h.facts[key]
	return v, ok, nil
}

// hint is an inventory of the last run: "a.py a1 a2".
func hint(files ...string) (list []history.File) {
	for _, f := range files {
		d := fileOf(f)
		h := history.File{Path: d.File}
		for _, it := range d.Items {
			h.Tests = append(h.Tests, history.Test{ID: it.ID})
		}
		list = append(list, h)
	}
	return list
}
