package console_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/console"
)

// The framework's text may come in pieces that end in the middle of a line:
// nothing live may be painted into it.
func TestTheFrameworksTextStaysWhole(t *testing.T) {
	const text = "==== test session starts ====\ntests/test_a.py ....\n\n==== 4 passed ====\n"
	for _, progress := range []console.Progress{console.TTY, console.Plain} {
		t.Run(string(progress), func(t *testing.T) {
			var out bytes.Buffer
			c, err := console.New(progress, console.Screen{Out: &out, Terminal: true})
			if err != nil {
				t.Fatal(err)
			}
			for i, body := range []report.Body{
				report.RunStarted{Run: "r"}, report.Discovered{Tests: 4}, report.TestStarted{Worker: 1, Test: "a"}, report.StepStarted{Name: "conclude"},
			} {
				c.Handle(report.Event{Seq: int64(i + 1), At: time.Second, Body: body})
			}
			out.Reset()
			for i := 0; i < len(text); i += 7 {
				if _, err := c.Write([]byte(text[i:min(i+7, len(text))])); err != nil {
					t.Fatal(err)
				}
				if progress == console.TTY { // which would repaint
					c.Handle(report.Event{Seq: int64(i + 10), At: 2 * time.Second, Body: report.TestStarted{Worker: 1, Test: "b"}})
				}
			}
			if got := out.String(); !strings.Contains(got, text) {
				t.Errorf("the text came out as %q", got)
			}
		})
	}
}
