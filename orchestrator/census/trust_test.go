package census

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTrust(t *testing.T) {
	for _, c := range []struct {
		name string
		runs []Observation
		want Trust
	}{
		{"nothing was seen", []Observation{Unseen, Unseen}, Trust{}},
		{"one doubt is not enough", []Observation{Doubted}, Trust{Doubts: 1}},
		{"order that shows now and then is never enough", []Observation{Doubted, Held, Doubted, Held, Doubted}, Trust{Doubts: 1}},
		{"a run with one worker says nothing", []Observation{Doubted, Unseen, Doubted}, Trust{Doubts: 2, Rest: firstRest}},
		{"two doubts in a row", []Observation{Doubted, Doubted}, Trust{Doubts: 2, Rest: firstRest}},
		{"another list is proof", []Observation{Refuted}, Trust{Doubts: 2, Rest: firstRest}},
		{"what costs more is not tried again soon", []Observation{Held, Costly}, Trust{Doubts: 2, Rest: firstRest}},
		{"a rest goes by", []Observation{Refuted, Rested, Rested}, Trust{Doubts: 2, Rest: firstRest - 2}},
		{"a relapse is longer", []Observation{Refuted, Doubted}, Trust{Doubts: 3, Rest: 2 * firstRest}},
		{"what holds again is trusted again", []Observation{Refuted, Held}, Trust{}},
	} {
		got := Trust{}
		for _, s := range c.runs {
			got = got.After(s)
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// No rest is for good, and a suite on which laziness never holds seldom tries.
func TestEveryRestEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tr Trust
		for _, s := range rapid.SliceOf(rapid.SampledFrom([]Observation{Unseen, Rested, Held, Doubted, Refuted, Costly})).Draw(t, "runs") {
			tr = tr.After(s)
		}
		longest := firstRest << (maxDoubts - enough)
		if tr.Rest > longest {
			t.Fatalf("%+v rests longer than %d runs", tr, longest)
		}
		for range longest {
			tr = tr.After(Rested)
		}
		if tr.Rest != 0 {
			t.Fatalf("%+v still rests", tr)
		}
	})
}
