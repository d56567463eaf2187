package plan_test

import (
	"fmt"
	"path"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// draw makes a suite and what it is planned for.
func draw(t *rapid.T) ([]plan.Test, plan.Params) {
	var tests []plan.Test
	for i := range rapid.IntRange(0, 60).Draw(t, "tests") {
		tests = append(tests, plan.Test{
			ID:       worker.TestID(fmt.Sprintf("t%d", i)),
			File:     rapid.SampledFrom([]string{"a/1", "a/2", "b/3", "b/4", "5", ""}).Draw(t, "file"),
			Group:    rapid.SampledFrom([]string{"", "", "", "", "g", "h"}).Draw(t, "group"),
			Index:    rapid.IntRange(0, 80).Draw(t, "index"),
			Estimate: time.Duration(rapid.IntRange(0, 5000).Draw(t, "estimate")) * time.Millisecond,
			Known:    rapid.Bool().Draw(t, "known"),
		})
	}
	p := plan.Params{
		Workers:  rapid.IntRange(1, 12).Draw(t, "workers"),
		Split:    plan.Split(rapid.IntRange(0, 2).Draw(t, "split")),
		Fixtures: map[string]time.Duration{},
	}
	for _, f := range []string{"a/1", "b/3"} {
		p.Fixtures[f] = time.Duration(rapid.IntRange(0, 3000).Draw(t, "fixture")) * time.Millisecond
	}
	if rapid.Bool().Draw(t, "uneven") {
		p.Speeds = []float64{0.5, 2}
	}
	if rapid.Bool().Draw(t, "loaded") {
		p.Loads = []time.Duration{0, 3 * time.Second}
	}
	return tests, p
}

func TestAPlanHoldsEveryTestOnceAndCutsNothingWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tests, p := draw(t)
		made := plan.Balance(tests, p)
		if len(made.Shards) != p.Workers {
			t.Fatalf("%d shards for %d workers", len(made.Shards), p.Workers)
		}
		at := map[worker.TestID]int{}
		for w, s := range made.Shards {
			for _, u := range s.Units {
				for i, test := range u.Tests {
					if _, twice := at[test.ID]; twice {
						t.Fatalf("%s is planned twice", test.ID)
					}
					at[test.ID] = w
					if i > 0 && test.Index < u.Tests[i-1].Index {
						t.Fatalf("a unit is not in the suite's order: %v", u.Tests)
					}
				}
			}
		}
		if len(at) != len(tests) {
			t.Fatalf("%d of %d tests are planned", len(at), len(tests))
		}
		home := map[string]int{}
		for _, test := range tests {
			for _, k := range bonds(test, p.Split) {
				if w, ok := home[k]; ok && w != at[test.ID] {
					t.Fatalf("%s is on workers %d and %d", k, w, at[test.ID])
				}
				home[k] = at[test.ID]
			}
		}
	})
}

func bonds(t plan.Test, split plan.Split) []string {
	var out []string
	if t.Group != "" {
		out = append(out, "group "+t.Group)
	}
	switch {
	case t.File == "":
	case split == plan.ByFile:
		out = append(out, "file "+t.File)
	case split == plan.ByDirectory:
		out = append(out, "directory "+path.Dir(t.File))
	}
	return out
}

func TestTheOrderOfTheInputDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tests, p := draw(t)
		shuffled := rapid.Permutation(tests).Draw(t, "order")
		if diff := cmp.Diff(plan.Balance(tests, p), plan.Balance(shuffled, p)); diff != "" {
			t.Fatalf("the same suite in another order gives another plan:\n%s", diff)
		}
	})
}

func TestLoadsAreWhatTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tests, p := draw(t)
		made := plan.Balance(tests, p)
		var longest time.Duration
		for w, s := range made.Shards {
			speed, load := 1.0, time.Duration(0)
			if w < len(p.Speeds) {
				speed = p.Speeds[w]
			}
			if w < len(p.Loads) {
				load = p.Loads[w]
			}
			seen := map[string]bool{}
			for _, u := range s.Units {
				for _, test := range u.Tests {
					load += time.Duration(float64(test.Estimate) / speed)
					if !seen[test.File] {
						seen[test.File] = true
						load += time.Duration(float64(p.Fixtures[test.File]) / speed)
					}
				}
			}
			if off := load - s.Load; off < -time.Microsecond || off > time.Microsecond {
				t.Fatalf("worker %d: the load is %s, its tests need %s", w, s.Load, load)
			}
			longest = max(longest, s.Load)
		}
		if made.Makespan != longest {
			t.Fatalf("the makespan is %s, the largest load %s", made.Makespan, longest)
		}
		if made.Makespan < made.Bound.Time-time.Microsecond {
			t.Fatalf("the makespan %s is below the bound %s", made.Makespan, made.Bound.Time)
		}
		if b := made.Balance(); b < 0 || b > 1 {
			t.Fatalf("the balance is %v", b)
		}
	})
}
