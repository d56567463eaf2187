package orchestrator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// grace is how long running tests get to end when the run is stopped.
const grace = 3 * time.Second

// A loop starts the workers of a run, and folds what they tell into the
// dispatcher and the log until every test has its verdict. It is the only one
// that touches its fields.
type loop struct {
	*recorder
	req      *Request
	log      hclog.Logger
	site     *site
	past     past
	dir      runDir
	compiled *compiled
	spool    *spool
	finish   *finisher
	workers  int // how many were asked for
	host     string

	d       *dispatch.Dispatcher
	inbox   chan message
	members map[dispatch.WorkerID]*member
	started int // members that are not gone
	// removals are of workers that are gone and not yet removed.
	removals sync.WaitGroup

	mode    worker.Mode // of workers that need not be exact
	done    bool
	stopped bool
	killed  bool
	timer   <-chan time.Time // ends the grace period
	// discoverOnly: once the tests are known, none is handed out.
	discoverOnly bool

	lists        confirmation
	failures     map[worker.TestID]bool
	settings     *settings
	sessionError string   // of the last exact worker whose session failed
	unkeptTold   bool     // that reports cannot be kept
	missing      []string // coverage that is not there, in words

	starting            *step
	discovering         *step
	deselected          int
	broken              string                    // files could not be collected, in words: no test counts
	told                map[string]bool           // notes that were made
	seen                sight                     // of lazy collection
	lazily              bool                      // a test ran on a worker that collects lazily
	before              map[attempt]worker.TestID // what ran before a tentative failure
	unknown             []worker.TestID           // hinted tests that a lazy worker did not find
	openers             map[attempt]bool          // attempts that were their file's first on their worker
	hired               time.Duration             // when workers were asked for
	firstTest, lastTest time.Duration
	collecting          time.Duration // what discovery took
}

// newLoop makes what the workers of a run need here. Who gets a loop clears it.
func newLoop(req *Request, deps Deps, rec *recorder, at *site, known past) (*loop, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this machine: %w", err)
	}
	dir := runDir(req.Out)
	l := &loop{
		recorder: rec, req: req, log: deps.Logger, site: at, past: known, dir: dir, host: host, workers: fleet(req, at.info, &known, rec),
		compiled: newCompiled(req, deps, at, dir.scratch()), finish: newFinisher(at), inbox: make(chan message, 256), members: map[dispatch.WorkerID]*member{},
		failures: map[worker.TestID]bool{}, told: map[string]bool{}, openers: map[attempt]bool{}, before: map[attempt]worker.TestID{},
	}
	l.chooseMode()
	l.emit(report.RunStarted{Workers: l.workers})
	l.d = dispatch.New(dispatch.Config{
		Workers: l.workers, Split: req.Split, Static: req.Static, Retries: req.Retries, MaxReplacements: l.workers,
		Fixtures: known.estimates.Fixtures, PerTest: known.estimates.PerTest, Speeds: known.samples.Hosts,
	})
	if err = dir.make(); err == nil {
		l.spool, err = newSpool(filepath.Join(dir.scratch(), "reports.jsonl"))
	}
	if err != nil {
		return nil, errors.Join(err, dir.clear())
	}
	if err := l.compiled.recall(); err != nil {
		l.note(report.Warning, "what was compiled of the sources cannot be read, and is compiled again: %v", err)
	}
	return l, nil
}

// clear waits until every place of the run is removed, and removes what only
// the run needed here.
func (l *loop) clear(ctx context.Context) error {
	err := errors.Join(l.spool.finish(), l.finish.remove(ctx))
	l.removals.Wait()
	return errors.Join(err, l.spool.remove(), l.dir.clear())
}

// dispatch starts the workers and runs the loop until every test has its
// verdict and every worker is gone.
func (l *loop) dispatch(ctx context.Context) *outcome {
	// Workers outlive ctx for the grace period.
	hard, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	l.hired = l.elapsed()
	l.starting = l.step("start")
	for i := range l.workers {
		l.hire(hard, dispatch.WorkerID(i+1), i == 0)
	}
	if len(l.past.hinted) > 0 && !l.discoverOnly {
		l.input(hard, dispatch.TestsAdded{Tests: l.past.hinted, Hinted: true})
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var deadline <-chan time.Time
	if l.req.RunTimeout > 0 {
		t := time.NewTimer(l.req.RunTimeout)
		defer t.Stop()
		deadline = t.C
	}
	interrupt := ctx.Done()
	for l.started > 0 || !l.done {
		select {
		case m := <-l.inbox:
			l.take(hard, m)
		case <-interrupt:
			interrupt = nil
			l.stop(hard, report.Stopped{Reason: "interrupted", Signal: signalOf(ctx)})
			l.hurry()
		case <-deadline:
			deadline = nil
			l.stop(hard, report.Stopped{Reason: fmt.Sprintf("the run took longer than --run-timeout %s", l.req.RunTimeout)})
			l.hurry()
		case <-second.C:
			l.input(hard, dispatch.Ticked{})
			if err := l.spool.flush(); err != nil {
				l.unkept(hard, err)
			}
		case <-l.timer:
			l.timer, l.killed = nil, true
			kill()
		}
	}
	return l.outcome()
}

// hurry gives what runs its last seconds.
func (l *loop) hurry() {
	if l.timer == nil && !l.killed {
		l.timer = time.After(grace)
	}
}

// hire starts one more worker.
func (l *loop) hire(ctx context.Context, id dispatch.WorkerID, exact bool) {
	mode := l.mode
	if exact {
		mode = worker.Full
	}
	m := &member{
		id: id, mode: mode, exact: mode == worker.Full,
		running: map[worker.TestID]worker.Token{}, leases: map[worker.TestID]lease{}, opened: map[string]bool{},
	}
	ctx, m.cancel = context.WithCancel(ctx)
	l.members[m.id] = m
	l.started++
	l.removals.Add(1)
	// An engine starts only a few at once: first come the ones hired first, of
	// which the very first discovers the tests.
	begun := make(chan struct{})
	go func() {
		close(begun)
		l.tend(ctx, m)
	}()
	<-begun
}

// stop ends handing out.
func (l *loop) stop(ctx context.Context, s report.Stopped) {
	if l.stopped {
		return
	}
	l.stopped = true
	l.emit(s)
	l.input(ctx, dispatch.Stopped{Reason: s.Reason})
}

// input tells the dispatcher what happened and does what it says.
func (l *loop) input(ctx context.Context, in dispatch.Input) {
	l.apply(ctx, l.d.Handle(l.elapsed(), in).Commands)
}

func (l *loop) apply(ctx context.Context, commands []dispatch.Command) {
	for _, c := range commands {
		switch c := c.(type) {
		case dispatch.Hand:
			for _, t := range c.Tests {
				l.members[c.Worker].leases[t.ID] = lease{c.Token, t.File}
			}
			l.send(c.Worker, worker.Request{Lease: &worker.Lease{Token: c.Token, Tests: c.Tests}})
		case dispatch.TakeBack:
			l.send(c.Worker, worker.Request{Revoke: &worker.Revoke{Tests: c.Tests}})
		case dispatch.Release:
			l.release(l.members[c.Worker])
		case dispatch.Replace:
			l.hire(ctx, c.Worker, c.Exact || l.lists.full == nil && l.exactLeft() == 0)
		case dispatch.Done:
			l.done = true
			for _, id := range slices.Sorted(maps.Keys(l.members)) {
				l.release(l.members[id])
			}
		}
	}
}

// send talks to a worker. That it fails is told by the worker's departure.
func (l *loop) send(id dispatch.WorkerID, req worker.Request) {
	m := l.members[id]
	if m.client == nil || m.gone {
		return
	}
	if err := m.client.Send(req); err != nil {
		l.log.Debug("send", "worker", m.name(), "error", err)
	}
}

// release drains a worker; one that is not there yet is given up.
func (l *loop) release(m *member) {
	m.released = true
	switch {
	case m.gone || m.draining:
	case m.client == nil:
		m.cancel()
	default:
		m.draining = true
		l.send(m.id, worker.Request{Drain: &worker.Drain{}})
	}
}

// take handles a message of a member.
func (l *loop) take(ctx context.Context, msg message) {
	m := msg.from
	switch {
	case msg.attached != nil:
		m.client = msg.attached
		if m.released {
			l.release(m)
		}
		if l.discovering == nil {
			l.starting.end(nil)
			l.discovering = l.step("discover")
		}
	case msg.gone != nil:
		l.leave(ctx, m, *msg.gone)
	default:
		l.event(ctx, m, msg.event)
	}
}

// leave ends a member.
func (l *loop) leave(ctx context.Context, m *member, d departure) {
	m.gone = true
	m.cancel()
	l.started--
	if m.closed != nil {
		if d.missing != "" || m.died {
			l.missing = append(l.missing, m.name()+": "+cmp.Or(d.missing, "a process of its session ended before its time"))
		}
		l.emit(report.WorkerClosed{Worker: int(m.id), Code: m.closed.Code})
		return
	}
	lost := report.WorkerLost{Worker: int(m.id), Cause: d.cause, Code: d.exit.Code, OOM: d.exit.OOMKilled}
	for t := range m.running {
		lost.Test = string(t)
	}
	if m.client != nil {
		l.missing = append(l.missing, m.name()+": it was lost: "+d.cause)
	}
	if unwanted := m.released && m.client == nil; !unwanted && !l.killed {
		l.emit(lost)
	}
	l.input(ctx, dispatch.WorkerLost{Worker: m.id, Cause: d.cause})
	if l.lists.full == nil && l.exactLeft() == 0 {
		l.recollect(ctx, d.cause)
	}
}

// event folds one event of a worker.
func (l *loop) event(ctx context.Context, m *member, ev *worker.Event) {
	switch {
	case ev.Opened != nil:
		l.opened(ctx, m, *ev.Opened)
	case ev.Discovered != nil:
		l.discovered(ctx, m, *ev.Discovered)
	case ev.Collected != nil:
		l.collected(ctx, m, *ev.Collected)
	case ev.Started != nil:
		l.testStarted(ctx, m, *ev.Started)
	case ev.Reported != nil:
		l.reported(ctx, m, *ev.Reported)
	case ev.Finished != nil:
		l.testFinished(ctx, m, *ev.Finished)
	case ev.Returned != nil:
		l.returned(ctx, m, *ev.Returned)
	case ev.Died != nil:
		m.died = true
		l.note(report.Warning, "%s: the test process ended before its time (%s, exit status %d)%s", m.name(), ev.Died.Cause, ev.Died.Code,
			map[bool]string{true: "; another one goes on", false: ""}[ev.Died.Again])
	case ev.Closed != nil:
		l.sessionClosed(ctx, m, *ev.Closed)
	case ev.Output != nil:
		l.emit(report.Output{Worker: int(m.id), Text: string(ev.Output.Data), Dropped: ev.Output.Dropped})
	case ev.Failed != nil:
		l.failed(ctx, m, *ev.Failed)
	}
}

// failed: the agent could not do what was asked. A mistake of the user's ends
// the run, and so does what a second exact worker says in the same words: an
// internal error of the framework's would meet all others too. Anything else
// costs this worker; the one that comes for a lazy one collects everything.
func (l *loop) failed(ctx context.Context, m *member, f worker.Failed) {
	switch {
	case l.stopped:
		l.log.Debug("failed", "worker", m.name(), "error", f.Error)
	case f.Usage:
		l.emit(report.Fault{Kind: report.Usage, Text: f.Error})
		l.stop(ctx, report.Stopped{Reason: "the suite cannot be run as asked"})
	case m.exact && m.failed == "" && f.Error == l.sessionError:
		l.emit(report.Fault{Kind: report.Infrastructure, Text: f.Error})
		l.stop(ctx, report.Stopped{Reason: "two workers failed in the same way"})
	default:
		if m.exact {
			l.sessionError = f.Error
		}
		l.emit(report.WorkerLost{Worker: int(m.id), Cause: f.Error})
		if !m.exact {
			l.mode = worker.Full
			l.distrust(m.name() + " could not collect lazily")
		}
	}
	m.failed = f.Error
	l.input(ctx, dispatch.WorkerLost{Worker: m.id, Cause: f.Error})
	l.release(m)
	if l.lists.full == nil && l.exactLeft() == 0 {
		l.recollect(ctx, f.Error)
	}
}

// exactLeft counts the workers that may still discover the suite.
func (l *loop) exactLeft() int {
	n := 0
	for _, m := range l.members {
		if m.exact && !m.gone && m.failed == "" {
			n++
		}
	}
	return n
}
