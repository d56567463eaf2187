package orchestrator

import (
	"testing"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// A path of the sources in an id is the checkout's for plain pytest.
func TestAtDesk(t *testing.T) {
	for inside, want := range map[worker.TestID]worker.TestID{
		"tests/test_a.py::test[/src/shop/data/a.txt-1]": "tests/test_a.py::test[/home/me/shop/data/a.txt-1]",
		"tests/test_a.py::test[/src/shop]":              "tests/test_a.py::test[/home/me/shop]",
		"tests/test_a.py::test[/src/shopping/a.txt]":    "tests/test_a.py::test[/src/shopping/a.txt]",
		"tests/test_a.py::test":                         "tests/test_a.py::test",
	} {
		tests := []plan.Test{{ID: inside, File: "tests/test_a.py"}}
		if got := atDesk(tests, "/src/shop", "/home/me/shop"); got[0].ID != want || tests[0].ID != inside {
			t.Errorf("%s is %s, not %s", inside, got[0].ID, want)
		}
	}
}
