package console

import (
	"strings"
	"testing"
)

// A line has the ends of a long id, whatever characters it is of.
func TestLongIDs(t *testing.T) {
	short := strings.Repeat("é", longestID)
	got := []rune(shortened("t.py::test[" + strings.Repeat("é", 100_000) + "z]"))
	if shortened(short) != short || len(got) != longestID || !strings.HasPrefix(string(got), "t.py::test[é") || !strings.HasSuffix(string(got), "éz]") {
		t.Errorf("%d characters: %s", len(got), string(got))
	}
}
