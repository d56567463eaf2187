package console

import (
	"fmt"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// plain prints lines, for logs: steps as they happen, so that the first
// install is not silent, each failure once, and the progress now and then. A line
// after each silent while says what is done.
type plain struct {
	screen Screen
	tenths int           // of the suite, printed last
	spoke  time.Duration // when a step's own output was printed last
	wrote  time.Duration // when anything was
	while  time.Duration // the next silence that is too long
	over   bool          // the framework's own text has begun
	now    now
	top    top
}

// The shortest and the longest silence of a log.
const (
	shortSilence = 10 * time.Second
	longSilence  = time.Minute
)

func (c *plain) event(sc scene, e report.Event) {
	s := sc.State
	for _, l := range c.top.lines(s, e, eventLines(s, e, paint(c.screen.Color))) {
		c.line(l, e.At)
	}
	c.now.follow(e)
	switch b := e.Body.(type) {
	case report.StepProgress:
		if b.Doing || e.At-c.spoke >= time.Second {
			if !b.Doing {
				c.spoke = e.At
			}
			c.line("  "+b.Name+": "+report.Clean(b.Text), e.At)
		}
	case report.TestFinished, report.Judged:
		c.progress(s, e.At)
	}
}

// tick ends a silence that was too long. The next one may be twice as long.
func (c *plain) tick(sc scene) {
	if c.over || !c.top.headed || sc.elapsed-c.wrote < max(c.while, shortSilence) {
		return
	}
	if l := c.now.still(sc.State, sc.elapsed); l != "" {
		while := min(max(c.while, shortSilence)*2, longSilence)
		c.line(l, sc.elapsed)
		c.while = while
	}
}

func (c *plain) text(p []byte) {
	c.over = true
	write(c.screen.Out, string(p))
}

func (c *plain) show(sc scene) {
	for _, l := range lanesInFull(sc) {
		c.line(l, sc.elapsed)
	}
}

func (*plain) aside() {}

// lanesInFull returns what each worker is at, and how far the run is, for a log.
func lanesInFull(sc scene) []string {
	l := layout{width: 200, height: 1 << 20}
	lines := l.lanes(sc, l.height)
	if sc.Totals().Discovered > 0 {
		lines = append(lines, l.bar(sc))
	}
	return lines
}

// progress prints a line each time that another tenth of the suite is done.
func (c *plain) progress(s *report.State, at time.Duration) {
	t := s.Totals()
	if t.Discovered == 0 || s.Discovery().Tests == 0 {
		return
	}
	done := t.Judged() - t.NotRun // what a stopped run did not reach is no progress
	tenths := done * 10 / t.Discovered
	if tenths <= c.tenths {
		return
	}
	c.tenths = tenths
	line := fmt.Sprintf("%3d%%  %s of %s", done*100/t.Discovered, report.Number(done), report.Number(t.Discovered))
	if t.Failed > 0 {
		line += fmt.Sprintf(" · %s failed", report.Number(t.Failed))
	}
	c.line(line+"  "+report.Clock(at), at)
}

func (c *plain) line(s string, at time.Duration) {
	c.wrote, c.while = at, shortSilence
	write(c.screen.Out, inert(s+"\n", c.screen.Folds))
}
