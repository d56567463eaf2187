package report

import (
	"slices"
	"testing"
	"time"
)

func TestAlike(t *testing.T) {
	for _, pair := range [][2]string{
		{"assert 1 == 2", "assert 30 == 41"},
		{"<Thing at 0x7f12ab> is not there", "<Thing at 0xDEADBEEF> is not there"},
		{"ValueError: a\n  more 1", " ValueError: a\nother"},
	} {
		if a, b := Alike(pair[0]), Alike(pair[1]); a != b {
			t.Errorf("%q and %q are told apart", a, b)
		}
	}
	if Alike("ValueError: a") == Alike("ValueError: b") {
		t.Error("different words are one cause")
	}
}

func TestPast(t *testing.T) {
	for want, ended := range map[string][]Verdict{
		"new":                          {Skip, NotRun},
		"passed in the run before":     {Pass, Skip},
		"passed in the 19 runs before": append([]Verdict{Fail}, slices.Repeat([]Verdict{Pass}, 19)...),
		"failed in 2 of 3 runs":        {Fail, Flaky, Pass},
	} {
		if got := Past(ended).String(); got != want {
			t.Errorf("%v: %q, want %q", ended, got, want)
		}
	}
}

func TestDiffer(t *testing.T) {
	for _, x := range []struct {
		was, now time.Duration
		want     bool
	}{{time.Second, 1500 * time.Millisecond, true}, {time.Second, 1400 * time.Millisecond, false}, {10 * time.Millisecond, 100 * time.Millisecond, false}, {0, 100 * time.Millisecond, true}} {
		if Differ(x.was, x.now) != x.want || Differ(x.now, x.was) != x.want {
			t.Errorf("%s and %s differ: want %v", x.was, x.now, x.want)
		}
	}
}
