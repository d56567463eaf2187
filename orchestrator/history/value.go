package history

import (
	"time"

	"github.com/shardyard/shardyard/worker"
)

// Key names a suite across runs and projects in one database. Both parts are
// opaque.
func Key(project, suite string) string { return project + "\x1f" + suite }

// A Run is one run of one suite, to be recorded.
type Run struct {
	ID        string // unique
	Suite     string // see Key
	Tree      string
	Workers   int
	Host      string // where workers ran, unless an Attempt says otherwise
	StartedAt time.Time
	Duration  time.Duration // wall clock
	Predicted time.Duration // likewise; 0: nothing was
	Exit      int
	Commit    string   // "" for none
	Branch    string   // likewise
	Flaky     int      // tests
	Coverage  *float64 // per cent; nil when it was not measured, or is not complete
	// PerTest is what a test took a worker besides its setup, call and
	// teardown, in the mean; 0 when that is not known.
	PerTest  time.Duration
	Attempts []Attempt
	// Selection and Inventory, when Inventory is not nil, are what discovery
	// found; see DB.Inventory.
	Selection string
	Inventory []File
}

// An Attempt is one execution of one test.
type Attempt struct {
	Test    worker.TestID
	File    string
	Index   int // in the suite's order
	Worker  int
	Host    string // "" is Run.Host
	Attempt int    // from 1
	Outcome worker.Outcome
	Setup   time.Duration
	Call    time.Duration
	// Teardown includes fixtures of wider scope that ended with this test.
	Teardown time.Duration
	// First is true if no test of this file ran on this worker before, so that
	// Setup holds the file's fixtures.
	First bool
	// Tentative attempts failed on a worker that collects lazily, and were run
	// again elsewhere: evidence, no verdict.
	Tentative bool
}

// A Sample is the outcome and the times of one attempt at a test.
type Sample struct {
	Run                   int64 // the run's number in this database; grows with time
	Worker                int
	Attempt               int
	Outcome               worker.Outcome
	Setup, Call, Teardown time.Duration // to the microsecond
	First                 bool
	Tentative             bool
	Host                  string
}

// Total is setup, call and teardown.
func (s Sample) Total() time.Duration { return s.Setup + s.Call + s.Teardown }

// Samples are the recorded times that estimates are made of.
type Samples struct {
	// Tests has the last samples of each test, oldest first, at most Window.
	Tests map[worker.TestID][]Sample
	// Files has what is known of the fixtures of each file.
	Files map[string]Fixture
	// Hosts has each host's speed: estimated / actual time, 1 is as expected.
	Hosts map[string]float64
	// PerTest is the newest Run.PerTest that is known; 0 for none.
	PerTest time.Duration
}

// A Fixture compares setups of one file's tests.
type Fixture struct {
	First    time.Duration // median setup of tests that were the file's first on a worker
	Other    time.Duration // median setup of the others
	FirstN   int           // how many samples First rests on
	OtherN   int
	Teardown time.Duration // median teardown
}

// Cost returns what opening the file on one more worker costs; never negative.
func (f Fixture) Cost() time.Duration {
	if f.FirstN == 0 || f.OtherN == 0 {
		return 0
	}
	return max(f.First-f.Other, 0)
}

// A File is a file of the suite with its tests, in the suite's order. Where other
// files' tests come in between it is there more than once.
type File struct {
	Path  string `json:"path"`
	Tests []Test `json:"tests"`
}

// A Test is a test as it was discovered.
type Test struct {
	ID    worker.TestID `json:"id"`
	Group string        `json:"group,omitempty"`
}
