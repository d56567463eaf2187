package dispatch

import (
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
)

// Runner is the way in which workers run the tests that they are handed.
type Runner int

const (
	// Stream runners are persistent: they take one test after the other, and
	// only the running one is locked.
	Stream Runner = iota
	// Atomic runners start a process for each batch, all of which is locked.
	Atomic
)

// Config holds a dispatcher's settings.
type Config struct {
	// Workers is the number of workers that are expected, numbered from 1.
	Workers int
	// Split is what must stay together besides groups.
	Split plan.Split
	// Fixtures is the cost of opening a file on a worker, by file.
	Fixtures map[string]time.Duration
	// PerTest is the part of every test's estimate that its times, when it has
	// finished, do not hold: see plan.Past.
	PerTest time.Duration
	// Hosts are the expected workers' hosts, Speeds the speeds of hosts; 1
	// where one is missing.
	Hosts  []string
	Speeds map[string]float64
	// Static keeps the plan as it was made: nothing is stolen, and only what a
	// lost worker leaves is moved.
	Static bool
	Runner Runner
	// BatchCost is the time that a handed batch costs besides its tests.
	BatchCost time.Duration
	// Window is how much work waits at a worker behind the test that runs
	// there: at least one test, at most 64. Zero means 50 ms. Where the link to a
	// worker is slow it is four round trips: see RoundTripped.
	Window time.Duration
	// StartCost is what one more full worker is expected to cost until it is
	// there: its start and a full collection. Zero means 3 s. What those that
	// came took counts instead when it was more.
	StartCost time.Duration
	// Reorder is how much time may be spent on whole files that run again because a
	// test failed behind others than in a plain run; half of the run's time so
	// far, if that is more. 0: none, and such failures stand.
	Reorder time.Duration
	// Retries is how often a failed test is run again.
	Retries int
	// MaxReplacements is how many lost workers are replaced.
	MaxReplacements int
}

const (
	defaultWindow = 50 * time.Millisecond
	defaultStart  = 3 * time.Second
	maxWindow     = 64 // tests
	windowTrips   = 4
	// margin is the least time that must be won for a test to be taken back
	// from a worker.
	margin = 10 * time.Millisecond
)
