package cache

import (
	"slices"
	"testing"
	"time"
)

func TestNewest(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	first, second := Generation("abc", at), Generation("abc", at.Add(time.Hour))
	for _, test := range []struct {
		all   []string
		key   string
		built time.Time
	}{
		{nil, "", time.Time{}},
		{[]string{"ab", "abcd", "abc-x", "xabc"}, "", time.Time{}},
		{[]string{"abc"}, "abc", time.Time{}},
		{[]string{second, "abc", first}, second, at.Add(time.Hour)},
		{[]string{first, "abcd-1800000000000"}, first, at},
	} {
		key, built, ok := Newest("abc", test.all)
		if key != test.key || !built.Equal(test.built) || ok != (test.key != "") {
			t.Errorf("of %q: %q, %v, %t", test.all, key, built, ok)
		}
	}
}

func TestParsePackages(t *testing.T) {
	got := ParsePackages("b 2\nwarning: not a package\n\na 1.0+local\nb 2\n")
	if want := []Package{{"a", "1.0+local"}, {"b", "2"}}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
