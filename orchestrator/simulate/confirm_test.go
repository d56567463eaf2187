package simulate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/simulate"
	"github.com/shardyard/shardyard/worker"
)

// failing is a suite of quick tests in files of 20, with slow ones that fail.
func failing(quick, slow int, took, tookSlow time.Duration) simulate.Suite {
	var tests []plan.Test
	add := func(kind string, n int, d time.Duration) {
		for i := range n {
			tests = append(tests, plan.Test{
				ID: worker.TestID(fmt.Sprintf("%s_%d", kind, i)), File: fmt.Sprintf("%s_%d.py", kind, i/20),
				Index: len(tests), Estimate: d, Known: true,
			})
		}
	}
	add("quick", quick, took)
	add("slow", slow, tookSlow)
	s := simulate.Exact("failing", tests)
	s.Fails = map[int]bool{}
	for i := range slow {
		s.Fails[quick+i] = true
	}
	return s
}

// What fails on lazy workers runs twice, but not for nearly as long as when one
// worker confirms it all, and not all of it when all fails.
func TestWhatFailsIsConfirmedInParallel(t *testing.T) {
	for name, c := range map[string]struct {
		suite simulate.Suite
		want  map[int]float64 // of the bound, by workers
	}{
		"34 slow tests of 1 334 fail": {failing(1300, 34, 100*time.Millisecond, 3*time.Second), map[int]float64{2: 1.05, 4: 1.1, 8: 1.2}},
		"everything fails":            {failing(0, 1000, 0, time.Second), map[int]float64{2: 1.01, 4: 1.02, 8: 1.05, 16: 1.1}},
	} {
		for n, want := range c.want {
			w := simulate.World{Workers: n, Lazy: true, Start: 3 * time.Second}
			bound := simulate.Bound(c.suite, w)
			got, before := simulate.Ours.Run(c.suite, w).Makespan, simulate.OursPatient.Run(c.suite, w).Makespan
			t.Logf("%s on %d workers: %s, %.2f of the bound; when one confirms %s", name, n, got, got.Seconds()/bound.Seconds(), before)
			if ratio := got.Seconds() / bound.Seconds(); ratio > want || got > before {
				t.Errorf("%s on %d workers: %.2f of the bound, want at most %.2f; one that confirms takes %s, several %s", name, n, ratio, want, before, got)
			}
		}
	}
}
