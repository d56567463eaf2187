package simulate

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// Durations are a suite's times in seconds by test id, as pytest-split keeps
// them in .test_durations.
type Durations map[string]float64

// A History is a suite's durations over time.
type History struct {
	Name   string
	Newest Durations
	// Runs are the earlier runs, the oldest first; none if only the newest is known.
	Runs []Durations
}

// tests returns the durations as a suite, in the order of ids. The file is what
// stands before the first "::".
func (d Durations) tests() []plan.Test {
	out := make([]plan.Test, 0, len(d))
	for i, id := range slices.Sorted(maps.Keys(d)) {
		file, _, _ := strings.Cut(id, "::")
		out = append(out, plan.Test{ID: worker.TestID(id), File: file, Index: i})
	}
	return out
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Known returns the suite with every time known exactly.
func Known(name string, d Durations) Suite {
	tests := d.tests()
	for i := range tests {
		tests[i].Estimate, tests[i].Known = seconds(d[string(tests[i].ID)]), true
	}
	return Exact(name, tests)
}

// Replays returns the runs of the history, each planned from the ones before it.
func (h History) Replays() []Suite {
	var out []Suite
	for k := 1; k < len(h.Runs); k++ {
		s := h.after(h.Runs[:k], h.Runs[k])
		s.Name = fmt.Sprintf("%s run %d", h.Name, k)
		out = append(out, s)
	}
	return out
}

// after returns the suite of one run, with estimates from the runs before it.
func (h History) after(past []Durations, now Durations) Suite {
	samples := func(id worker.TestID) []plan.Sample {
		var out []plan.Sample
		for _, d := range past {
			if s, ok := d[string(id)]; ok {
				out = append(out, plan.Sample{Call: seconds(s)})
			}
		}
		return out
	}
	s := Suite{Tests: plan.Estimate(now.tests(), plan.Past{Samples: samples})}
	last := past[len(past)-1]
	for i := range s.Tests {
		id := string(s.Tests[i].ID)
		s.Actual = append(s.Actual, seconds(now[id]))
		if d, ok := last[id]; ok {
			s.Last = append(s.Last, seconds(d))
		} else {
			s.Last = append(s.Last, -1)
		}
	}
	return s
}

// Noisy returns the suite with every test taking its estimate times a log-normal
// factor of mean 1.
func Noisy(s Suite, sigma float64, r *rand.Rand) Suite {
	s.Actual = slices.Clone(s.Actual)
	for i, d := range s.Actual {
		s.Actual[i] = time.Duration(float64(d) * math.Exp(sigma*r.NormFloat64()-sigma*sigma/2))
	}
	return s
}

// Forgetful returns the suite with a share of the tests unknown.
func Forgetful(s Suite, share float64, r *rand.Rand) Suite {
	forgotten := map[worker.TestID]bool{}
	s.Last = slices.Clone(s.Last)
	times := map[worker.TestID]time.Duration{}
	for i := range s.Tests {
		times[s.Tests[i].ID] = s.Tests[i].Estimate
		if r.Float64() < share {
			forgotten[s.Tests[i].ID] = true
			s.Last[i] = -1
		}
	}
	s.Tests = plan.Estimate(s.Tests, plan.Past{Samples: func(id worker.TestID) []plan.Sample {
		if forgotten[id] {
			return nil
		}
		return []plan.Sample{{Call: times[id]}}
	}})
	return s
}

// Replayed returns the last run of each test, planned from the ones before it;
// from that run itself where there was only one.
func Replayed(name string, tests []plan.Test, past plan.Past) Suite {
	before := func(id worker.TestID) []plan.Sample {
		all := past.Samples(id)
		return all[:max(len(all)-1, min(len(all), 1))]
	}
	s := Suite{Name: name, Tests: plan.Estimate(tests, plan.Past{Samples: before, Fixtures: past.Fixtures})}
	for i := range s.Tests {
		all := past.Samples(s.Tests[i].ID)
		if len(all) == 0 {
			s.Actual, s.Last = append(s.Actual, s.Tests[i].Estimate), append(s.Last, -1)
			continue
		}
		last, known := all[len(all)-1], all[max(len(all)-2, 0)]
		actual := last.Setup + last.Call + last.Teardown
		if last.First {
			actual = max(actual-past.Fixtures[s.Tests[i].File], 0)
		}
		s.Actual, s.Last = append(s.Actual, actual), append(s.Last, known.Setup+known.Call+known.Teardown)
	}
	return s
}

// Failing returns the suite with a share of the tests failing.
func Failing(s Suite, share float64, r *rand.Rand) Suite {
	s.Fails = map[int]bool{}
	for i := range s.Tests {
		if r.Float64() < share {
			s.Fails[i] = true
		}
	}
	return s
}
