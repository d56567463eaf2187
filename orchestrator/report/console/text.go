package console

import (
	"strings"
	"unicode"
)

// Width returns how many columns of a terminal s takes, escape sequences of our
// own colors excluded.
func Width(s string) int {
	n, escape := 0, false
	for _, r := range s {
		switch {
		case escape:
			escape = r != 'm'
		case r == '\x1b':
			escape = true
		default:
			n += columns(r)
		}
	}
	return n
}

// columns returns the width of one rune: 0 for marks, 2 for East Asian wide ones
// and emoji, else 1.
func columns(r rune) int {
	switch {
	case r == 0x200d || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100:
		return 1
	case r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf && r != 0x303f, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	default:
		return 1
	}
}

// Fit cuts s to so many columns, with an ellipsis, and ends a color that it
// cut through.
func Fit(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	var b strings.Builder
	n, escape, colored := 0, false, false
	for _, r := range s {
		switch {
		case escape:
			escape = r != 'm'
			b.WriteRune(r)
			continue
		case r == '\x1b':
			escape, colored = true, true
			b.WriteRune(r)
			continue
		}
		if n += columns(r); n > width-1 {
			break
		}
		b.WriteRune(r)
	}
	b.WriteRune('…')
	if colored {
		b.WriteString(reset)
	}
	return b.String()
}

// Tail cuts a test's name, or a path, to so many columns. Its end says most: what is
// left out stands before a slash or a double colon, else as Fit does it.
func Tail(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	name, _, _ := strings.Cut(s, "[") // what is in brackets has no parts
	end := s
	for i := 1; i < len(name); i++ {
		if name[i] != '/' && (!strings.HasPrefix(name[i:], "::") || name[i-1] == ':') {
			continue
		}
		if end = "…" + s[i:]; Width(end) <= width {
			return end
		}
	}
	return Fit(end, width)
}

const reset = "\x1b[0m"

// paint colors text, or does not.
type paint bool

func (p paint) with(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + reset
}

func (p paint) red(s string) string    { return p.with("31", s) }
func (p paint) green(s string) string  { return p.with("32", s) }
func (p paint) yellow(s string) string { return p.with("33", s) }
func (p paint) blue(s string) string   { return p.with("34", s) }
func (p paint) dim(s string) string    { return p.with("2", s) }
func (p paint) bold(s string) string   { return p.with("1", s) }
