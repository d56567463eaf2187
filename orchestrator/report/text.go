package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text of a worker's safe for one line of a terminal: the first
// line, control characters and broken UTF-8 replaced, so that an id can
// neither move the cursor nor forge a line.
func Clean(s string) string {
	s = strings.TrimRight(s, "\r\n")
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n' || r == '\r':
			b.WriteRune('⏎')
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError && broken(s[i:]), unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func broken(s string) bool {
	_, n := utf8.DecodeRuneInString(s)
	return n <= 1
}
