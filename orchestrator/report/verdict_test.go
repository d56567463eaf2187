package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// What people see of a test while the run goes on is what they see in the end:
// the ledger's verdict, as far as it has spoken.
func TestTheLedgerDecides(t *testing.T) {
	finished := func(attempt int, o worker.Outcome) Body {
		return TestFinished{Worker: attempt, Test: "a", Attempt: attempt, Outcome: o, Message: string(o), Call: 1e9}
	}
	tentative := TestFinished{Worker: 3, Test: "a", Attempt: 1, Outcome: worker.Failing, Tentative: true}
	for _, c := range []struct {
		name   string
		events []Body
		want   string
	}{
		{"one attempt counts as it ended", []Body{finished(1, worker.Failing)}, "failed of 1"},
		{"an expected failure is a skip", []Body{finished(1, worker.XFailed)}, "skipped of 1"},
		{"an attempt that is amended counts as amended", []Body{finished(1, worker.Passed), finished(1, worker.Errored)}, "failed of 1"},
		{"a tentative one does not count", []Body{tentative}, " of 1"},
		{"its confirmation does", []Body{tentative, finished(2, worker.Passed)}, "passed of 1"},
		{"a second attempt changes nothing by itself", []Body{finished(1, worker.Failing), finished(2, worker.Passed)}, "failed of 1"},
		{"the ledger makes it flaky", []Body{finished(1, worker.Failing), finished(2, worker.Passed), Judged{Test: "a", Verdict: Flaky}}, "flaky of 1"},
		{"a failure whose retry is skipped stays one", []Body{finished(1, worker.Failing), finished(2, worker.Skipped), Judged{Test: "a", Verdict: Fail}}, "failed of 1"},
		{"a verdict may be withdrawn", []Body{finished(1, worker.Passed), Judged{Test: "a", Verdict: Pass}, Judged{Test: "a"}}, " of 1"},
		{"a test that there is not is gone", []Body{finished(1, worker.Failing), Dropped{Tests: []string{"a", "b"}}}, "of 0"},
		{"also one that had no verdict", []Body{TestStarted{Worker: 1, Test: "a"}, Dropped{Tests: []string{"a"}}}, "of 0"},
		{"evidence counts for nothing", []Body{Evidence{Worker: 1, Test: "a"}, Evidence{Worker: 1, Test: "a", Outcome: worker.Failing}}, "of 0"},
		{"nor does it change a verdict", []Body{finished(1, worker.Passed), Evidence{Worker: 1, Test: "a", Outcome: worker.Failing}}, "passed of 1"},
	} {
		s := NewState()
		for i, b := range c.events {
			s.Apply(Event{Seq: int64(i + 1), At: time.Duration(i) * time.Second, Body: b})
		}
		r := s.Report()
		got := fmt.Sprintf("of %d", r.Totals.Discovered)
		for _, x := range r.Tests {
			got = fmt.Sprintf("%s %s", x.Verdict, got)
			if n := map[Verdict]int{"": 0, Pass: r.Totals.Passed, Fail: r.Totals.Failed, Skip: r.Totals.Skipped, Flaky: r.Totals.Flaky}[x.Verdict]; x.Verdict != "" && n != 1 {
				t.Errorf("%s: %d tests are counted as %s", c.name, n, x.Verdict)
			}
		}
		if counted := r.Totals.Judged(); strings.HasPrefix(got, "of") && counted != 0 || counted > 1 {
			t.Errorf("%s: %d verdicts are counted", c.name, counted)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Evidence shows what a worker did all the same.
func TestEvidenceIsTheWorkersTime(t *testing.T) {
	s := NewState()
	for i, b := range []Body{
		Evidence{Worker: 1, Test: "a"},
		TestStarted{Worker: 1, Test: "b"},
		Evidence{Worker: 1, Test: "a", Outcome: worker.Passed, Call: 2e9},
		Evidence{Worker: 1, Test: "b", Outcome: worker.Passed, Call: 1e9},
	} {
		s.Apply(Event{Seq: int64(i + 1), At: time.Duration(i) * time.Second, Body: b})
	}
	w := s.Report().Workers[0]
	if got := fmt.Sprintf("%v, busy %s, running %q", w.Order, w.Busy.Std(), w.Running); got != `[a b], busy 3s, running ""` {
		t.Errorf("the worker's order: %s", got)
	}
}
