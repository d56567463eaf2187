package dispatch

import (
	"slices"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// An Answer is the effect of an input.
type Answer struct {
	// Live is true if a TestStarted or TestFinished is about a lease that its
	// worker has, or, as an amendment, about the attempt that came of it.
	// Anything else is evidence: it changes nothing.
	Live bool
	// Test and Attempt are what a live input is about; after a WorkerLost,
	// the test that the worker ran, if any. The attempt is as the ledger has
	// it now.
	Test    plan.Test
	Attempt Attempt
	// Judged are the tests that have got their verdict, got another one, or
	// lost it because they run again, each once: see Result.Final.
	Judged []worker.TestID
	// Thefts are the tests that have moved to another worker's queue.
	Thefts []Theft
	// Commands must be carried out now, in this order.
	Commands []Command
}

// A Theft is tests of one worker's queue that a worker took that would be idle.
type Theft struct {
	From, To WorkerID
	Tests    int
}

// about sets the test and the attempt that the answer is about.
func (d *Dispatcher) about(e *entry, a Attempt, live bool) {
	d.answer.Live, d.answer.Test, d.answer.Attempt = live, e.test, a
}

// begun returns the attempt at a test that runs.
func (d *Dispatcher) begun(e *entry) Attempt {
	a := Attempt{Number: len(e.attempts) + 1, Worker: e.at.id, Token: e.token, First: e.first, Whole: e.lane == whole}
	if e.before >= 0 {
		a.Before = d.entries[e.before].test.ID
	}
	return a
}

// ended appends an attempt to the test's.
func (e *entry) ended(a Attempt) { e.attempts = append(e.attempts, a) }

// judge notes that the verdict on the test was given, changed or withdrawn.
func (d *Dispatcher) judge(i int32) { d.judged = append(d.judged, i) }

// reopen withdraws the verdict on the test.
func (d *Dispatcher) reopen(i int32) {
	d.open++
	d.judge(i)
}

// settled lists the tests that were judged since the last input, in the order
// of the inventory.
func (d *Dispatcher) settled() []worker.TestID {
	if len(d.judged) == 0 {
		return nil
	}
	slices.Sort(d.judged)
	list := slices.Compact(d.judged)
	ids := make([]worker.TestID, 0, len(list))
	for _, i := range list {
		if d.entries[i].state != dropped {
			ids = append(ids, d.entries[i].test.ID)
		}
	}
	d.judged = d.judged[:0]
	return ids
}
