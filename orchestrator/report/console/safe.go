package console

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A Text shows text that anybody may have written, tests among them, on a
// terminal or in the log of a CI system, so that neither obeys it. Colours pass
// (SGR sequences that hide nothing), and everything else is shown as text:
// control characters as ^[, characters that reorder a line by their number, and
// with a space in it what a CI system would take for a command. A line is ended
// by a carriage return too, which else would let what follows cover it.
//
// What may be the beginning of such a thing waits for the next Write, or Flush.
// A Text may be used concurrently.
type Text struct {
	mu     sync.Mutex
	to     io.Writer
	shower shower
	held   []byte
}

// NewText makes a Text over a stream. Where folds is set, the log is of a CI
// system that folds it at lines that begin with ---, +++ or ~~~ (Buildkite).
func NewText(to io.Writer, folds bool) *Text {
	return &Text{to: to, shower: shower{folds: folds, begins: true, blank: true}}
}

// Write implements io.Writer.
func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := p
	if len(t.held) > 0 {
		all = slices.Concat(t.held, p)
	}
	shown, rest := t.shower.show(all, false)
	t.held = append(t.held[:0], rest...)
	if _, err := t.to.Write(shown); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush shows what waits, and ends a colour that is on.
func (t *Text) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	shown, _ := t.shower.show(t.held, true)
	t.held = nil
	if shown = t.shower.end(shown); len(shown) == 0 {
		return nil
	}
	_, err := t.to.Write(shown)
	return err
}

// inert returns lines as a Text shows them, each with its own colours only.
func inert(lines string, folds bool) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		s := shower{folds: folds, begins: true, blank: true}
		text, ended := strings.CutSuffix(line, "\n")
		out, _ := s.show([]byte(text), true)
		b.Write(s.end(out))
		if ended {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// A shower knows where in a text it is.
type shower struct {
	folds   bool
	begins  bool // nothing but colours in this line so far
	blank   bool // nothing but colours and blanks
	colored bool
	over    bool // nothing follows that could be part of what was shown
}

// commands begin what a CI system obeys, wherever they are in a line: GitHub's
// older form, Azure Pipelines' and TeamCity's.
var commands = [][]byte{[]byte("##["), []byte("##vso["), []byte("##teamcity[")}

// starts begin what a CI system obeys at the start of a line: behind blanks,
// GitHub's, and without any, those of logs that are folded.
var (
	starts = []byte("::")
	folds  = [][]byte{[]byte("--- "), []byte("+++ "), []byte("~~~ "), []byte("^^^ ")}
)

// show returns a text as it is shown, and what cannot be told yet, which is
// nothing when no more comes.
func (s *shower) show(p []byte, over bool) (out, rest []byte) {
	out = make([]byte, 0, len(p)+16)
	s.over = over
	for len(p) > 0 {
		n := s.next(p, &out)
		if n == 0 {
			return out, p
		}
		p = p[n:]
	}
	return out, nil
}

// next shows what p begins with, and returns its length: 0 if that depends on
// what follows p.
func (s *shower) next(p []byte, out *[]byte) int {
	switch c := p[0]; {
	case c == '\x1b':
		return s.escape(p, out)
	case c == '\r' && len(p) == 1 && !s.over:
		return 0
	case c == '\r' && len(p) > 1 && p[1] == '\n':
		return 1
	case c == '\n' || c == '\r':
		s.begins, s.blank = true, true
		*out = append(*out, '\n')
		return 1
	case !utf8.FullRune(p) && !s.over:
		return 0
	}
	match, partly := s.command(p)
	r, size := utf8.DecodeRune(p)
	switch {
	case partly && !s.over:
		return 0
	case !match && !partly:
		*out = append(*out, visible(p)...)
		s.begins, s.blank = false, s.blank && unicode.IsSpace(r)
		return size
	case p[0] == ':' || p[0] == '#':
		*out = append(*out, p[0], ' ')
	default:
		*out = append(*out, ' ', p[0])
	}
	s.begins, s.blank = false, false
	return 1
}

// command reports whether a command begins here, or may: partly.
func (s *shower) command(p []byte) (match, partly bool) {
	look := func(prefix []byte) {
		n := min(len(p), len(prefix))
		if bytes.EqualFold(p[:n], prefix[:n]) {
			match, partly = match || n == len(prefix), partly || n < len(prefix)
		}
	}
	for _, c := range commands {
		look(c)
	}
	if s.blank {
		look(starts)
	}
	if s.begins && s.folds {
		for _, f := range folds {
			look(f)
		}
	}
	return match, partly && !match
}

// longest is the length of an escape sequence that is taken for a colour.
const longest = 64

// escape shows an escape sequence: a colour as it is, anything else as text.
func (s *shower) escape(p []byte, out *[]byte) int {
	end := 1
	if end < len(p) && p[end] == '[' {
		for end++; end < len(p) && strings.IndexByte("0123456789;:", p[end]) >= 0; end++ {
		}
	}
	switch {
	case end == len(p) && end < longest && !s.over:
		return 0
	case end > 1 && end < min(len(p), longest) && p[end] == 'm':
		if on, ok := colors(string(p[2:end])); ok {
			s.colored = on
			*out = append(*out, p[:end+1]...)
			return end + 1
		}
	}
	s.begins, s.blank = false, false
	*out = append(*out, visible(p)...)
	return 1
}

// colors reads the parameters of an SGR sequence. on is false if it ends all
// colours, ok is false if it hides text.
func colors(parameters string) (on, ok bool) {
	list := strings.Split(parameters, ";")
	for i := 0; i < len(list); i++ {
		code, _, _ := strings.Cut(list[i], ":")
		n, err := strconv.Atoi(code)
		if err != nil && code != "" || n == 8 {
			return false, false
		}
		on = n != 0
		if (n == 38 || n == 48 || n == 58) && code == list[i] && i+1 < len(list) { // a colour by its number, or by its parts
			i += map[string]int{"5": 2, "2": 4}[list[i+1]]
		}
	}
	return on, true
}

// end ends a colour that is on.
func (s *shower) end(out []byte) []byte {
	if s.colored {
		s.colored = false
		return append(out, reset...)
	}
	return out
}

// visible returns the character that p begins with, as text.
func visible(p []byte) []byte {
	r, size := utf8.DecodeRune(p)
	switch {
	case r == '\t':
		return p[:1]
	case r == utf8.RuneError && size <= 1:
		return []byte(string(utf8.RuneError))
	case r < ' ' || r == 0x7f:
		return []byte{'^', byte(r) ^ 0x40}
	case unordinary(r):
		return fmt.Appendf(nil, `\u%04x`, r)
	}
	return p[:size]
}

// unordinary reports whether a terminal would obey the character, or show others
// in another order.
func unordinary(r rune) bool {
	return r > 0x7e && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

// NewJSON returns a writer of JSON documents that means the same to programs,
// and in which neither a terminal nor a CI system finds anything to obey.
func NewJSON(to io.Writer) io.Writer { return jsonText{to} }

type jsonText struct{ to io.Writer }

// Write implements io.Writer. It takes whole documents, or lines of them.
func (j jsonText) Write(p []byte) (int, error) {
	if _, err := j.to.Write(escaped(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// escaped writes with their numbers what are characters of strings in a document.
func escaped(p []byte) []byte {
	odd := func(r rune) bool { return unordinary(r) || r == 0x7f }
	if !bytes.Contains(p, []byte("##")) && bytes.IndexFunc(p, odd) < 0 {
		return p
	}
	var b bytes.Buffer
	last := rune(0)
	for len(p) > 0 {
		r, size := utf8.DecodeRune(p)
		if odd(r) || r == '#' && last == '#' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.Write(p[:size])
		}
		p, last = p[size:], r
	}
	return b.Bytes()
}
