package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// tty paints a few live lines under what was printed for good: the step that runs,
// what each worker is at, and a bar with counts and the time left.
//
// A frame goes out in one write, when it differs from the one before, and at most
// every pause. It is bracketed for terminals that then show it as one
// (synchronized output), and live lines do not wrap. Where the window has become
// smaller, the terminal may have moved the lines of the last frame: a new frame
// begins below them, and what has scrolled away stays as it is.
type tty struct {
	screen  Screen
	top     top
	stays   strings.Builder // what is printed for good with the next frame
	shown   string          // the live lines on the screen now
	painted int             // how many they are
	width   int             // of the screen then
	height  int
	at      time.Duration // when they were painted
	now     now
	over    bool // nothing is live any more
}

// pause is the least time between two frames.
const pause = 100 * time.Millisecond

// event keeps what stays for the next frame.
func (c *tty) event(sc scene, e report.Event) {
	for _, l := range c.top.lines(sc.State, e, eventLines(sc.State, e, paint(c.screen.Color))) {
		c.stays.WriteString(l + "\n")
	}
	c.now.follow(e)
	if _, ended := e.Body.(report.RunFinished); ended {
		c.over = true
	}
	if c.over || sc.elapsed-c.at >= pause {
		c.paint(sc)
	}
}

func (c *tty) tick(sc scene) { c.paint(sc) }

// text ends the live part: what the framework says at the end is the last that
// happens, and may stop in the middle of a line.
func (c *tty) text(p []byte) {
	c.over = true
	c.paint(scene{})
	write(c.screen.Out, string(p))
}

func (c *tty) show(sc scene) {
	for _, l := range lanesInFull(sc) {
		c.stays.WriteString(l + "\n")
	}
	c.paint(sc)
}

// aside leaves no live line. The next frame is painted below what is written then.
func (c *tty) aside() {
	width, height := c.screen.size()
	c.put("", width, height)
}

// paint paints a frame.
func (c *tty) paint(sc scene) {
	width, height := c.screen.size()
	live := ""
	if !c.over {
		live = inert(c.live(sc, layout{paint(c.screen.Color), width - 1, height}), c.screen.Folds)
	}
	if c.put(live, width, height) {
		c.at = sc.elapsed
	}
}

// put takes the live lines away, prints what stays, and then others, in a window of
// this size. It reports whether anything was to be done.
func (c *tty) put(live string, width, height int) bool {
	stays := inert(c.stays.String(), c.screen.Folds)
	if stays == "" && live == c.shown && width == c.width && height == c.height {
		return false
	}
	var b strings.Builder
	if c.screen.Dumb {
		c.line(&b, stays, live)
	} else {
		c.block(&b, stays, live, width >= c.width && c.painted < height)
	}
	c.stays.Reset()
	c.shown, c.painted, c.width, c.height = live, strings.Count(live, "\n"), width, height
	if b.Len() > 0 {
		write(c.screen.Out, b.String())
	}
	return true
}

// block writes a frame. The one before is still where it was painted, or is left
// alone.
func (c *tty) block(b *strings.Builder, stays, live string, still bool) {
	if live == "" && c.painted == 0 {
		b.WriteString(stays)
		return
	}
	b.WriteString("\x1b[?2026h")
	if c.painted > 0 && still {
		fmt.Fprintf(b, "\r\x1b[%dA\x1b[J", c.painted)
	}
	b.WriteString(stays)
	if live != "" {
		b.WriteString("\x1b[?7l" + live + "\x1b[?7h")
	}
	b.WriteString("\x1b[?2026l")
}

// line writes a frame of one line for a terminal that obeys no sequences.
func (c *tty) line(b *strings.Builder, stays, live string) {
	live = strings.TrimSuffix(live, "\n")
	if blank := Width(strings.TrimSuffix(c.shown, "\n")); blank > 0 && (stays != "" || blank > Width(live)) {
		b.WriteString("\r" + strings.Repeat(" ", blank))
	}
	if c.shown != "" || live != "" {
		b.WriteByte('\r')
	}
	b.WriteString(stays)
	b.WriteString(live)
}

// live returns the lines of a frame.
func (c *tty) live(sc scene, l layout) string {
	var lines []string
	if c.now.step != "" {
		lines = append(lines, c.doing(sc.elapsed, l)...)
	}
	bar := ""
	if sc.Totals().Discovered > 0 {
		bar = l.bar(sc)
	}
	if c.screen.Dumb || l.width < least || l.height < fewRows { // there is room for one line
		if lines = lines[:min(len(lines), 1)]; bar != "" {
			lines = nil
		}
	} else {
		lines = append(lines, l.lanes(sc, l.height-3-len(lines))...)
	}
	if bar != "" {
		lines = append(lines, bar)
	}
	for i := range lines {
		lines[i] = Fit(lines[i], l.width) + "\n"
	}
	return strings.Join(lines, "")
}

// doing returns the lines of the step that goes on: its command with the time that
// it has taken, which a long command does not push out, and what it said last.
func (c *tty) doing(elapsed time.Duration, l layout) []string {
	first := l.p.bold(c.now.step) + " " + report.Clock(elapsed)
	if c.now.doing == "" {
		return []string{join("  ", first, l.p.dim(c.now.said))}
	}
	took := "  " + c.now.took(elapsed)
	lines := []string{first + "  " + l.p.dim(Fit(c.now.doing, l.width-Width(first)-2-Width(took))+took)}
	if c.now.said != "" && l.height > fewRows {
		lines = append(lines, "  "+l.p.dim(c.now.said))
	}
	return lines
}
