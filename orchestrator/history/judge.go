package history

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// A Wavering test passed in some runs and failed in others, or in one run did both.
type Wavering struct {
	Test   worker.TestID `json:"test"`
	Runs   int           `json:"runs"`   // in which it ran
	Flaky  int           `json:"flaky"`  // of those, in which it failed and then passed
	Failed int           `json:"failed"` // of those, in which it failed to the end
}

// Flaky returns the tests that waver, those that do so most first. A test that failed
// in its latest runs only may just be broken, and one that failed in its earliest
// only mended: neither wavers.
func Flaky(marks map[worker.TestID][]Mark) []Wavering {
	var list []Wavering
	for id, ms := range marks {
		w := Wavering{Test: id}
		changes, last := 0, ""
		for _, m := range ms {
			if m.Outcome == worker.Skipped {
				continue
			}
			w.Runs++
			now := "passed"
			switch {
			case m.Outcome.Fails():
				w.Failed++
				now = "failed"
			case m.Again:
				w.Flaky++
			}
			if last != "" && last != now {
				changes++
			}
			last = now
		}
		if w.Flaky > 0 || changes > 1 {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b Wavering) int {
		return cmp.Or(cmp.Compare(b.Flaky+b.Failed, a.Flaky+a.Failed), cmp.Compare(a.Test, b.Test))
	})
	return list
}

// A Drifting test takes another time than it used to.
type Drifting struct {
	Test     worker.TestID
	Was, Now time.Duration // medians of the earlier passes and of the last recent ones
}

// recent is how many passes are held against the ones before.
const recent = 3

// Drift returns the tests whose time has changed, those by most first. differ says what
// is a change.
func Drift(marks map[worker.TestID][]Mark, differ func(was, now time.Duration) bool) []Drifting {
	var list []Drifting
	for id, ms := range marks {
		var times []time.Duration
		for _, m := range ms {
			if m.Outcome == worker.Passed {
				times = append(times, time.Duration(m.Took)*time.Microsecond)
			}
		}
		if len(times) < 2*recent {
			continue
		}
		d := Drifting{id, median(slices.Clone(times[:len(times)-recent])), median(slices.Clone(times[len(times)-recent:]))}
		if differ(d.Was, d.Now) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b Drifting) int {
		return cmp.Or(cmp.Compare((b.Now-b.Was).Abs(), (a.Now-a.Was).Abs()), cmp.Compare(a.Test, b.Test))
	})
	return list
}
