package pytest

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

// warmed is the Run of an interpreter that has imported pytest before, without the
// tests: these come only now.
func warmed(ctx context.Context, t *testing.T, open worker.Open) func(context.Context, worker.Open, worker.Stream) (worker.Exit, error) {
	t.Helper()
	before := open
	before.Args, before.Options = nil, withSeed(open, 77)
	ready, err := New().Warm(ctx, before, open.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return ready.Run
}

func withSeed(open worker.Open, seed int64) []byte {
	o, err := parseOptions(open.Options, open.Program)
	if err != nil {
		panic(err)
	}
	o.Seed = seed
	return worker.Raw(o)
}

// An interpreter that is not as one that is started now would be is not used.
func TestWarmthThatDoesNotFit(t *testing.T) {
	p := load(t, "verdicts", "8")
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.Mkdir(hook, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name   string
		change func(t *testing.T, before, now *worker.Open)
		used   bool
	}{
		{"all the same", func(*testing.T, *worker.Open, *worker.Open) {}, true},
		{"a variable of the run", func(_ *testing.T, _, now *worker.Open) { now.Env["SHARDYARD_RUN"] = "r" }, true},
		{"another variable", func(_ *testing.T, _, now *worker.Open) { now.Env["A"] = "b" }, false},
		{"another directory", func(t *testing.T, before, _ *worker.Open) { before.Dir = t.TempDir() }, false},
		{"sitecustomize comes", func(t *testing.T, before, now *worker.Open) {
			before.Env["PYTHONPATH"], now.Env["PYTHONPATH"] = hook, hook
			t.Cleanup(func() { _ = os.Remove(filepath.Join(hook, "sitecustomize.py")) })
		}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := p.checkout(t)
			open := worker.Open{
				Framework: "pytest", Mode: worker.Full, Dir: dir, Args: p.args, Results: t.TempDir(),
				Env: map[string]string{"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, Options: worker.Raw(Options{Python: p.python}),
			}
			before := open
			before.Env = maps.Clone(open.Env)
			x.change(t, &before, &open)
			ready, err := New().Warm(t.Context(), before, dir)
			if err != nil {
				t.Fatal(err)
			}
			process := ready.(*warmth).session.process
			if open.Env["PYTHONPATH"] != "" {
				if err := os.WriteFile(filepath.Join(hook, "sitecustomize.py"), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			f := newFeed()
			pid := 0
			f.on = func(e worker.Event) {
				if e.Opened != nil {
					select {
					case <-process.ended:
					default:
						pid = process.cmd.Process.Pid
					}
				}
			}
			if _, err := ready.Run(t.Context(), open, f); err != nil {
				t.Fatal(err)
			}
			if opened := slices.ContainsFunc(f.events, func(e worker.Event) bool { return e.Opened != nil }); !opened || (pid != 0) != x.used {
				t.Errorf("opened %t, with the process that was ready: %t, want %t", opened, pid != 0, x.used)
			}
		})
	}
}

// Where an interpreter loads something of the tree when it starts, none is ready.
func TestNothingOfTheTreeIsWarm(t *testing.T) {
	p := load(t, "verdicts", "8")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sitecustomize.py"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	open := worker.Open{Framework: "pytest", Dir: dir, Env: map[string]string{"PYTHONPATH": dir}, Options: worker.Raw(Options{Python: p.python})}
	if _, err := New().Warm(t.Context(), open, dir); err == nil || !strings.Contains(err.Error(), "it ended") {
		t.Errorf("%v", err)
	}
	// Nor does one that died meanwhile fail a session.
	open.Dir, open.Mode, open.Results = p.checkout(t), worker.Full, t.TempDir()
	ready, err := New().Warm(t.Context(), open, open.Dir)
	if err != nil {
		t.Fatal(err)
	}
	ready.(*warmth).session.kill()
	<-ready.(*warmth).session.ended
	f := newFeed()
	if _, err := ready.Run(t.Context(), open, f); err != nil || len(f.events) == 0 {
		t.Errorf("%d events, %v", len(f.events), err)
	}
}
