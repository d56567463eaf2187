package plan

import (
	"math"
	"time"
)

// Costs are what workers cost besides their tests.
type Costs struct {
	// Worker is what one more worker adds to the wall clock of a run: its
	// share of starting, and of what starts slow each other down.
	Worker time.Duration
	// Start is what each worker needs before its first test; it counts in the
	// total time, and once in the wall clock.
	Start time.Duration
	// Batch is what each batch costs besides its tests.
	Batch time.Duration
}

// A Point is what a number of workers would give.
type Point struct {
	Workers int
	// Wall is the predicted wall clock, Total the time of all workers.
	Wall, Total time.Duration
	Balance     float64
}

// Curve predicts a run for each number of workers.
func Curve(tests []Test, p Params, c Costs, workers []int) []Point {
	out := make([]Point, len(workers))
	for i, n := range workers {
		q := p
		q.Workers = n
		out[i] = point(Balance(tests, q), c)
	}
	return out
}

func point(p Plan, c Costs) Point {
	n := time.Duration(len(p.Shards))
	pt := Point{Workers: len(p.Shards), Balance: p.Balance(), Wall: p.Makespan + c.Start + n*c.Worker}
	for _, s := range p.Shards {
		pt.Total += s.Load + c.Start
	}
	return pt
}

// AutoWorkers returns the largest number of workers, at most limit, whose last
// one shortens the run by at least what it costs itself: the knee of the curve.
// The run is taken to need max(sum/N, longest) plus a batch.
func AutoWorkers(tests []Test, p Params, c Costs, limit int) int {
	p.Workers = 1
	p.Loads = nil
	s := newSuite(tests, p)
	need := func(n int) float64 {
		return math.Max(float64(s.sum)/float64(n), float64(s.bound.Longest))
	}
	n := 1
	for n < max(limit, 1) && n < max(len(tests), 1) {
		if won := need(n) - need(n+1); won <= 0 || won < float64(c.Worker) {
			break
		}
		n++
	}
	return n
}

// ForTarget returns the plan for the smallest number of workers, at most limit,
// that is predicted to end within the target. If there is none, it returns the
// plan that comes nearest, and false; the plan's Bound may explain it.
func ForTarget(tests []Test, p Params, c Costs, target time.Duration, limit int) (Plan, bool) {
	var best Plan
	var wall time.Duration
	limit = max(limit, 1)
	from := limit
	if spare := target - c.Start; spare > 0 {
		p.Workers = 1
		s := newSuite(tests, p)
		from = min(max(1, int(s.sum/int64(spare))), limit)
	}
	for n := from; n <= limit; n++ {
		p.Workers = n
		made := Balance(tests, p)
		pt := point(made, c)
		if best.Shards == nil || pt.Wall < wall {
			best, wall = made, pt.Wall
		}
		if pt.Wall <= target {
			return made, true
		}
		if made.Bound.Longest+c.Start > target {
			break
		}
	}
	return best, false
}
