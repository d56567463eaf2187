package history

import (
	"slices"
	"testing"
)

// What was kept under a path is found under the id that the project has now,
// by whichever of its clones comes first.
func TestAdopt(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	const id, one, two = "example.com/org/x", "/home/me/x", "/home/me/x2"
	unit := []File{{Path: "a.py", Tests: []Test{{ID: "a.py::a"}}}}
	record(t, d, Run{ID: "r1", Suite: Key(one, ""), Host: "h", Attempts: []Attempt{attempt("a.py::a", 5*ms)}, Selection: "s", Inventory: unit})
	record(t, d, Run{ID: "r2", Suite: Key(one, "db"), Host: "h", Attempts: []Attempt{attempt("b.py::b", 6*ms)}})
	if err := d.Remember(ctx, Key(one, ""), "trust", "yes"); err != nil {
		t.Fatal(err)
	}
	record(t, d, Run{ID: "r3", Suite: Key(two, ""), Host: "h", Attempts: []Attempt{attempt("a.py::a", 900*ms), attempt("c.py::c", 7*ms)}})
	record(t, d, Run{ID: "r4", Suite: Key("/home/me/x3", ""), Host: "h", Attempts: []Attempt{attempt("z.py::z", ms)}})
	for _, old := range []string{one, two, two, "/never/known", id} {
		if err := d.Adopt(ctx, id, old); err != nil {
			t.Fatal(err)
		}
	}
	names, err := d.Suites(ctx)
	slices.Sort(names)
	if want := []string{Key("/home/me/x3", ""), Key(id, ""), Key(id, "db")}; err != nil || !slices.Equal(names, want) {
		t.Errorf("suites %q, %v; want %q", names, err, want)
	}
	tests := samplesOf(t, d, Key(id, "")).Tests
	if len(tests) != 2 || len(tests["a.py::a"]) != 1 || tests["a.py::a"][0].Call != 5*ms || tests["c.py::c"][0].Call != 7*ms {
		t.Errorf("tests %+v", tests)
	}
	if runs, err := d.Runs(ctx, Key(id, ""), 0); err != nil || len(runs) != 2 {
		t.Errorf("runs %+v, %v", runs, err)
	}
	if v, ok, err := d.Recall(ctx, Key(id, ""), "trust"); v != "yes" || !ok || err != nil {
		t.Errorf("fact %q, %t, %v", v, ok, err)
	}
	if files, err := d.Inventory(ctx, Key(id, ""), "s"); err != nil || len(files) != 1 {
		t.Errorf("inventory %+v, %v", files, err)
	}
}
