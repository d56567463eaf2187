package console

import (
	"regexp"
	"strconv"
	"strings"
)

// A terminal is what a person looks at: it does what it is told, like xterm, and
// moves wrapped lines when its window changes, like those of today.
type terminal struct {
	width, height int
	rows          []*row // all there ever were; the last height are on the screen
	x, y          int    // of the cursor; y counts rows from the first of all
	nowrap        bool
	frames        int // that it was told to show as one
}

// A row is a row of the screen; wrapped rows go on in the next one.
type row struct {
	cells   []rune
	wrapped bool
}

var sequence = regexp.MustCompile(`^\x1b\[(\??)([0-9;]*)([A-Za-z])`)

// Write implements io.Writer.
func (t *terminal) Write(p []byte) (int, error) {
	for s := string(p); s != ""; {
		if m := sequence.FindStringSubmatch(s); m != nil {
			t.obey(m[1] != "", m[2], m[3])
			s = s[len(m[0]):]
			continue
		}
		r := []rune(s)[0]
		t.put(r)
		s = s[len(string(r)):]
	}
	return len(p), nil
}

func (t *terminal) obey(private bool, parameter, final string) {
	n, _ := strconv.Atoi(parameter)
	switch {
	case private && n == 7:
		t.nowrap = final == "l"
	case private && n == 2026 && final == "h":
		t.frames++
	case private:
	case final == "A":
		t.y = max(t.y-max(n, 1), max(len(t.rows)-t.height, 0))
	case final == "J":
		t.line().cells = t.line().cells[:min(t.x, len(t.line().cells))]
		t.line().wrapped = false
		t.rows = t.rows[:t.y+1]
	}
}

func (t *terminal) line() *row {
	for t.y >= len(t.rows) {
		t.rows = append(t.rows, &row{})
	}
	return t.rows[t.y]
}

func (t *terminal) put(r rune) {
	switch r {
	case '\r':
		t.x = 0
		return
	case '\n':
		t.x, t.y = 0, t.y+1
		t.line()
		return
	}
	if t.x+columns(r) > t.width {
		if t.nowrap {
			t.x = t.width - columns(r)
		} else {
			t.line().wrapped = true
			t.x, t.y = 0, t.y+1
		}
	}
	l := t.line()
	for len(l.cells) < t.x {
		l.cells = append(l.cells, ' ')
	}
	l.cells = append(l.cells[:t.x], append([]rune{r}, l.cells[min(t.x+1, len(l.cells)):]...)...)
	t.x++
}

// resize gives the window another size: lines are wrapped anew.
func (t *terminal) resize(width, height int) {
	t.width, t.height = width, height
	old := t.rows
	t.rows = nil
	var line []rune
	for _, r := range old {
		line = append(line, r.cells...)
		if r.wrapped {
			continue
		}
		for len(line) > width {
			t.rows = append(t.rows, &row{line[:width:width], true})
			line = line[width:]
		}
		t.rows = append(t.rows, &row{line, false})
		line = nil
	}
	t.y = max(len(t.rows)-1, 0)
}

// screen returns the rows that are seen.
func (t *terminal) screen() string { return t.text(max(len(t.rows)-t.height, 0)) }

// all returns what is seen when scrolled up.
func (t *terminal) all() string { return t.text(0) }

func (t *terminal) text(from int) string {
	var b strings.Builder
	for _, r := range t.rows[from:] {
		b.WriteString(strings.TrimRight(string(r.cells), " ") + "\n")
	}
	return b.String()
}
