package dispatch

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// Verdict is the final word on a test.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped"
	// Flaky tests failed, and passed when they were run again.
	Flaky Verdict = "flaky"
	// NotRun tests have no result; Result.Reason has the cause.
	NotRun Verdict = "not-run"
)

// An Attempt is one execution of a test, or what is known of it.
type Attempt struct {
	// Number counts the test's attempts from 1, lost and void ones included.
	Number int
	Worker WorkerID
	Token  worker.Token
	// At is when it ended.
	At      time.Duration
	Outcome worker.Outcome // "" when the worker was lost
	Setup,
	Call,
	Teardown time.Duration
	// Tentative is true if it failed, or is suspect, on a worker that is not full. It does not
	// count once the test has run on one that is.
	Tentative bool
	// First is true if it was the first of the test's file to start on its
	// worker; with Atomic, the first of its batch to end, whose setup holds what
	// the batch cost. Before is what test had started there before; "" for none.
	First  bool
	Before worker.TestID
	// Misplaced is true if it was not run as in a plain run, and that may be why
	// it failed: the whole file runs again. Whole is true if it was part of that.
	// It then counts, and none before it.
	Misplaced, Whole bool
	// Void is the reason why the attempt does not count: its worker was lost, or
	// ran something else. "" if it counts.
	Void string
}

// Total returns how long the attempt took.
func (a Attempt) Total() time.Duration { return a.Setup + a.Call + a.Teardown }

// A Result is a test with its verdict and how it came about.
type Result struct {
	Test    plan.Test
	Verdict Verdict
	// Reason is the reason why a test was not run.
	Reason string
	// Lost is true if the reason is a lost worker.
	Lost     bool
	Attempts []Attempt
	// Final is true if the verdict is given. It may still be another one later:
	// an attempt can be amended, or turn out to be void.
	Final bool
	// Disproved is true if the test failed on a worker that collects lazily,
	// and did not on one that had collected everything.
	Disproved bool
	// Reordered is true if the test failed where its file did not run in plain
	// order, and not where it did.
	Reordered bool
	// Evidence counts results that came for withdrawn leases. They do not count.
	Evidence int
}

// state is the stage of a test between discovery and verdict.
type state uint8

const (
	waiting state = iota // in a worker's queue, or not assigned yet
	parked               // in a lane: it will run apart from the queues
	held                 // handed to a worker
	running              // started there
	final                // it has its verdict
	dropped              // it does not exist
)

// lane is the reason why a test runs apart from the queues.
type lane uint8

const (
	normal  lane = iota
	confirm      // on a full worker: it failed on, or did not fit, a lazy one
	again        // on a fresh worker: it failed
	alone        // last, with nothing else: its worker was lost
	whole        // with its file, in the suite's order: see reordering. It has no list in Dispatcher.lanes
)

// entry is a line of the ledger.
type entry struct {
	test     plan.Test
	file     int32
	state    state
	lane     lane
	full     bool // only a full worker may run it
	recalled bool // asked back
	lost     uint8
	rejected uint8
	returned uint8 // unasked
	recalls  uint8
	evidence uint16
	first    bool  // of its file on the worker on which it runs
	before   int32 // the test that had started there before, or -1
	token    worker.Token
	at       *member // who holds it
	unit     *unit   // of a queue, or nil
	cost     time.Duration
	attempts []Attempt
	reason   string
	infra    bool
}

// failures counts the failures that are the test's own.
func (e *entry) failures() int {
	n := 0
	for i, a := range e.attempts {
		if a.Void == "" && a.Outcome.Fails() && !e.superseded(i) {
			n++
		}
	}
	return n
}

// superseded reports whether a tentative attempt was followed by a real one, or
// any by one of the whole file.
func (e *entry) superseded(i int) bool {
	tentative := e.attempts[i].Tentative
	for _, a := range e.attempts[i+1:] {
		if a.Void == "" && (tentative || a.Whole) {
			return true
		}
	}
	return false
}

// result derives the verdict from the attempts.
func (e *entry) result() Result {
	r := Result{Test: e.test, Verdict: NotRun, Final: e.state == final, Reason: e.reason, Lost: e.infra, Attempts: e.attempts, Evidence: int(e.evidence)}
	failed := false
	for i, a := range e.attempts {
		if a.Void != "" {
			continue
		}
		if e.superseded(i) {
			r.Disproved = r.Disproved || a.Tentative && a.Outcome.Fails() // unless the full worker saw it fail too
			r.Reordered = r.Reordered || a.Misplaced && a.Outcome.Fails()
			continue
		}
		if a.Tentative {
			continue // nobody has confirmed it
		}
		switch {
		case a.Outcome.Fails():
			r.Verdict = Failed
			failed = true
		case a.Outcome == worker.Skipped, a.Outcome == worker.XFailed:
			if !failed {
				r.Verdict = Skipped
			}
		case failed:
			r.Verdict = Flaky
		default:
			r.Verdict = Passed
		}
	}
	if failed {
		r.Disproved, r.Reordered = false, false
	}
	if r.Verdict != NotRun {
		r.Reason, r.Lost = "", false
	} else if r.Reason == "" {
		r.Reason = "it has not run yet"
	}
	return r
}

// Results returns all tests that exist, in the suite's order, each with exactly
// one verdict. The attempts are shared with the dispatcher: do not change them.
func (d *Dispatcher) Results() []Result {
	out := make([]Result, 0, len(d.entries))
	for i := range d.entries {
		if d.entries[i].state != dropped {
			out = append(out, d.entries[i].result())
		}
	}
	slices.SortFunc(out, func(a, b Result) int {
		return cmp.Or(cmp.Compare(a.Test.Index, b.Test.Index), cmp.Compare(a.Test.ID, b.Test.ID))
	})
	return out
}

// Result returns the verdict on one test as it stands; false when it is not
// known.
func (d *Dispatcher) Result(id worker.TestID) (Result, bool) {
	i, ok := d.index[id]
	if !ok || d.entries[i].state == dropped {
		return Result{}, false
	}
	return d.entries[i].result(), true
}

// Remaining returns the number of tests without a verdict.
func (d *Dispatcher) Remaining() int { return d.open }

// Repeated returns how long the test's attempts took that did not fail, were suspect,
// and had to be repeated.
func (r Result) Repeated() (d time.Duration) {
	for i, a := range r.Attempts {
		if a.Tentative && !a.Outcome.Fails() && a.Void == "" && i < len(r.Attempts)-1 {
			d += a.Total()
		}
	}
	return d
}

// Last returns the attempt that the verdict rests on; false when there is none.
func (r Result) Last() (Attempt, bool) {
	for i := len(r.Attempts) - 1; i >= 0; i-- {
		if a := r.Attempts[i]; a.Void == "" && a.Outcome != "" {
			return a, true
		}
	}
	return Attempt{}, false
}
