package simulate

import (
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
)

// Whole tests: three of a second on two workers take two, not one and a half.
func TestAttainable(t *testing.T) {
	for _, c := range []struct {
		workers int
		seconds []int
		want    int
	}{
		{2, []int{1, 1, 1}, 2},
		{2, []int{1, 1, 1, 1}, 2},
		{2, []int{1, 1, 1, 1, 1}, 3},
		{2, []int{9, 1, 1, 1}, 9},
		{8, []int{60, 60, 60, 60, 60, 60, 60, 60, 60, 1}, 120},
		{8, []int{5}, 5},
	} {
		var s Suite
		for _, n := range c.seconds {
			s.Actual = append(s.Actual, time.Duration(n)*time.Second)
			s.Tests = append(s.Tests, plan.Test{File: "a.py"})
		}
		if got := wholeBound(s, World{Workers: c.workers}); got != time.Duration(c.want)*time.Second {
			t.Errorf("%v on %d workers: %s, want %d s", c.seconds, c.workers, got, c.want)
		}
	}
}
