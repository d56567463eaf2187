package plan_test

import (
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// equal is n tests of the same time, one of which may be longer.
func equal(n int, each, longest time.Duration) []plan.Test {
	tests := make([]plan.Test, n)
	for i := range tests {
		tests[i] = plan.Test{ID: worker.TestID(rune('a' + i)), File: "f", Index: i, Estimate: each, Known: true}
	}
	tests[0].Estimate = max(each, longest)
	return tests
}

func TestAutoWorkers(t *testing.T) {
	for _, c := range []struct {
		name     string
		tests    []plan.Test
		overhead time.Duration
		limit    int
		want     int
	}{
		{"no more than there are places", equal(20, time.Second, 0), 0, 8, 8},
		{"no more than there are tests", equal(5, time.Second, 0), 0, 8, 5},
		{"no more than the longest test leaves use for", equal(20, time.Second, 5*time.Second), 0, 16, 5},
		{"the last one must win what it costs: 20 s by 4 is 1 s more than by 5", equal(20, time.Second, 0), time.Second, 16, 5},
		{"one at least", nil, time.Second, 0, 1},
	} {
		got := plan.AutoWorkers(c.tests, plan.Params{}, plan.Costs{Worker: c.overhead}, c.limit)
		if got != c.want {
			t.Errorf("%s: %d workers, want %d", c.name, got, c.want)
		}
	}
}

func TestForTarget(t *testing.T) {
	tests := equal(20, time.Second, 0)
	p, ok := plan.ForTarget(tests, plan.Params{}, plan.Costs{Start: time.Second}, 6*time.Second, 16)
	if !ok || len(p.Shards) != 4 || p.Makespan != 5*time.Second {
		t.Errorf("20 s of tests in 6 s with a start of 1 s: %v, %d workers, %s; want 4 workers, 5 s", ok, len(p.Shards), p.Makespan)
	}
	tests = equal(20, time.Second, 9*time.Second)
	p, ok = plan.ForTarget(tests, plan.Params{}, plan.Costs{}, 5*time.Second, 16)
	if ok {
		t.Errorf("a test of 9 s ends in 5 s on %d workers", len(p.Shards))
	}
	if want := "a alone is 9s: more than 4 workers cannot help"; p.Bound.String() != want {
		t.Errorf("the reason is %q, want %q", p.Bound.String(), want)
	}
}

func TestTheCurveFallsToTheLongestTest(t *testing.T) {
	c := plan.Curve(equal(20, time.Second, 5*time.Second), plan.Params{}, plan.Costs{Start: time.Second}, []int{1, 2, 4, 8})
	for i, want := range []plan.Point{
		{Workers: 1, Wall: 25 * time.Second, Total: 25 * time.Second, Balance: 1},
		{Workers: 2, Wall: 13 * time.Second, Total: 26 * time.Second, Balance: 1},
		{Workers: 4, Wall: 7 * time.Second, Total: 28 * time.Second, Balance: 1},
		{Workers: 8, Wall: 6 * time.Second, Total: 32 * time.Second, Balance: 0.6},
	} {
		if c[i] != want {
			t.Errorf("%d workers: %+v, want %+v", want.Workers, c[i], want)
		}
	}
}
