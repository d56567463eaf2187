package orchestrator

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTrust(t *testing.T) {
	for _, c := range []struct {
		name string
		runs []sight
		want trust
	}{
		{"nothing was seen", []sight{unseen, unseen}, trust{}},
		{"one doubt is not enough", []sight{doubted}, trust{Doubts: 1}},
		{"order that shows now and then is never enough", []sight{doubted, held, doubted, held, doubted}, trust{Doubts: 1}},
		{"a run with one worker says nothing", []sight{doubted, unseen, doubted}, trust{Doubts: 2, Rest: firstRest}},
		{"two doubts in a row", []sight{doubted, doubted}, trust{Doubts: 2, Rest: firstRest}},
		{"another list is proof", []sight{refuted}, trust{Doubts: 2, Rest: firstRest}},
		{"a rest goes by", []sight{refuted, rested, rested}, trust{Doubts: 2, Rest: firstRest - 2}},
		{"a relapse is longer", []sight{refuted, doubted}, trust{Doubts: 3, Rest: 2 * firstRest}},
		{"what holds again is trusted again", []sight{refuted, held}, trust{}},
	} {
		got := trust{}
		for _, s := range c.runs {
			got = got.after(s)
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// No rest is for good, and a suite on which laziness never holds seldom tries.
func TestEveryRestEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tr trust
		for _, s := range rapid.SliceOf(rapid.SampledFrom([]sight{unseen, rested, held, doubted, refuted})).Draw(t, "runs") {
			tr = tr.after(s)
		}
		longest := firstRest << (maxDoubts - enough)
		if tr.Rest > longest {
			t.Fatalf("%+v rests longer than %d runs", tr, longest)
		}
		for range longest {
			tr = tr.after(rested)
		}
		if tr.Rest != 0 {
			t.Fatalf("%+v still rests", tr)
		}
	})
}
