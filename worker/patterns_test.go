package worker

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Lines that are of names choose what the matcher would.
func TestRulesOfNamesAreTheMatchers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.StringMatching(`!?(\./)?[ab.+(]?\*?[ab$][ab.$]?\*?[ab]?/?`), 1, 4).Draw(t, "lines")
		p, err := NewPatterns(lines)
		if err != nil || p.names == nil {
			t.Fatalf("%q: %v, rules %v", lines, err, p.names)
		}
		for range 20 {
			name := strings.Join(rapid.SliceOfN(rapid.StringMatching(`\.?[ab+($][ab.]{0,2}`), 1, 4).Draw(t, "name"), "/")
			if got, want := p.Match(name), (Patterns{lines: lines, matcher: p.matcher}).Match(name); got != want {
				t.Fatalf("%q of %q: %t", lines, name, got)
			}
		}
	})
}
