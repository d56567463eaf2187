package enginetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker"
)

// Two workers of one run live side by side, each with a HOME and a TMPDIR of
// its own, and an isolated one with a tree of its own.
func testTwoAtOnce(s *suite) {
	info, err := s.engine.Info(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	id := s.load(s.key("tree"), tree{"a.txt": "a"})
	specs := []engine.Spec{
		s.spec(engine.Spec{Role: engine.Worker, Name: "worker-1", Tree: id}),
		s.spec(engine.Spec{Role: engine.Worker, Name: "worker-2", Tree: id}),
	}
	sites := make([]*site, len(specs))
	var wg sync.WaitGroup
	for i, spec := range specs {
		wg.Go(func() { sites[i] = s.startOn(s.engine, spec) })
	}
	wg.Wait()
	if s.Failed() {
		s.FailNow()
	}
	one, two := sites[0], sites[1]
	if one.instance.Host() == "" || two.instance.Host() == "" {
		s.Errorf("they run on %q and %q", one.instance.Host(), two.instance.Host())
	}
	one.sh(`echo 1 > "$HOME/mine"; echo 1 > "$TMPDIR/mine"; echo 1 > mine`)
	two.expect("no\n", `test -e "$HOME/mine" || test -e "$TMPDIR/mine" || echo no`)
	if info.Isolated {
		two.expect("no\n", `test -e mine || echo no`)
	}
	one.remove()
	two.expect("a", `cat a.txt`)
	two.remove()
	s.nothingLeft(s.run)
}

// Runs that overlap never share a tree, and an environment that was sealed
// with the tree's path in it works in both.
func testTwoRunsAtOnce(s *suite) {
	id := s.load(s.key("tree"), tree{"a.txt": "a"})
	p := s.start(engine.Spec{Role: engine.Preparer, Tree: id})
	p.sh(`printf '#!/bin/sh\ncat %s/a.txt\n' "$(pwd -P)" > "$ENV_DIR/show" && chmod +x "$ENV_DIR/show"`)
	layer := p.seal(s.key("prepared"))
	one := s.start(engine.Spec{Run: s.key("one"), Role: engine.Worker, Layer: layer, Tree: id})
	spec := s.spec(engine.Spec{Run: s.key("two"), Role: engine.Worker, Layer: layer, Tree: id})
	two := s.startOn(s.cfg.Engine(s.T), spec)
	one.sh(`echo one > a.txt`)
	two.sh(`echo two > a.txt`)
	one.expect("one\n", `"$ENV_DIR/show"`)
	two.expect("two\n", `"$ENV_DIR/show"`)
}

// The variables of a spec reach commands.
func testVariables(s *suite) {
	w := s.start(engine.Spec{Role: engine.Worker, Tree: s.load(s.key("tree"), tree{"a": ""}), Env: map[string]string{"OURS": "x y=z\n$A"}})
	w.expect("x y=z\n$A", `printf %s "$OURS"`)
}

// A large file goes in and out unchanged.
func testLargeFile(s *suite) {
	w := s.start(engine.Spec{Role: engine.Worker, Tree: s.load(s.key("tree"), tree{"a": ""})})
	data := make([]byte, 24<<20+1)
	_, _ = rand.Read(data) // never fails
	path := filepath.Join(w.instance.Layout().Temp, "deep", "large")
	if err := w.client.PutFile(s.Context(), path, 0o600, bytes.NewReader(data)); err != nil {
		s.Fatal(err)
	}
	var back bytes.Buffer
	if err := w.client.GetFile(s.Context(), path, &back); err != nil {
		s.Fatal(err)
	}
	if !bytes.Equal(back.Bytes(), data) {
		s.Errorf("%d bytes went in, and %d others came out", len(data), back.Len())
	}
}

// An agent that is killed from outside ends the stream, and the exit says so.
func testKilled(s *suite) {
	w := s.start(engine.Spec{Role: engine.Worker, Tree: s.load(s.key("tree"), tree{"a": ""})})
	started := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		var once sync.Once
		_, err := w.client.Exec(s.Context(), worker.Exec{Argv: []string{"sh", "-c", "echo up; sleep 600"}}, func(worker.Output) {
			once.Do(func() { close(started) })
		})
		failed <- err
	}()
	<-started
	s.cfg.Kill(s.T, w.spec, w.hello)
	if err := <-failed; !errors.Is(err, worker.ErrLost) {
		s.Errorf("a command whose agent was killed gave %v", err)
	}
	if exit := w.wait(); exit.Code != 137 || exit.OOMKilled || exit.At.IsZero() {
		s.Errorf("the exit is %+v, want code 137", exit)
	}
	w.remove()
	s.nothingLeft(s.run)
}

// When the coordinator's end of the stream closes, everything ends by itself.
func testDeadMan(s *suite) {
	w := s.start(engine.Spec{Role: engine.Worker, Tree: s.load(s.key("tree"), tree{"a": ""})})
	w.sh(`sleep 600 > /dev/null 2>&1 &`)
	if err := w.instance.Stream().Close(); err != nil {
		s.Fatal(err)
	}
	if exit := w.wait(); exit.At.IsZero() || time.Since(exit.At) > patience {
		s.Errorf("the exit is %+v", exit)
	}
	w.remove()
	s.nothingLeft(s.run)
}

// Processes that leave their session and their parent do not escape.
func testDaemons(s *suite) {
	w := s.start(engine.Spec{Role: engine.Worker, Tree: s.load(s.key("tree"), tree{"a": ""})})
	w.sh(`command -v setsid > /dev/null || exit 0
		(setsid sh -c 'sleep 600 & sleep 601' > /dev/null 2>&1 < /dev/null &)`)
	w.remove()
	s.nothingLeft(s.run)
}

// Remove ends what runs, and may come twice.
func testRemoveWhileRunning(s *suite) {
	w := s.start(engine.Spec{Role: engine.Worker, Tree: s.load(s.key("tree"), tree{"a": ""})})
	started, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		var once sync.Once
		// The command has no end of its own, and its error is ErrLost.
		_, _ = w.client.Exec(s.Context(), worker.Exec{Argv: []string{"sh", "-c", "trap '' TERM INT HUP; echo up; while :; do sleep 1; done"}}, func(worker.Output) {
			once.Do(func() { close(started) })
		})
	}()
	<-started
	for range 2 {
		if err := w.instance.Remove(s.Context()); err != nil {
			s.Error(err)
		}
	}
	s.nothingLeft(s.run)
	<-ended
	w.wait()
}

// A start that is cancelled, at any moment, leaves nothing.
func testStartCancelled(s *suite) {
	id := s.load(s.key("tree"), tree{"a": string(make([]byte, 1<<20))})
	spec := s.spec(engine.Spec{Role: engine.Worker, Tree: id})
	for _, after := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 150 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(s.Context(), after)
		instance, err := s.engine.Start(ctx, spec)
		cancel()
		switch {
		case err == nil: // it was quicker
			if err := instance.Remove(context.WithoutCancel(ctx)); err != nil {
				s.Error(err)
			}
		case !errors.Is(err, context.DeadlineExceeded):
			s.Errorf("cancelled after %s: %v", after, err)
		}
		s.nothingLeft(s.run)
	}
}

// A start from things that do not exist fails, and leaves nothing.
func testStartRefused(s *suite) {
	id := s.load(s.key("tree"), tree{"a": ""})
	for what, spec := range map[string]engine.Spec{
		"layer": {Role: engine.Worker, Tree: id, Layer: engine.Layer(s.key("no-such-layer"))},
		"tree":  {Role: engine.Worker, Tree: engine.Tree(s.key("no-such-tree"))},
	} {
		instance, err := s.engine.Start(s.Context(), s.spec(spec))
		if err == nil {
			s.Errorf("started from a %s that does not exist", what)
			if err := instance.Remove(s.Context()); err != nil {
				s.Error(err)
			}
		} else if !strings.Contains(err.Error(), "no-such-"+what) {
			s.Errorf("the error does not name the %s: %v", what, err)
		}
		s.nothingLeft(s.run)
	}
}

// One builds, others wait and are told.
func testLock(s *suite) {
	key := s.key("env")
	unlock, err := s.engine.Lock(s.Context(), key, func() { s.Error("told to wait for a lock that is free") })
	if err != nil {
		s.Fatal(err)
	}
	other := s.cfg.Engine(s.T)
	ctx, cancel := context.WithCancel(s.Context())
	if _, err := other.Lock(ctx, key, cancel); !errors.Is(err, context.Canceled) {
		s.Errorf("a cancelled wait for a lock gave %v", err)
	}
	if free, err := other.Lock(s.Context(), s.key("another"), nil); err != nil {
		s.Error(err)
	} else {
		free()
	}
	waits, got := make(chan struct{}), make(chan error, 1)
	go func() {
		unlock, err := other.Lock(s.Context(), key, func() { close(waits) })
		if err == nil {
			unlock()
		}
		got <- err
	}()
	<-waits
	unlock()
	if err := <-got; err != nil {
		s.Error(err)
	}
}

// Sweep removes what a killed coordinator left, and nothing of a live run.
func testSweep(s *suite) {
	id := s.load(s.key("tree"), tree{"a.txt": "a"})
	live := s.start(engine.Spec{Role: engine.Worker, Tree: id})
	dead := s.spec(engine.Spec{Run: s.key("dead"), Role: engine.Worker, Tree: id})
	s.cfg.Abandon(s.T, dead)
	if len(s.cfg.Leftovers(s.T, dead.Run)) == 0 {
		s.Fatal("an abandoned run left nothing to sweep: Abandon or Leftovers is wrong")
	}
	removed, err := s.cfg.Engine(s.T).Sweep(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	if !strings.Contains(strings.Join(removed, "\n"), dead.Run) {
		s.Errorf("removed %q, which does not name run %s", removed, dead.Run)
	}
	s.nothingLeft(dead.Run)
	live.expect("a", `cat a.txt`)
}

// A noting starter notes what it starts, in order.
type noting struct {
	engine.Starter
	mu    sync.Mutex
	order []string
}

func (n *noting) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	n.mu.Lock()
	n.order = append(n.order, spec.Name)
	n.mu.Unlock()
	return n.Starter.Start(ctx, spec)
}

// With a limit of one, places start in the order in which they were queued,
// whoever of those that start them comes first.
func testStartsInOrder(s *suite) {
	id := s.load(s.key("tree"), tree{"a": ""})
	queue, starter := engine.NewQueue(1), &noting{Starter: s.engine}
	names := []string{"worker-1", "worker-2", "worker-3"}
	var turns []engine.Starter
	for range names {
		turns = append(turns, queue.Next(starter))
	}
	var wg sync.WaitGroup
	for i, turn := range slices.Backward(turns) {
		begun := make(chan struct{})
		wg.Go(func() {
			close(begun)
			instance, err := turn.Start(s.Context(), s.spec(engine.Spec{Role: engine.Worker, Name: names[i], Tree: id}))
			if err != nil {
				s.Error(err)
				return
			}
			if err := instance.Remove(s.Context()); err != nil {
				s.Error(err)
			}
		})
		<-begun
	}
	wg.Wait()
	if !slices.Equal(starter.order, names) {
		s.Errorf("they started in the order %q", starter.order)
	}
	s.nothingLeft(s.run)
}
