package dispatch

import (
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// WorkerID numbers a worker from 1. A replacement has a new number.
type WorkerID int

// An Input is something that happened. Time goes only forward and is measured
// from the start of the run.
type Input interface{ input() }

// A Command is something to do now.
type Command interface{ command() }

type (
	// TestsAdded extends the inventory: hinted by the last run, or discovered.
	// Tests that are known already are ignored. A hint is planned and handed
	// out at once; what is discovered, once the inventory is complete, or when
	// a worker would be idle.
	TestsAdded struct {
		Tests  []plan.Test
		Hinted bool
	}
	// TestsDropped removes tests that turned out not to exist.
	TestsDropped struct{ Tests []worker.TestID }
	// InventoryComplete reports that no TestsAdded follows.
	InventoryComplete struct{}
	// WorkerReady reports that a worker takes tests. Full workers have
	// collected the whole suite, and can run what others cannot be trusted with.
	WorkerReady struct {
		Worker WorkerID
		Host   string
		Full   bool
	}
	// WorkerLost reports that a worker is gone, or never came, for a cause that
	// is not a test's.
	WorkerLost struct {
		Worker WorkerID
		Cause  string
	}
	// TestStarted locks a test.
	TestStarted struct {
		Worker WorkerID
		Token  worker.Token
		Test   worker.TestID
	}
	// TestFinished ends an attempt. Failed says whether it failed. It may be
	// repeated to amend the outcome of the worker's last tests.
	TestFinished struct {
		Worker                WorkerID
		Token                 worker.Token
		Test                  worker.TestID
		Outcome               worker.Outcome
		Setup, Call, Teardown time.Duration
		// Tentative failures are final only once they failed on a full
		// worker too, Suspect outcomes of any kind only once one has run the test.
		Tentative, Suspect bool
		// Stray: something that the test left behind failed when no test ran.
		Stray bool
	}
	// TestsReturned gives tests back unrun, after Revoke or at the end of a session.
	TestsReturned struct {
		Worker WorkerID
		Tests  []worker.TestID
	}
	// TestsRejected voids a worker's attempts: what it has under these ids is
	// not what was discovered. What no other worker has or had of them is run
	// by a full worker. Files says that it found other tests in their files:
	// nothing that it runs of these is final.
	TestsRejected struct {
		Worker WorkerID
		Tests  []worker.TestID
		Files  bool
	}
	// RoundTripped reports the time of a message to a worker and back.
	RoundTripped struct {
		Worker WorkerID
		Took   time.Duration
	}
	// Stopped ends handing out: interrupted, a limit of failures, the framework's own wish, run timeout.
	Stopped struct{ Reason string }
	// Ticked reports that time has passed. Sent every second or so, it lets idle
	// workers take what waits behind a test that runs longer than expected.
	Ticked struct{}
)

type (
	// Hand gives tests to a worker, to be appended to what it holds.
	Hand struct {
		Worker WorkerID
		Token  worker.Token
		Tests  []worker.Ref
	}
	// TakeBack asks a worker for tests that wait there.
	TakeBack struct {
		Worker WorkerID
		Tests  []worker.TestID
	}
	// Release reports that a worker gets no more tests.
	Release struct{ Worker WorkerID }
	// Replace asks for one more worker, with the next number. Full: it must
	// collect everything. When it cannot be had, say WorkerLost.
	Replace struct {
		Worker WorkerID
		Full   bool
	}
	// Done reports that every test has its verdict, or that nothing more can be
	// done.
	Done struct{}
)

func (TestsAdded) input()        {}
func (TestsDropped) input()      {}
func (InventoryComplete) input() {}
func (WorkerReady) input()       {}
func (WorkerLost) input()        {}
func (TestStarted) input()       {}
func (TestFinished) input()      {}
func (TestsReturned) input()     {}
func (TestsRejected) input()     {}
func (RoundTripped) input()      {}
func (Stopped) input()           {}
func (Ticked) input()            {}

func (Hand) command()     {}
func (TakeBack) command() {}
func (Release) command()  {}
func (Replace) command()  {}
func (Done) command()     {}
