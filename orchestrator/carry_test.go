package orchestrator

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// after runs the suite again behind an earlier trial.
func after(t *testing.T, earlier *trial, s *fakeSuite, change func(*trial)) *trial {
	t.Helper()
	return try(t, s, func(x *trial) {
		x.req.Project, x.req.Again, x.req.RunID = earlier.req.Project, earlier.req.Out, "r2"
		if change != nil {
			change(x)
		}
	})
}

// ran are the tests that a trial ran.
func (x *trial) ran() string {
	var ids []string
	for id := range maps.Keys(x.suite.attempts) {
		ids = append(ids, string(id))
	}
	return strings.Join(slices.Sorted(slices.Values(ids)), " ")
}

// redThen fails a1, and loses b2's workers.
func redThen() *fakeSuite {
	s := two()
	s.on("a1", fate{outcome: worker.Failing, message: "1 != 2"})
	s.on("b1", fate{outcome: worker.Skipped})
	s.killed("b2", 2, engine.Exit{Code: 137})
	return s
}

const redVerdicts = "a1 failed, a2 passed, b1 skipped, b2 not-run"

func TestOnlyWhatIsUnprovenRunsAgain(t *testing.T) {
	first := try(t, redThen(), nil)
	first.ends(t, report.ExitFailed, redVerdicts)

	h := &fakeHistory{inventory: hint("a.py a1 a2", "b.py b1 b2")}
	s := suiteOf("a.py a1 a2 a3", "b.py b1 b2")
	x := after(t, first, s, func(x *trial) { x.req.Workers, x.deps.History = 3, h })
	x.ends(t, report.ExitGreen, "a1 passed, a2 passed, a3 passed, b1 skipped, b2 passed")
	if x.ran() != "a1 a3 b2" {
		t.Errorf("ran %s", x.ran())
	}
	x.wants(t, "info: 2 verdicts hold of run r: 3 tests are still to run", "concluded")
	if n := strings.Count(string(s.order), "\n"); n != 6 {
		t.Errorf("the conclusion has %d lines:\n%s", n, s.order)
	}
	for _, id := range []string{"a1", "a2", "a3", "b1", "b2"} {
		if n := strings.Count(string(s.reports), `"test":"`+id+`","kind":"report"`); n != 1 {
			t.Errorf("%d reports of %s:\n%s", n, id, s.reports)
		}
	}
	if len(h.recorded) != 1 || len(h.recorded[0].Attempts) != 3 {
		t.Errorf("the history learns %+v", h.recorded)
	}

	again := after(t, x, suiteOf("a.py a1 a2 a3", "b.py b1 b2"), nil)
	again.ends(t, report.ExitGreen, "a1 passed, a2 passed, a3 passed, b1 skipped, b2 passed")
	if again.ran() != "" {
		t.Errorf("ran %s, and nothing was left to run", again.ran())
	}
}

// TestAfterAKill cuts the log behind each of its lines, as a kill does: what was
// known then, and no more, is taken over.
func TestAfterAKill(t *testing.T) {
	first := try(t, redThen(), nil)
	path := filepath.Join(first.req.Out, logFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	kept := 0
	for n := range lines {
		if n < 5 || n%3 != 0 {
			continue
		}
		if err := os.WriteFile(path, append(bytes.Join(lines[:n], nil), `{"seq":9`...), 0o644); err != nil {
			t.Fatal(err)
		}
		x := after(t, first, two(), nil)
		x.ends(t, report.ExitGreen, strings.ReplaceAll(green, "b1 passed", map[bool]string{true: "b1 passed", false: "b1 skipped"}[strings.Contains(x.ran(), "b1")]))
		before := kept
		if kept = 4 - len(strings.Fields(x.ran())); kept < before {
			t.Errorf("%d lines of the log prove %d tests, and fewer proved %d", n, kept, before)
		}
	}
	if kept != 2 {
		t.Errorf("in the end %d tests are proven", kept)
	}
}

func TestWhereSomethingDiffersAllTestsRun(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*trial)
		says   string
	}{
		"sources": {func(x *trial) {
			if err := os.WriteFile(filepath.Join(x.req.Project, "a.py"), []byte("other\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "the sources differ from those of run r"},
		"selection":           {func(x *trial) { x.req.Session.Args = []string{"-k", "a"} }, "the selection of tests differ from those of run r"},
		"variables":           {func(x *trial) { x.req.Env = map[string]string{"TZ": "UTC"} }, "the variables that tests see differ from those of run r"},
		"version":             {func(x *trial) { x.req.Version = "2" }, "the version of shardyard differ from those of run r"},
		"scope":               {func(x *trial) { x.req.Scope = cache.Untrusted }, "the scopes of trust differ from those of run r"},
		"coverage of the run": {func(x *trial) { x.suite.session = `{"measured": true}` }, "the coverage of run r is not whole"},
	} {
		t.Run(name, func(t *testing.T) {
			first := try(t, redThen(), nil)
			x := after(t, first, two(), c.change)
			x.ends(t, report.ExitGreen, green)
			x.wants(t, "warning: all tests run: "+c.says)
			if x.ran() != "a1 a2 b1 b2" {
				t.Errorf("ran %s", x.ran())
			}
		})
	}
}

// A run that was cut off before it knew its tests has proven nothing.
func TestARunWithoutTestsProvesNothing(t *testing.T) {
	s := two()
	s.collect = time.Hour
	first := try(t, s, func(x *trial) {
		time.AfterFunc(time.Minute, func() { x.cancel(context.Canceled) })
	})
	x := after(t, first, two(), nil)
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "warning: all tests run: run r had not found its tests")
}

// Of tests that are named these run, and no others: those keep what they came to.
func TestNamedTestsRunAgain(t *testing.T) {
	for name, c := range map[string]struct {
		named    Names
		change   func(*trial)
		suite    *fakeSuite
		exit     int
		verdicts string
		ran      string
		says     string
	}{
		"one that failed": {
			named: Names{"a1"}, exit: report.ExitInfrastructure, ran: "a1",
			verdicts: "a1 passed, a2 passed, b1 skipped, b2 not-run", says: "info: 3 verdicts hold of run r: 1 test is still to run",
		},
		"one that was not run": {
			named: Names{"b2"}, exit: report.ExitFailed, ran: "b2",
			verdicts: "a1 failed, a2 passed, b1 skipped, b2 passed", says: "info: 3 verdicts hold of run r: 1 test is still to run",
		},
		"one that passed, and a file": {
			named: Names{"a2", "b.py"}, exit: report.ExitFailed, ran: "a2 b1 b2",
			verdicts: "a1 failed, a2 passed, b1 passed, b2 passed", says: "info: 1 verdict holds of run r: 3 tests are still to run",
		},
		"one of a suite that has grown": {
			named: Names{"a1"}, suite: suiteOf("a.py a1 a2 a3", "b.py b1 b2"), exit: report.ExitInfrastructure, ran: "a1",
			verdicts: "a1 passed, a2 passed, a3 not-run, b1 skipped, b2 not-run", says: "info: 4 verdicts hold of run r: 1 test is still to run",
		},
		"of other sources": {
			named: Names{"a1"}, change: other, exit: report.ExitGreen, ran: "a1", verdicts: "a1 passed",
			says: "warning: the verdict is on the tests that were named, and no others: the sources differ from those of run r",
		},
		"of a run without its coverage": {
			named: Names{"a1"}, change: func(x *trial) { x.suite.session = `{"measured": true}` }, exit: report.ExitGreen, ran: "a1", verdicts: "a1 passed",
			says: "warning: the verdict is on the tests that were named, and no others: the coverage of run r is not whole",
		},
		"that there is not any more": {
			named: Names{"a1", "b9"}, change: other, exit: report.ExitUsage, ran: "a1", verdicts: "a1 passed", says: "fault: usage: the suite has no test b9 any more: shardyard rerun without a name runs all that is not proven",
		},
	} {
		t.Run(name, func(t *testing.T) {
			first := try(t, redThen(), nil)
			s := cmp.Or(c.suite, two())
			x := after(t, first, s, func(x *trial) {
				x.req.Named = c.named
				if c.change != nil {
					c.change(x)
				}
			})
			x.ends(t, c.exit, c.verdicts)
			x.wants(t, c.says)
			if x.ran() != c.ran {
				t.Errorf("ran %s, want %s", x.ran(), c.ran)
			}
		})
	}
}

// other changes the sources.
func other(x *trial) {
	if err := os.WriteFile(filepath.Join(x.req.Project, "a.py"), []byte("other\n"), 0o644); err != nil {
		panic(err)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name string
		has  bool
	}{
		{"a.py", true}, {"a.py::T::x[1]", true}, {"a.py::T::x", true}, {"a.py::T", true}, {"a.py::T::x[1] #2", true},
		{"", false}, {"a.p", false}, {"b.py", false}, {"a.py::T::", false}, {"a.py::T::x[1] #", false}, {"x", false},
	} {
		if got := (Names{c.name}).Has("a.py", "a.py::T::x[1] #2"); got != c.has {
			t.Errorf("%q: %t", c.name, got)
		}
	}
}
