package pytest

import (
	"strings"
	"testing"
)

func TestATestIsChosenByItsNodeID(t *testing.T) {
	for id, want := range map[string]string{
		"tests/a.py::test_one":      "tests/a.py::test_one",
		"tests/a.py::test_one #2":   "tests/a.py::test_one", // of two with the same node id
		"tests/a.py::test[x #y]":    "tests/a.py::test[x #y]",
		"tests/a.py::test[ #12]":    "tests/a.py::test[ #12]",
		"tests/a.py::test[ #1] #12": "tests/a.py::test[ #1]",
	} {
		argument, command := Description{}.Choose(id)
		if argument != want || strings.Join(command, " ") != "pytest "+want {
			t.Errorf("%q is chosen by %q, with %q", id, argument, command)
		}
	}
}
