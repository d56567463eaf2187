package orchestrator

import (
	"fmt"
	"time"

	"github.com/shardyard/shardyard/orchestrator/census"
	"github.com/shardyard/shardyard/orchestrator/plan"
)

// A Collection is the way in which workers find tests that need not find all.
type Collection string

// The ways to collect.
const (
	// Adaptive collection is full where that costs little, or nobody knows what
	// it costs, or where CI runs the suite; else it is lazy.
	Adaptive Collection = "auto"
	// Full collection has every worker collect the whole suite, as plain runs do.
	Full Collection = "full"
	// Lazy collection has a worker collect a file when it gets a test of it.
	Lazy Collection = "lazy"
)

// little is the part of the predicted wall clock that collecting everything
// everywhere may take.
const little = 0.1

// collects reports whether every worker collects the whole suite, and why, in
// words that follow a colon; "" where there was no choice.
func (r *Request) collects(known *past, workers int) (full bool, why string) {
	took, wall := known.collecting, known.wall(r, workers)
	cost := fmt.Sprintf("collecting takes %.1f s of a predicted %.1f s", took.Seconds(), wall.Seconds())
	switch {
	case !r.Session.Lazy:
		return true, ""
	case r.Collection == Full:
		return true, "as asked"
	case known.trust.Rest > 0:
		return false, "" // the census has it rest
	case r.Collection == Lazy:
		return false, "as asked"
	case r.CI:
		return true, "CI is set"
	case took == 0 || wall == 0:
		return true, "what that costs is not known yet"
	case !worthSaving(took, wall):
		return true, cost
	default:
		return false, cost
	}
}

// worthSaving reports whether it takes so long to collect everything that workers
// might leave it.
func worthSaving(collecting, wall time.Duration) bool {
	return collecting >= time.Duration(little*float64(wall))
}

// foresees reports whether the run, which collects everything, is to find out how much
// would run again if the next one did not.
func (r *Request) foresees(known *past, workers int) bool {
	unknown := known.collecting == 0 || known.wall(r, workers) == 0
	return r.Session.Lazy && r.Collection == Adaptive && !r.CI && workers > 1 && unknown && known.trust == census.Trust{}
}

// wall returns the predicted wall clock; 0 when nothing predicts it.
func (p *past) wall(r *Request, workers int) time.Duration {
	if len(p.hinted) == 0 || len(p.samples.Tests) == 0 || p.overhead == 0 {
		return 0
	}
	params := plan.Params{Workers: workers, Split: r.split(), Fixtures: p.estimates.Fixtures}
	return plan.Balance(p.hinted, params).Makespan + p.overhead
}

// collection returns how the run collects, as its header says it; "" where
// there is nothing to say.
func (r *Request) collection(known *past, workers int) string {
	full, why := r.collects(known, workers)
	switch {
	case why == "" || workers == 1:
		return ""
	case full:
		return "every worker collects the whole suite: " + why
	default:
		return "workers collect a file when they get a test of it: " + why
	}
}
