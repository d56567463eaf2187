package history

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

func TestOutcomesAreOneOfEachRun(t *testing.T) {
	d := open(t)
	once := func(number int, o worker.Outcome, tentative bool) Attempt {
		a := attempt("a.py::one", 5*ms)
		a.Attempt, a.Outcome, a.Tentative = number, o, tentative
		return a
	}
	cover := 81.5
	record(t, d, Run{ID: "evidence", Suite: "s", Attempts: []Attempt{once(1, worker.Failing, true), once(2, worker.Failing, false)}})
	record(t, d, Run{ID: "flaky", Suite: "s", Attempts: []Attempt{once(1, worker.Failing, false), once(2, worker.Passed, false)}})
	record(t, d, Run{ID: "this", Suite: "s", Commit: "c0ffee", Branch: "main", Flaky: 2, Coverage: &cover, Predicted: 3 * time.Second, Attempts: []Attempt{once(1, worker.Passed, false)}})
	record(t, d, Run{ID: "other", Suite: "s", Attempts: []Attempt{attempt("b.py::two", ms)}})

	got, err := d.Outcomes(t.Context(), "s", []worker.TestID{"a.py::one"}, "this")
	want := map[worker.TestID][]Mark{"a.py::one": {
		{Run: "evidence", Outcome: worker.Failing, Took: 5000},
		{Run: "flaky", Outcome: worker.Passed, Took: 5000, Again: true},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if all, err := d.Outcomes(t.Context(), "s", nil, ""); err != nil || len(all) != 2 || len(all["a.py::one"]) != 3 {
		t.Errorf("of all tests: %v, %v", all, err)
	}
	runs, err := d.Runs(t.Context(), "s", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if r.ID == "this" && (r.Commit != "c0ffee" || r.Branch != "main" || r.Flaky != 2 || r.Coverage == nil || *r.Coverage != cover || r.Predicted != 3*time.Second) {
			t.Errorf("recorded is %+v", r)
		}
		if r.ID == "other" && (r.Coverage != nil || r.Predicted != 0) {
			t.Errorf("what was not known is %+v", r)
		}
	}
}
