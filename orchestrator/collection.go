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

// A manner is how the workers of a run find its tests.
type manner struct {
	full bool   // every worker collects the whole suite
	why  string // in words that follow a colon; "" where there was no choice
	// foresees: the run is to find out how much would run again if the next one did not
	// collect everything.
	foresees bool
}

// collects returns how the run's workers find its tests.
func (r *Request) collects(known *past, workers int) manner {
	switch {
	case !r.Session.Lazy:
		return manner{full: true}
	case r.Collection == Full:
		return manner{full: true, why: "as asked"}
	case known.trust.Rest > 0:
		return manner{} // the census has it rest
	case r.Collection == Lazy:
		return manner{why: "as asked"}
	case r.CI:
		return manner{full: true, why: "CI is set"}
	}
	took, wall := known.collecting, known.wall(r, workers)
	if took == 0 || wall == 0 {
		return manner{full: true, why: "what that costs is not known yet", foresees: workers > 1 && known.trust == census.Trust{}}
	}
	return manner{full: !worthSaving(took, wall), why: fmt.Sprintf("collecting takes %.1f s of a predicted %.1f s", took.Seconds(), wall.Seconds())}
}

// worthSaving reports whether it takes so long to collect everything that workers
// might leave it.
func worthSaving(collecting, wall time.Duration) bool {
	return collecting >= time.Duration(little*float64(wall))
}

// wall returns the predicted wall clock; 0 when nothing predicts it.
func (p *past) wall(r *Request, workers int) time.Duration {
	if len(p.hinted) == 0 || len(p.samples.Tests) == 0 || p.overhead == 0 {
		return 0
	}
	params := plan.Params{Workers: workers, Split: r.split(), Fixtures: p.estimates.Fixtures}
	return plan.Balance(p.hinted, params).Makespan + p.overhead
}

// says returns how so many workers collect, as the run's header says it; "" where there
// is nothing to say.
func (m manner) says(workers int) string {
	switch {
	case m.why == "" || workers == 1:
		return ""
	case m.full:
		return "every worker collects the whole suite: " + m.why
	default:
		return "workers collect a file when they get a test of it: " + m.why
	}
}
