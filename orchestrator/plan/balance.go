package plan

import (
	"cmp"
	"slices"
	"time"
)

// Split says where a plan may cut.
type Split int

const (
	// ByTime cuts files where that helps, never groups.
	ByTime Split = iota
	// ByFile keeps each file on one worker.
	ByFile
	// ByDirectory keeps the files of each directory on one worker.
	ByDirectory
)

// Params are what a plan depends on besides the tests.
type Params struct {
	// Workers is the number of shards; less than 1 means 1.
	Workers int
	Split   Split
	// Fixtures is the cost of opening a file on a worker, by file; a file that
	// is missing costs nothing.
	Fixtures map[string]time.Duration
	// Speeds are the workers' speeds. A missing or zero one is 1; one of 0.5
	// takes twice the estimated time.
	Speeds []float64
	// Loads are the times of the work that the workers already have, each in its
	// worker's own time.
	Loads []time.Duration
}

// A Unit is a run of tests that a worker takes together, in the suite's order.
type Unit struct {
	// Tests must not be changed: units share their memory.
	Tests []Test
	// Whole is true if the unit must not be cut: it is a group, or Params.Split
	// keeps files together.
	Whole bool
	// Weight is the sum of the estimates, without fixtures. Key is the longest
	// key of its tests.
	Weight, Key time.Duration
}

// A Shard is one worker's share, in the order in which it should run.
type Shard struct {
	Units []Unit
	// Load is the time until the worker is done with the shard: at its own
	// speed, with fixtures, after the work that it already had.
	Load time.Duration
	// Files counts the files that the worker opens.
	Files int
}

// A Plan is a suite balanced over workers.
type Plan struct {
	Shards []Shard
	// Makespan is the largest load: the predicted time of the tests.
	Makespan time.Duration
	// Bound is the least time that these workers could need.
	Bound Bound
	// Serial is the time of one worker of speed 1, fixtures included.
	Serial time.Duration
	// Unknown counts the tests whose estimate does not come from history.
	Unknown int
}

// Balance returns the mean load by the largest, 0 to 1: the share of the workers'
// time that is used.
func (p Plan) Balance() float64 {
	if p.Makespan <= 0 {
		return 1
	}
	var sum time.Duration
	for _, s := range p.Shards {
		sum += s.Load
	}
	return float64(sum) / float64(len(p.Shards)) / float64(p.Makespan)
}

// grains are the sizes of a cut, as shares of the mean load, finest first.
var grains = []float64{1.0 / 8, 1.0 / 4, 1.0 / 2, 1}

// Balance plans the tests. The result depends on the set of tests only, not on
// their order. The tests are not changed.
//
// It is longest processing time first (Graham, 1969) over units with an affine
// cost, at four sizes of cut, each improved by moves and swaps; the smallest
// makespan is kept.
func Balance(tests []Test, p Params) Plan {
	s := newSuite(tests, p)
	var best *packing
	for _, grain := range grains {
		k := s.pack(grain)
		if best == nil || float64(k.makespan()) < float64(best.makespan())*0.998 {
			best = k
		}
		if s.whole || float64(best.makespan()) <= 1.002*float64(s.bound.Time) {
			break
		}
	}
	return s.plan(best)
}

// plan turns the packing into queues.
func (s *suite) plan(k *packing) Plan {
	p := Plan{
		Shards:   make([]Shard, s.workers),
		Makespan: time.Duration(k.makespan()),
		Bound:    s.bound,
		Serial:   time.Duration(s.sum),
		Unknown:  s.unknown,
	}
	for w, held := range k.held {
		sh := &p.Shards[w]
		sh.Load = time.Duration(k.load[w])
		slices.SortFunc(held, func(a, b int32) int { return cmp.Compare(k.pieces[a].from, k.pieces[b].from) })
		last := -1
		for _, i := range held {
			pc := &k.pieces[i]
			if pc.block == last { // pieces of one file on one worker run as one
				join(&sh.Units[len(sh.Units)-1], s.tests[pc.from:pc.to])
				continue
			}
			last = pc.block
			sh.Units = append(sh.Units, s.unit(pc))
			sh.Files += len(s.blocks[pc.block].files)
		}
		// The sort is stable: units of one key stay in the suite's order.
		slices.SortStableFunc(sh.Units, func(a, b Unit) int { return cmp.Compare(b.Key, a.Key) })
	}
	return p
}

func (s *suite) unit(pc *piece) Unit {
	u := Unit{Whole: s.blocks[pc.block].whole}
	join(&u, s.tests[pc.from:pc.to:pc.to])
	return u
}

// join appends tests to the unit, without a copy where they are neighbours in
// the suite's memory already.
func join(u *Unit, tests []Test) {
	if u.Tests == nil {
		u.Tests = tests
	} else if n := len(u.Tests); n+len(tests) <= cap(u.Tests) && &u.Tests[:n+1][n] == &tests[0] {
		u.Tests = u.Tests[:n+len(tests)]
	} else {
		u.Tests = append(u.Tests[:n:n], tests...)
	}
	for i := range tests {
		u.Weight += tests[i].Estimate
		u.Key = max(u.Key, tests[i].key())
	}
}
