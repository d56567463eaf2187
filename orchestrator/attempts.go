package orchestrator

import (
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// attempts keeps what the loop needs of running tests besides the dispatcher's
// ledger, which has each attempt itself: the lease under which a worker sends a
// test's reports, the time in which it collected files since its last test, and the
// number of failed tests. Its methods take workers' messages with the dispatcher's
// answers, and return the events.
type attempts struct {
	workers map[dispatch.WorkerID]*stream
	failed  map[worker.TestID]bool
	// first is the time when the first test started, last that when the last one
	// ended; zero if none did.
	first, last time.Duration
}

// A stream is the tests of one worker.
type stream struct {
	leases    map[worker.TestID]worker.Token // the latest of each test
	collected time.Duration                  // files, since its last test
}

func newAttempts() *attempts {
	return &attempts{workers: map[dispatch.WorkerID]*stream{}, failed: map[worker.TestID]bool{}}
}

func (a *attempts) of(w dispatch.WorkerID) *stream {
	s := a.workers[w]
	if s == nil {
		s = &stream{leases: map[worker.TestID]worker.Token{}}
		a.workers[w] = s
	}
	return s
}

// handed records a lease.
func (a *attempts) handed(h dispatch.Hand) {
	for _, t := range h.Tests {
		a.of(h.Worker).leases[t.ID] = h.Token
	}
}

// lease returns the one under which a worker sends reports of a test; 0 if it
// never had one.
func (a *attempts) lease(w dispatch.WorkerID, id worker.TestID) worker.Token {
	return a.of(w).leases[id]
}

// expanded records that a worker has collected a file to run a test of it.
func (a *attempts) expanded(w dispatch.WorkerID, took time.Duration) { a.of(w).collected += took }

// started records that a test starts. began is when it did by its worker's clock.
func (a *attempts) started(now time.Duration, w dispatch.WorkerID, s worker.Started, answer dispatch.Answer, began report.Duration) report.Body {
	if !answer.Live {
		return report.Evidence{Worker: int(w), Test: string(s.Test)}
	}
	if a.first == 0 {
		a.first = now
	}
	at := a.of(w)
	collected := at.collected
	at.collected = 0
	return report.TestStarted{
		Worker: int(w), Test: string(s.Test), Attempt: answer.Attempt.Number, Token: int64(s.Token), File: answer.Test.File, Collected: report.Duration(collected), Began: began,
	}
}

// finished records that a test has ended, or, a second time, that its outcome is
// another one. expected is the plan's estimate of the attempt.
func (a *attempts) finished(now time.Duration, w dispatch.WorkerID, f worker.Finished, answer dispatch.Answer, expected report.Expected) report.Body {
	setup, call, teardown := report.Millis(f.SetupMS), report.Millis(f.CallMS), report.Millis(f.TeardownMS)
	if !answer.Live {
		return report.Evidence{
			Worker: int(w), Test: string(f.Test), Outcome: f.Outcome, Message: f.Message, Setup: setup, Call: call, Teardown: teardown,
		}
	}
	a.last = now
	if tried := answer.Attempt; f.Outcome.Fails() && !tried.Tentative && !tried.Misplaced && tried.Void == "" {
		a.failed[f.Test] = true
	}
	return report.TestFinished{
		Worker: int(w), Test: string(f.Test), Attempt: answer.Attempt.Number, Outcome: f.Outcome, Message: f.Message,
		Setup: setup, Call: call, Teardown: teardown, Cause: f.Cause, Code: f.Code, Tentative: answer.Attempt.Tentative || answer.Attempt.Misplaced, First: answer.Attempt.First,
		File: f.File, Line: f.Line, Lack: f.Lack, Expected: expected,
	}
}

// failures returns the number of tests that have failed, over all workers. A
// tentative failure counts once it is confirmed.
func (a *attempts) failures() int { return len(a.failed) }
