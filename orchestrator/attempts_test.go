package orchestrator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// live is the dispatcher's answer to what a worker says of test "a".
func live(number int, change func(*dispatch.Attempt)) dispatch.Answer {
	a := dispatch.Answer{Live: true, Test: plan.Test{ID: "a", File: "a.py"}, Attempt: dispatch.Attempt{Number: number, Worker: 1, Token: 7}}
	if change != nil {
		change(&a.Attempt)
	}
	return a
}

func TestAnAttemptIsToldAsTheDispatcherHasIt(t *testing.T) {
	a := newAttempts()
	a.expanded(1, time.Second)
	a.expanded(1, 2*time.Second)
	evidence := a.started(time.Second, 1, worker.Started{Test: "a", Token: 9}, dispatch.Answer{}, 0)
	first := a.started(2*time.Second, 1, worker.Started{Test: "a", Token: 7}, live(2, nil), report.Duration(1900*time.Millisecond))
	second := a.started(3*time.Second, 1, worker.Started{Test: "a", Token: 7}, live(3, nil), 0)
	for _, c := range []struct {
		name      string
		got, want report.Body
	}{
		{"evidence", evidence, report.Evidence{Worker: 1, Test: "a"}},
		{"with what was collected before it", first, report.TestStarted{
			Worker: 1, Test: "a", Attempt: 2, Token: 7, File: "a.py", Collected: report.Duration(3 * time.Second),
			Began: report.Duration(1900 * time.Millisecond),
		}},
		{"which is told once", second, report.TestStarted{Worker: 1, Test: "a", Attempt: 3, Token: 7, File: "a.py"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if a.first != 2*time.Second {
		t.Errorf("the first test started after %s", a.first)
	}
}

func TestFailuresAreCountedOnceAndConfirmed(t *testing.T) {
	failed := worker.Finished{Test: "a", Token: 7, Outcome: worker.Failing, Message: "no", SetupMS: 1, CallMS: 2, TeardownMS: 3}
	passed := failed
	passed.Outcome = worker.Passed
	tentative := func(a *dispatch.Attempt) { a.Tentative = true }
	void := func(a *dispatch.Attempt) { a.Void = "what ran is not what was discovered" }
	for _, c := range []struct {
		name   string
		f      []worker.Finished
		answer dispatch.Answer
		want   int
	}{
		{"a failure", []worker.Finished{failed}, live(1, nil), 1},
		{"a failure that is said again", []worker.Finished{failed, failed}, live(1, nil), 1},
		{"a pass that becomes a failure", []worker.Finished{passed, failed}, live(1, nil), 1},
		{"a pass", []worker.Finished{passed}, live(1, nil), 0},
		{"a tentative failure", []worker.Finished{failed}, live(1, tentative), 0},
		{"a void failure", []worker.Finished{failed}, live(1, void), 0},
		{"a failure without a lease", []worker.Finished{failed}, dispatch.Answer{}, 0},
	} {
		a := newAttempts()
		var last report.Body
		for _, f := range c.f {
			last = a.finished(time.Minute, 1, f, c.answer, report.Expected{})
		}
		if a.failures() != c.want {
			t.Errorf("%s: %d failures, want %d", c.name, a.failures(), c.want)
		}
		_, evidence := last.(report.Evidence)
		if evidence == c.answer.Live || (a.last == 0) == c.answer.Live {
			t.Errorf("%s is told as %#v, and the last test ended after %s", c.name, last, a.last)
		}
	}
}

func TestReportsBelongToTheLatestLease(t *testing.T) {
	a := newAttempts()
	a.handed(dispatch.Hand{Worker: 1, Token: 7, Tests: []worker.Ref{{ID: "a"}, {ID: "b"}}})
	a.handed(dispatch.Hand{Worker: 1, Token: 8, Tests: []worker.Ref{{ID: "b"}}})
	a.handed(dispatch.Hand{Worker: 2, Token: 9, Tests: []worker.Ref{{ID: "a"}}})
	for _, c := range []struct {
		worker dispatch.WorkerID
		test   worker.TestID
		want   worker.Token
	}{{1, "a", 7}, {1, "b", 8}, {2, "a", 9}, {2, "b", 0}, {3, "a", 0}} {
		if got := a.lease(c.worker, c.test); got != c.want {
			t.Errorf("worker %d's lease of %s is %d, want %d", c.worker, c.test, got, c.want)
		}
	}
}
