package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// tty paints a few live lines under what was printed for good: a bar with
// counts and the time left, and what each worker runs.
type tty struct {
	screen  Screen
	top     top
	painted int // live lines on the screen now
	now     now
	over    bool // nothing is live any more
}

// maxRunning is how many workers are shown at most; the rest is counted.
const maxRunning = 8

// event prints what stays, and repaints.
func (c *tty) event(s *report.State, e report.Event) {
	var b strings.Builder
	for _, l := range c.top.lines(s, e, eventLines(s, e, paint(c.screen.Color))) {
		b.WriteString(l + "\n")
	}
	c.now.follow(e)
	if _, ended := e.Body.(report.RunFinished); ended {
		c.over = true
	}
	if b.Len() > 0 || c.over {
		live := ""
		if !c.over {
			live = c.live(s, e.At)
		}
		c.repaint(inert(b.String(), c.screen.Folds), live)
	}
}

// tick repaints the live lines.
func (c *tty) tick(s *report.State, elapsed time.Duration) {
	if !c.over {
		c.repaint("", c.live(s, elapsed))
	}
}

// text ends the live part: what the framework says at the end is the last that
// happens, and may stop in the middle of a line.
func (c *tty) text(p []byte) {
	c.over = true
	c.repaint(string(p), "")
}

// repaint takes the live lines away, prints what stays, and paints anew, in
// one write.
func (c *tty) repaint(stays, live string) {
	var b strings.Builder
	if c.painted > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA\x1b[J", c.painted)
	}
	b.WriteString(stays)
	b.WriteString(live)
	c.painted = strings.Count(live, "\n")
	if b.Len() > 0 {
		write(c.screen.Out, b.String())
	}
}

func (c *tty) live(s *report.State, elapsed time.Duration) string {
	p := paint(c.screen.Color)
	width, height := c.screen.size()
	width--
	var lines []string
	if c.now.step != "" {
		lines = append(lines, c.doing(elapsed, width, height)...)
	}
	if t := s.Totals(); t.Discovered > 0 {
		lines = append(lines, c.bar(s, t, elapsed, width))
	}
	running := s.Running()
	room := max(min(maxRunning, height-len(lines)-2), 0)
	var shown int
	for _, n := range s.Workers() {
		id, ok := running[n]
		if !ok {
			continue
		}
		if shown++; shown <= room {
			lines = append(lines, "  "+p.dim(report.WorkerName(n))+"  "+report.Clean(id))
		}
	}
	if rest := len(running) - room; rest > 0 {
		lines = append(lines, p.dim(fmt.Sprintf("  ... and %s", report.Count(rest, "worker", "workers"))))
	}
	for i := range lines {
		lines[i] = Fit(lines[i], width) + "\n"
	}
	return inert(strings.Join(lines, ""), c.screen.Folds)
}

// doing returns the lines of the step that goes on: its command with the time that
// it has taken, which a long command does not push out, and what it said last.
func (c *tty) doing(elapsed time.Duration, width, height int) []string {
	p := paint(c.screen.Color)
	first := p.bold(c.now.step) + " " + report.Clock(elapsed)
	if c.now.doing == "" {
		return []string{join("  ", first, p.dim(c.now.said))}
	}
	took := "  " + c.now.took(elapsed)
	lines := []string{first + "  " + p.dim(Fit(c.now.doing, width-Width(first)-2-Width(took))+took)}
	if c.now.said != "" && height > 6 {
		lines = append(lines, "  "+p.dim(c.now.said))
	}
	return lines
}

func (c *tty) bar(s *report.State, t report.Totals, elapsed time.Duration, width int) string {
	p := paint(c.screen.Color)
	done := t.Judged() - t.NotRun
	text := fmt.Sprintf(" %s/%s", report.Number(done), report.Number(t.Discovered))
	if t.Failed > 0 {
		text += " " + p.red(report.Number(t.Failed)+" failed")
	}
	if t.Flaky > 0 {
		text += " " + p.yellow(report.Number(t.Flaky)+" flaky")
	}
	text += " " + report.Clock(elapsed)
	if left, ok := s.Left(elapsed); ok && t.Judged() < t.Discovered {
		text += " (" + report.Clock(left) + " left)"
	}
	cells := min(width-Width(text), 40)
	if cells < 5 {
		return strings.TrimPrefix(text, " ")
	}
	full := min(cells*done/t.Discovered, cells)
	color := p.green
	if t.Failed > 0 {
		color = p.red
	}
	return color(strings.Repeat("█", full)) + p.dim(strings.Repeat("░", cells-full)) + text
}
