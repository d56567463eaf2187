package cases

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// keptText is how many bytes are kept of a text: half from its beginning, half
// from its end.
const keptText = 64 << 10

// Clipped collects a text of any length and keeps its two ends.
type Clipped struct {
	head, tail []byte
	size       int
}

// Add adds to the text. It keeps nothing of p.
func (c *Clipped) Add(p []byte) {
	c.size += len(p)
	n := min(len(p), keptText/2-len(c.head))
	c.head = append(c.head, p[:n]...)
	c.tail = append(c.tail, p[n:]...)
	if len(c.tail) > keptText { // seldom, so that no byte moves often
		c.tail = append([]byte(nil), c.tail[len(c.tail)-keptText/2:]...)
	}
}

func (c *Clipped) String() string {
	if c.size <= len(c.head)+len(c.tail) {
		return strings.ToValidUTF8(string(c.head)+string(c.tail), string(utf8.RuneError))
	}
	tail := c.tail[max(0, len(c.tail)-keptText/2):]
	left := c.size - len(c.head) - len(tail)
	return strings.ToValidUTF8(fmt.Sprintf("%s\n[%d bytes are left out here]\n%s", c.head, left, tail), string(utf8.RuneError))
}

// Clip returns the text with its middle left out when it is very long.
func Clip(text []byte) string {
	var c Clipped
	c.Add(text)
	return c.String()
}

// Line returns the first line of a text that is not empty, without what a
// terminal would obey.
func Line(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(Plain(line)); line != "" {
			return line
		}
	}
	return ""
}

// Plain returns a text without control characters, other than line feeds and
// tabs.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, text)
}
