package simulate

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
)

// A Suite is a list of tests with the times that planners expect and the times
// that the tests will really take.
type Suite struct {
	Name string
	// Tests are in the suite's order, with the estimates that our planner has.
	Tests []plan.Test
	// Last is each test's last time, which other tools plan by; negative if it
	// is not known.
	Last []time.Duration
	// Actual is what each test takes, without fixtures.
	Actual []time.Duration
	// Fails are the tests that fail, by index, on every worker.
	Fails map[int]bool
}

// A World is what a suite runs on.
type World struct {
	Workers int
	// Speeds are the workers' true speeds; a missing one is 1. SpeedsKnown is
	// true if our planner knows them.
	Speeds      []float64
	SpeedsKnown bool
	// Fixtures is what opening a file on a worker costs, by file.
	Fixtures map[string]time.Duration
	// PerTest is what each test takes a worker besides: see plan.Past. Our
	// planner knows it.
	PerTest time.Duration
	// Batch is what a process for a batch costs.
	Batch time.Duration
	// Latency is how long a message takes to a worker.
	Latency time.Duration
	// Split is what our planner keeps together.
	Split plan.Split
	// Lazy is true if our workers, but for the first, collect lazily: what fails
	// there must be confirmed by one that has collected everything.
	Lazy bool
	// Start is the time that a new worker that collects everything takes to start.
	Start time.Duration
	// Stagger is how far apart our workers come; the tools that first wait for
	// all of theirs have none.
	Stagger time.Duration
}

func (w World) speed(i int) float64 {
	if i < len(w.Speeds) && w.Speeds[i] > 0 {
		return w.Speeds[i]
	}
	return 1
}

// A Result is how a simulated run went.
type Result struct {
	// Makespan is when the last worker was done.
	Makespan time.Duration
	// Busy is how long each worker worked. There are more than Workers when
	// some were exchanged.
	Busy    []time.Duration
	Workers int
	// Opened counts pairs of a worker and a file that it opened.
	Opened int
}

// Balance returns the mean time that workers worked by the makespan, 0 to 1.
func (r Result) Balance() float64 {
	if r.Makespan <= 0 || r.Workers == 0 {
		return 1
	}
	var sum time.Duration
	for _, b := range r.Busy {
		sum += b
	}
	return float64(sum) / float64(r.Workers) / float64(r.Makespan)
}

// Bound returns the least time in which any schedule could run the suite: the
// mean load by speed, with each file opened once, or the longest test with its
// file's fixtures on the fastest worker. What every test takes besides counts.
func Bound(s Suite, w World) time.Duration {
	var sum, longest time.Duration
	seen := map[string]bool{}
	for i := range s.Tests {
		f := w.Fixtures[s.Tests[i].File]
		sum += s.Actual[i] + w.PerTest
		longest = max(longest, s.Actual[i]+w.PerTest+f)
		if !seen[s.Tests[i].File] {
			seen[s.Tests[i].File] = true
			sum += f
		}
	}
	total, fastest := 0.0, 0.0
	for i := range w.Workers {
		total += w.speed(i)
		fastest = max(fastest, w.speed(i))
	}
	return time.Duration(max(float64(sum)/total, float64(longest)/fastest))
}

// Attainable is no schedule: its makespan is a lower bound that takes tests as
// whole, where workers are alike and files cost nothing, and Bound elsewhere.
// Of the k*N+1 longest tests some worker gets k+1, which take at least as long
// as the k+1 shortest of them: for k = 1 the tests of ranks N and N+1.
var Attainable = Policy{Name: "no schedule is below", Source: "pigeonhole bound for P||Cmax, see simulate.Attainable", Run: func(s Suite, w World) Result {
	return Result{Makespan: wholeBound(s, w), Workers: w.Workers}
}}

func wholeBound(s Suite, w World) time.Duration {
	best := Bound(s, w)
	if len(w.Fixtures) > 0 || len(w.Speeds) > 0 || w.Batch > 0 {
		return best
	}
	longest := slices.Clone(s.Actual)
	slices.SortFunc(longest, func(a, b time.Duration) int { return cmp.Compare(b, a) })
	for k := 1; k*w.Workers < len(longest); k++ {
		var sum time.Duration
		for _, d := range longest[k*w.Workers-k : k*w.Workers+1] {
			sum += d
		}
		best = max(best, sum+time.Duration(k+1)*w.PerTest)
	}
	return best
}

// machine is a worker of the model.
type machine struct {
	id     int
	world  *World
	opened map[string]bool
	busy   time.Duration
}

func newMachine(w *World, id int) *machine {
	return &machine{id: id, world: w, opened: map[string]bool{}}
}

func machines(w *World) []*machine {
	out := make([]*machine, w.Workers)
	for i := range out {
		out[i] = newMachine(w, i)
	}
	return out
}

// run returns how long the machine has test i, and how much of that the file's
// fixtures took.
func (m *machine) run(s *Suite, i int) (took, fixture time.Duration) {
	file := s.Tests[i].File
	if !m.opened[file] {
		m.opened[file] = true
		fixture = m.scale(m.world.Fixtures[file])
	}
	took = m.scale(s.Actual[i]+m.world.PerTest) + fixture
	m.busy += took
	return took, fixture
}

func (m *machine) scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) / m.world.speed(m.id))
}

func result(ms []*machine, end time.Duration) Result {
	r := Result{Makespan: end}
	for _, m := range ms {
		r.Workers = m.world.Workers
		r.Busy = append(r.Busy, m.busy)
		r.Opened += len(m.opened)
	}
	return r
}
