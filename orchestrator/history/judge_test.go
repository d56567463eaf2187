package history

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

// marks makes marks of a word: p passed, f failed, r failed and then passed, s skipped.
func marks(word string, took ...int64) (list []Mark) {
	for i, c := range word {
		m := Mark{Outcome: map[rune]worker.Outcome{'p': worker.Passed, 'r': worker.Passed, 'f': worker.Failing, 's': worker.Skipped}[c], Again: c == 'r'}
		if len(took) > 0 {
			m.Took = took[i] * 1000
		}
		list = append(list, m)
	}
	return list
}

func TestFlaky(t *testing.T) {
	got := Flaky(map[worker.TestID][]Mark{
		"fine": marks("pppp"), "broken": marks("ppff"), "mended": marks("ffpp"), "skipped": marks("ss"),
		"once": marks("psrp"), "wavers": marks("pfpff"),
	})
	want := []Wavering{{Test: "wavers", Runs: 5, Failed: 3}, {Test: "once", Runs: 3, Flaky: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDrift(t *testing.T) {
	got := Drift(map[worker.TestID][]Mark{
		"slower": marks("pppfppp", 100, 110, 90, 9999, 900, 800, 1000), "faster": marks("pppppp", 500, 500, 500, 100, 90, 110),
		"as ever": marks("pppppp", 500, 510, 500, 520, 490, 500), "few": marks("pppp", 1, 1, 900, 900),
	}, func(was, now time.Duration) bool { return (now - was).Abs() > 20*time.Millisecond })
	want := []Drifting{{"slower", 100 * time.Millisecond, 900 * time.Millisecond}, {"faster", 500 * time.Millisecond, 100 * time.Millisecond}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
