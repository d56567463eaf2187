package report

import "testing"

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
