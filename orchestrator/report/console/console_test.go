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

// A terminal of few rows holds no more lines than it has rows: what is above
// its top cannot be painted over.
func TestLiveLinesFitTheRows(t *testing.T) {
	for _, rows := range []int{3, 5, 6, 8} {
		var out bytes.Buffer
		c, err := console.New(console.TTY, console.Screen{Out: &out, Terminal: true, Size: func() (int, int) { return 60, rows }})
		if err != nil {
			t.Fatal(err)
		}
		bodies := []report.Body{report.RunStarted{Run: "r"}, report.Discovered{Tests: 40}}
		for w := range 12 {
			bodies = append(bodies, report.TestStarted{Worker: w + 1, Test: "a"})
		}
		bodies = append(bodies, report.Note{Text: "which stays above the live lines"})
		for i, body := range bodies {
			out.Reset()
			c.Handle(report.Event{Seq: int64(i + 1), At: time.Duration(i) * time.Second, Body: body})
		}
		_, live, _ := strings.Cut(out.String(), "live lines\n")
		if n := strings.Count(live, "\n"); n == 0 || n >= rows || strings.Contains(live, "… and ") != (rows >= 6) {
			t.Errorf("%d lines on %d rows:\n%q", n, rows, out.String())
		}
	}
}

// What the framework says may stop in the middle of a line; what follows does not
// stand behind it.
func TestTheFrameworksLastLineIsEnded(t *testing.T) {
	for text, want := range map[string]string{"1 passed": "1 passed\n", "1 passed\n": "1 passed\n"} {
		var out bytes.Buffer
		c, err := console.New(console.Plain, console.Screen{Out: &out})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		c.Handle(report.Event{Seq: 1, Body: report.RunFinished{}})
		if !strings.HasPrefix(out.String(), want) || strings.Contains(out.String(), "\n\n") {
			t.Errorf("%q became %q", text, out.String())
		}
	}
}
