package console

import (
	"fmt"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A now is what a run does at the moment, as its steps say. The zero now is between
// two steps.
type now struct {
	step  string
	doing string // a command, or what else the step does
	said  string // the last line that it printed
	since time.Duration
}

// follow takes the next event in.
func (n *now) follow(e report.Event) {
	switch b := e.Body.(type) {
	case report.StepStarted:
		*n = now{step: b.Name, since: e.At}
	case report.StepProgress:
		if b.Name != n.step {
			*n = now{step: b.Name, since: e.At}
		}
		if b.Doing {
			n.doing, n.said, n.since = report.Clean(b.Text), "", e.At
		} else {
			n.said = report.Clean(b.Text)
		}
	case report.StepFinished:
		if b.Name == n.step {
			*n = now{}
		}
	}
}

// took returns how long it has been done.
func (n *now) took(elapsed time.Duration) string { return report.Clock(max(elapsed-n.since, 0)) }

// still returns the line of a log that has heard nothing for a while: what is done,
// for how long, and what was said last. It is "" when nothing is known to be done, and of
// what has only begun.
func (n *now) still(s *report.State, elapsed time.Duration) string {
	if n.step != "" {
		if elapsed-n.since < time.Second {
			return ""
		}
		line := "  " + n.step + ": " + join(" ", "still", n.doing) + " (" + n.took(elapsed) + ")"
		if n.said != "" {
			line += ": " + n.said
		}
		return line
	}
	running := s.Running()
	for _, w := range s.Workers() {
		if test, ok := running[w]; ok {
			line := "  " + report.Clock(elapsed) + "  " + report.WorkerName(w) + " runs " + report.Clean(test)
			if more := len(running) - 1; more > 0 {
				line += fmt.Sprintf(", and %s more", report.Count(more, "worker", "workers"))
			}
			return line
		}
	}
	return ""
}
