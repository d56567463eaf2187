package plan

import (
	"time"

	"github.com/shardyard/shardyard/worker"
)

// A Test is what a plan is made of.
type Test struct {
	ID worker.TestID
	// File is the affinity: opening a file on one more worker costs its
	// fixtures again. Splits by file or directory keep a test of no file, "",
	// with no other.
	File string
	// Group, when not empty, must stay on one worker; it is never cut. A group
	// may span files.
	Group string
	// Index is the test's place in the suite's own order.
	Index int
	// Estimate is the time that a worker should need for the test: its setup,
	// call and teardown without the file's fixtures, and Past.PerTest. Known is
	// true if it comes from history.
	Estimate time.Duration
	Known    bool
	// Key orders the queues: the longest first. It is the estimate, but a
	// careful guess for a test that is not known. Zero means Estimate.
	Key time.Duration
}

func (t *Test) key() time.Duration { return max(t.Key, t.Estimate) }
