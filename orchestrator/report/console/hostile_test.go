package console

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// nasty begins a line, and has all that a worker might send to be obeyed.
const nasty = "::error::a\r\x1b[2J\x1b]8;;x\a \u009b2J ##vso[task.complete] ##teamcity[a]\n::stop-commands::x\n--- b\n\x1b[8mhidden"

// TestNothingOfAWorkersActs shows a run in which every text is hostile.
func TestNothingOfAWorkersActs(t *testing.T) {
	bodies := []report.Body{
		report.RunStarted{Run: "r", Suite: nasty, Args: []string{nasty}, Framework: nasty}, report.Sourced{Tree: nasty, Commit: nasty}, report.Based{Engine: nasty, Image: nasty, ImageNote: nasty},
		report.StepStarted{Name: "environment"}, report.StepProgress{Name: "environment", Text: nasty}, report.StepFinished{Name: "environment", Detail: nasty},
		report.WorkerStarted{Worker: 1, Framework: nasty, Runtime: nasty}, report.Discovered{Tests: 2}, report.Note{Text: nasty, Level: report.Warning}, report.Note{Text: nasty},
		report.TestStarted{Worker: 1, Test: nasty}, report.TestFinished{Worker: 1, Test: nasty, Outcome: "failed", Message: nasty},
		report.Died{Worker: 1, Test: nasty, Cause: nasty}, report.WorkerLost{Worker: 1, Cause: nasty, Test: nasty}, report.WorkerClosed{Worker: 2, Unexplained: true, Closing: nasty},
		report.Fault{Text: nasty}, report.Stopped{Reason: nasty}, report.StepStarted{Name: "conclude"},
	}
	for _, progress := range []Progress{Plain, TTY, JSON} {
		t.Run(string(progress), func(t *testing.T) {
			var out bytes.Buffer
			c, err := New(progress, Screen{Out: &out, Terminal: true, Color: true, Folds: true})
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range bodies {
				c.Handle(report.Event{Seq: int64(i + 1), At: time.Duration(i) * time.Second, Body: b})
				c.tick()
			}
			for _, piece := range strings.SplitAfter(nasty, "o") {
				if _, err := c.Write([]byte(piece)); err != nil {
					t.Fatal(err)
				}
			}
			c.Handle(report.Event{Seq: 99, At: time.Minute, Body: report.RunFinished{Exit: 1, Reasons: []report.Reason{{Text: nasty}}}})
			text := out.String()
			for _, own := range []string{"\r\x1b[1A", "\r\x1b[2A", "\r\x1b[3A", "\x1b[J", "\x1b[?2026h", "\x1b[?2026l", "\x1b[?7h", "\x1b[?7l"} { // how live lines are painted
				text = strings.ReplaceAll(text, own, "\n")
			}
			if found := acts.FindString(text); found != "" {
				t.Errorf("%q acts in\n%q", found, text)
			}
			if progress == JSON {
				return
			}
			if n := strings.Count(text, "# #vso[task.complete]"); n < 10 {
				t.Errorf("shown %d times in\n%s", n, text)
			}
		})
	}
}
