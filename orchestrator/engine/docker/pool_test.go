package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker"
)

// waiting is the run of places that wait: another one in each process, since what a
// test that was killed has left may be there still.
var waiting = fmt.Sprint("pool-", os.Getpid())

// pooled is an Engine whose workers have all waited.
type pooled struct{ *Engine }

func (e pooled) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	if spec.Role != engine.Worker || spec.Network == engine.PrivateNetwork {
		return e.Engine.Start(ctx, spec)
	}
	w, err := e.Prepare(ctx, spec)
	if err != nil {
		return nil, err
	}
	client := worker.NewClient(w.Stream(), worker.ClientOptions{})
	_, err = client.Hello(ctx, worker.Greeting{})
	client.Close()
	if err != nil {
		return nil, errors.Join(err, w.Remove(ctx))
	}
	if err := w.Leave(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	all, err := e.Claim(ctx, []engine.Spec{spec})
	if err != nil || all[0] == nil {
		return nil, errors.Join(errors.New("what was left is not found"), err)
	}
	return all[0].Attach(ctx)
}

// wait leaves a place that waits, started by an Engine that has ended since.
func wait(t *testing.T, opts Options, spec engine.Spec, until time.Time) {
	t.Helper()
	e := open(t, opts)
	w, err := e.Prepare(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	client := worker.NewClient(w.Stream(), worker.ClientOptions{})
	_, err = client.Hello(t.Context(), worker.Greeting{MuteMS: time.Until(until).Milliseconds()})
	client.Close()
	if err := errors.Join(err, w.Leave(until), e.Close()); err != nil {
		t.Fatal(err)
	}
}

// A place that waits is claimed by one run that starts with the same, and by no other.
func TestPool(t *testing.T) {
	opts := project(t)
	e := open(t, opts)
	base, tree := mustBase(t, e), mustLoad(t, e, "t1")
	spec := engine.Spec{Run: waiting, Name: "worker-1", Role: engine.Worker, Base: base, Tree: tree, TreeName: "proj"}
	wait(t, opts, spec, time.Now().Add(time.Minute))
	spec.Run, spec.Tree = "run-2", mustLoad(t, e, "t2")

	untrusted := opts
	untrusted.Builder.Scope = cache.Untrusted
	neighbour := opts
	neighbour.Project = opts.Project + "-neighbour"
	for _, x := range []struct {
		who    string
		opts   Options
		change func(*engine.Spec)
	}{
		{"another scope", untrusted, func(*engine.Spec) {}},
		{"another project", neighbour, func(*engine.Spec) {}},
		{"another name", opts, func(s *engine.Spec) { s.Name = "worker-2" }},
		{"other limits", opts, func(s *engine.Spec) { s.Limits.PIDs = 77 }},
		{"another network", opts, func(s *engine.Spec) { s.Network = "none" }},
		{"another user", opts, func(s *engine.Spec) { s.User = "root" }},
	} {
		other := spec
		x.change(&other)
		if got, err := open(t, x.opts).Claim(t.Context(), []engine.Spec{other}); err != nil || got[0] != nil {
			t.Errorf("%s claimed it: %v", x.who, err)
		}
	}
	if removed, err := e.Sweep(t.Context()); err != nil || strings.Contains(strings.Join(removed, " "), "container") {
		t.Errorf("swept %q, %v", removed, err)
	}
	if missing, err := e.Missing(t.Context(), []engine.Spec{spec}); err != nil || len(missing) > 0 {
		t.Errorf("missing %v, %v", missing, err)
	}
	kept, err := e.Usage(t.Context(), cache.Own)
	if pools := kinds(kept, kindPool); err != nil || len(pools) != 1 {
		t.Errorf("%v, %v", pools, err)
	}
	other := open(t, opts)
	if busy, err := e.Busy(); busy || err != nil {
		t.Errorf("busy %t, %v", busy, err)
	}
	mustLoad(t, other, "t2")
	if busy, err := e.Busy(); !busy || err != nil {
		t.Errorf("busy %t, %v, while a run goes on", busy, err)
	}
	all, err := e.Claim(t.Context(), []engine.Spec{spec})
	if err != nil || all[0] == nil || all[0].Tree() != tree {
		t.Fatalf("%v, %v", all, err)
	}
	if again, err := other.Claim(t.Context(), []engine.Spec{spec}); err != nil || again[0] != nil {
		t.Errorf("claimed twice: %v", err)
	}
	if removed, err := other.Sweep(t.Context()); err != nil || len(removed) > 0 {
		t.Errorf("swept what a run that lives has claimed: %q, %v", removed, err)
	}
	i, err := all[0].Attach(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t, i, worker.NewClient(i.Stream(), worker.ClientOptions{})}
	if _, err := s.client.Hello(t.Context(), worker.Greeting{}); err != nil {
		t.Fatal(err)
	}
	s.expect("worker-1 proj", `echo $(hostname) $(basename $PWD)`)
	if err := s.client.Quit(t.Context()); err != nil {
		t.Error(err)
	}
	s.remove()
	noMembers(t, e)
	if left := leftovers(t, e, waiting); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func kinds(all []engine.Kept, kind string) (names []string) {
	for _, k := range all {
		if k.Kind == kind {
			names = append(names, k.Name)
		}
	}
	return names
}

func noMembers(t *testing.T, e *Engine) {
	t.Helper()
	if files, err := filepath.Glob(filepath.Join(e.opts.LockDir, memberPrefix+"*")); err != nil || len(files) > 0 {
		t.Errorf("%q, %v", files, err)
	}
}

// Whatever ends between a place's start and its end, the next sweep removes it once
// nobody can use it.
func TestPoolIsSwept(t *testing.T) {
	opts := project(t)
	e := open(t, opts)
	spec := engine.Spec{Run: waiting, Name: "worker-1", Role: engine.Worker, Base: mustBase(t, e), Tree: mustLoad(t, e, "t1"), TreeName: "proj"}
	swept := func(by *Engine, what string) {
		t.Helper()
		if removed, err := by.Sweep(t.Context()); err != nil || len(removed) == 0 {
			t.Errorf("%s: %q, %v", what, removed, err)
		}
		noMembers(t, e)
		if left := leftovers(t, e, waiting); len(left) > 0 {
			t.Errorf("%s: left behind: %q", what, left)
		}
	}
	died := func(e *Engine) {
		t.Helper()
		if err := errors.Join(e.lock.file.Unlock(), os.Remove(e.lock.file.Path())); err != nil {
			t.Fatal(err)
		}
	}
	starter := open(t, opts)
	half, err := starter.Prepare(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := e.Sweep(t.Context()); err != nil || len(removed) > 0 {
		t.Errorf("swept under who starts it: %q, %v", removed, err)
	}
	died(starter)
	swept(e, "who started it died")
	if err := half.Stream().Close(); err != nil {
		t.Error(err)
	}

	wait(t, opts, spec, time.Now().Add(time.Minute))
	claimer := open(t, opts)
	if all, err := claimer.Claim(t.Context(), []engine.Spec{spec}); err != nil || all[0] == nil {
		t.Fatal(err)
	}
	died(claimer)
	swept(e, "who claimed it died")

	wait(t, opts, spec, time.Now().Add(10*time.Second))
	if all, err := e.Claim(t.Context(), []engine.Spec{spec}); err != nil || all[0] != nil {
		t.Errorf("claimed at its end: %v", err)
	}
	if missing, err := e.Missing(t.Context(), []engine.Spec{spec}); err != nil || len(missing) != 1 {
		t.Errorf("%v, %v", missing, err)
	}
	noMembers(t, e)
	wait(t, opts, spec, time.Now().Add(-time.Second))
	swept(neighbour(t, opts), "its time has passed, by another project")
}
