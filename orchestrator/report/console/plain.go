package console

import (
	"fmt"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// plain prints lines, for logs: steps as they happen, so that the first
// install is not silent, each failure once, and the progress now and then.
type plain struct {
	screen Screen
	tenths int           // of the suite, printed last
	spoke  time.Duration // when a step's own progress was printed last
	top    top
}

func (c *plain) event(s *report.State, e report.Event) {
	for _, l := range c.top.lines(s, e, eventLines(s, e, paint(c.screen.Color))) {
		c.line(l)
	}
	switch b := e.Body.(type) {
	case report.StepProgress:
		if e.At-c.spoke >= time.Second {
			c.spoke = e.At
			c.line("  " + b.Name + ": " + report.Clean(b.Text))
		}
	case report.TestFinished, report.Judged:
		c.progress(s, e.At)
	}
}

// tick prints nothing: a log has no clock.
func (c *plain) tick(*report.State, time.Duration) {}

func (c *plain) text(p []byte) { write(c.screen.Out, string(p)) }

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
	c.line(line + "  " + report.Clock(at))
}

func (c *plain) line(s string) { write(c.screen.Out, inert(s+"\n", c.screen.Folds)) }
