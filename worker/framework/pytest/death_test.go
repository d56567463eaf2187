package pytest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

// A death is how a test that ended its process, or had it ended, is told.
type death struct {
	Test    worker.TestID
	Cause   string
	Code    int
	Message string
}

func TestDeaths(t *testing.T) {
	p := load(t, "deaths", "8")
	tests := inOrder(discovered(p.session(t, newFeed(), worker.Full, 0, "--deselect=test_a.py", "--deselect=test_b.py")))
	for _, id := range []worker.TestID{"test_before", "test_exits", "test_between", "test_segv", "test_hangs", "test_killed", "test_after"} {
		tests = append(tests, worker.Ref{ID: "test_a.py::" + id, File: "test_a.py"})
	}
	tests = append([]worker.Ref{{ID: "test_b.py::test_wide", File: "test_b.py"}}, tests...)
	f := given(tests)
	outcomes := map[worker.TestID]worker.Outcome{}
	var deaths []death
	for range 7 { // processes
		f.events = nil
		r := p.session(t, f, worker.Full, 2*time.Second)
		if r.err != nil {
			t.Fatal(r.err)
		}
		for _, e := range r.events {
			if e.Finished != nil {
				outcomes[e.Finished.Test] = e.Finished.Outcome
			}
			if e.Finished != nil && e.Finished.Cause != "" {
				deaths = append(deaths, death{e.Finished.Test, e.Finished.Cause, e.Finished.Code, e.Finished.Message})
				if r.exit.Test != e.Finished.Test || r.exit.Cause != e.Finished.Cause {
					t.Errorf("exit %+v does not fit %+v", r.exit, e.Finished)
				}
				if e.Finished.Cause == "timeout" && !strings.Contains(r.stdout, "in test_hangs") {
					t.Errorf("no stack of the test that hangs: %s", r.stdout)
				}
				if !strings.Contains(strings.Join(r.reports[string(e.Finished.Test)+" call"], ""), "failed") && e.Finished.Code != 7 {
					t.Errorf("no report of %s: %v", e.Finished.Test, r.reports)
				}
			}
		}
		for _, leased := range f.locked { // as the agent does
			f.Unlock(leased)
		}
		if r.exit.Cause == "" {
			break
		}
	}
	want := []death{
		{"test_b.py::test_wide", "exited", 7, "after the test, while fixtures of wider scope were torn down, something ended its process with status 7"},
		{"test_a.py::test_exits", "exited", 0, "the test ended its process with status 0"},
		{"test_a.py::test_segv", "signal", 139, "killed by signal 11 (SIGSEGV)"},
		{"test_a.py::test_hangs", "timeout", 137, "timed out after 2s"},
		{"test_a.py::test_killed", "signal", 137, "killed by signal 9 (SIGKILL)"},
	}
	want[0].Message = deaths[0].Message // it depends on whether the next test was known
	if diff := cmp.Diff(want, deaths); diff != "" {
		t.Error(diff)
	}
	for _, id := range []worker.TestID{"test_a.py::test_before", "test_a.py::test_between", "test_a.py::test_after", "test_c.py::test_last"} {
		if outcomes[id] != worker.Passed {
			t.Errorf("%s: %q", id, outcomes[id])
		}
	}
}

// The test before has ended, and the one that is about to start is named, when
// the process ends before pytest itself says that it starts.
func TestDeathBeforeTheStartIsLogged(t *testing.T) {
	p := load(t, "gate", "8")
	r := p.session(t, given([]worker.Ref{{ID: "test_it.py::test_a", File: "test_it.py"}, {ID: "test_it.py::test_b", File: "test_it.py"}}), worker.Full, 0)
	if r.err != nil || r.exit.Test != "test_it.py::test_b" || r.exit.Code != 5 {
		t.Errorf("exit %+v, error %v", r.exit, r.err)
	}
	if r.outcomes["test_it.py::test_a"] != worker.Passed {
		t.Errorf("outcomes %v", r.outcomes)
	}
}

func TestDeathWhileCollecting(t *testing.T) {
	p := load(t, "bad_import", "8")
	t.Run("full", func(t *testing.T) {
		r := p.session(t, newFeed(), worker.Full, 0)
		if r.err == nil || !strings.Contains(r.err.Error(), "test_b.py: status 0") {
			t.Errorf("error %v, want one that names test_b.py", r.err)
		}
	})
	t.Run("lazy", func(t *testing.T) {
		r := p.session(t, given([]worker.Ref{{ID: "test_a.py::test_a", File: "test_a.py"}, {ID: "test_b.py::test_b", File: "test_b.py"}}), worker.Lazy, 0)
		if r.err != nil || r.exit.Test != "test_b.py::test_b" || r.exit.Cause != "exited" {
			t.Errorf("exit %+v, error %v", r.exit, r.err)
		}
		if r.outcomes["test_a.py::test_a"] != worker.Passed || r.outcomes["test_b.py::test_b"] != worker.Failing {
			t.Errorf("outcomes %v", r.outcomes)
		}
	})
}

func TestUsage(t *testing.T) {
	p := load(t, "bad_import", "8")
	for want, args := range map[string][]string{
		"file or directory not found: nowhere": {"nowhere"},
		"unrecognized arguments: --no-such":    {"--no-such"},
		"shardyard plan --splits":              {"-p", "pytest_split.plugin", "--splits", "2", "--group", "1"},
		"--collect-only runs no test":          {"--collect-only"},
	} {
		r := p.session(t, newFeed(), worker.Full, 0, args...)
		if !errors.Is(r.err, worker.ErrUsage) || !strings.Contains(r.err.Error(), want) {
			t.Errorf("%q: error %v, want %q", args, r.err, want)
		}
	}
}
