package pytest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

// TestWhereAFailureIs: a failure names a line of the test's own file.
func TestWhereAFailureIs(t *testing.T) {
	want := map[string]string{
		"tests/test_places.py::test_here":            "tests/test_places.py:7",
		"tests/test_places.py::test_in_a_helper":     "tests/test_places.py:10",
		"tests/test_places.py::test_in_own_function": "tests/test_places.py:4",
		"tests/test_places.py::test_setup":           "tests/test_places.py:14",
		"tests/test_places.py::test_moves":           "tests/test_places.py:18",
		"tests/test_places.py::test_strict":          "tests/test_places.py:20",
		"doc.py::doc.f":                              "doc.py:3",
	}
	for _, release := range []string{"7", "8", "9"} {
		t.Run(release, func(t *testing.T) {
			got := map[string]string{}
			for _, e := range load(t, "places", release).session(t, newFeed(), worker.Full, 0).events {
				if f := e.Finished; f != nil && f.File != "" {
					got[string(f.Test)] = fmt.Sprintf("%s:%d", f.File, f.Line)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
