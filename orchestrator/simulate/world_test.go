package simulate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
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

// Workers that come later have less time to share what there is.
func TestStagger(t *testing.T) {
	var tests []plan.Test
	for i := range 100 {
		tests = append(tests, plan.Test{ID: worker.TestID(fmt.Sprintf("t%d", i)), File: "a.py", Known: true, Estimate: 100 * time.Millisecond})
	}
	s := Exact("equal", tests)
	for stagger, want := range map[time.Duration]time.Duration{
		0:           2500 * time.Millisecond,
		time.Second: 4 * time.Second, // (10 s of tests + 0 + 1 + 2 + 3 s of waiting) / 4
		time.Minute: 10 * time.Second,
	} {
		got := Ours.Run(s, World{Workers: 4, Stagger: stagger})
		if got.Makespan < want || got.Makespan > want+100*time.Millisecond {
			t.Errorf("%s apart: %s, want %s", stagger, got.Makespan, want)
		}
	}
}

// What every test takes besides is as good as longer tests, to whoever knows.
func TestPerTest(t *testing.T) {
	const each = 20 * time.Millisecond
	var tests, longer []plan.Test
	for i := range 200 {
		x := plan.Test{ID: worker.TestID(fmt.Sprintf("t%d", i)), File: fmt.Sprintf("%d.py", i%7), Index: i, Known: true, Estimate: time.Duration(i*i%97) * time.Millisecond}
		tests = append(tests, x)
		x.Estimate += each
		longer = append(longer, x)
	}
	for _, p := range append([]Policy{Ours, OursStatic}, Peers...) {
		if strings.HasPrefix(p.Name, "pytest-split") || strings.HasPrefix(p.Name, "LPT") {
			continue // these plan with durations, and are not told
		}
		s, w := Exact("apart", tests), World{Workers: 4, PerTest: each}
		got, want := p.Run(s, w), p.Run(Exact("in one", longer), World{Workers: 4})
		if got.Makespan != want.Makespan {
			t.Errorf("%s: %s, want %s", p.Name, got.Makespan, want.Makespan)
		}
		if b, whole := Bound(s, w), wholeBound(s, w); b > got.Makespan || whole > got.Makespan || b < 50*each {
			t.Errorf("%s: %s is below the bounds %s, %s", p.Name, got.Makespan, b, whole)
		}
	}
}
