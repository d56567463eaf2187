package console

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A log is never silent for long: a line says what is done, and for how long.
func TestALogIsNotSilent(t *testing.T) {
	var out bytes.Buffer
	var at time.Duration
	begun := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	c, err := New(Plain, Screen{Out: &out, Now: func() time.Time { return begun.Add(at) }})
	if err != nil {
		t.Fatal(err)
	}
	seq := int64(0)
	until := func(end time.Duration, bodies ...report.Body) {
		for ; at < end; at += time.Second {
			c.tick()
		}
		for _, b := range bodies {
			seq++
			c.Handle(report.Event{Seq: seq, At: at, Body: b})
		}
	}
	until(0, report.RunStarted{Run: "r"}, report.Based{Engine: "process"}, report.StepStarted{Name: "environment"})
	until(0, report.StepProgress{Name: "environment", Text: "waiting for another run's install", Doing: true})
	until(40*time.Second, report.StepProgress{Name: "environment", Text: "$ uv sync", Doing: true})
	until(41*time.Second, report.StepProgress{Name: "environment", Text: "Resolved"}, report.StepProgress{Name: "environment", Text: "Building x"})
	until(60*time.Second, report.StepFinished{Name: "environment"}, report.WorkerStarted{Worker: 1}, report.WorkerStarted{Worker: 2})
	until(60*time.Second, report.TestStarted{Worker: 1, Test: "a"}, report.TestStarted{Worker: 2, Test: "b"})
	until(95*time.Second, report.StepStarted{Name: "conclude"})
	until(97 * time.Second)
	if _, err := c.Write([]byte("==== 2 passed ====\n")); err != nil {
		t.Fatal(err)
	}
	until(300 * time.Second)
	want := strings.TrimPrefix(`
shardyard  process
  environment: waiting for another run's install
  environment: still waiting for another run's install (10.0s)
  environment: still waiting for another run's install (30.0s)
  environment: $ uv sync
  environment: Resolved
  environment: still $ uv sync (11.0s): Building x
  environment    0.0s
  1m10s  worker-1 runs a, and 1 worker more
  1m30s  worker-1 runs a, and 1 worker more
==== 2 passed ====
`, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// A command that is longer than the terminal leaves room for its time.
func TestALongCommandLeavesRoomForItsTime(t *testing.T) {
	var out bytes.Buffer
	var at time.Duration
	begun := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	c, err := New(TTY, Screen{Out: &out, Now: func() time.Time { return begun.Add(at) }, Size: func() (int, int) { return 60, 24 }})
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range []report.Body{
		report.RunStarted{Run: "r"}, report.StepStarted{Name: "environment"},
		report.StepProgress{Name: "environment", Text: "$ uv sync " + strings.Repeat("--very-long ", 20), Doing: true},
		report.StepProgress{Name: "environment", Text: "Building numpy"},
	} {
		c.Handle(report.Event{Seq: int64(i + 1), At: 0, Body: b})
	}
	at = 95 * time.Second
	out.Reset()
	c.tick()
	want := "environment 1m35s  $ uv sync --very-long --very-lon…  1m35s\n  Building numpy\n"
	if got := out.String(); !strings.Contains(got, "\x1b[?7l"+want+"\x1b[?7h") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A suite of a few seconds is told what its own figures show, and no other is.
func TestSmallSuites(t *testing.T) {
	seconds := func(s float64) report.Duration { return report.Duration(s * float64(time.Second)) }
	of := func(change func(*report.Report)) *report.Report {
		r := &report.Report{
			Finished: true, Framework: "pytest 8.4.1", Totals: report.Totals{Discovered: 9, Passed: 9}, Workers: make([]report.Worker, 2),
			Times: report.Times{Duration: seconds(26), Installing: seconds(20), Collecting: seconds(0.5), Total: seconds(2)},
		}
		change(r)
		return r
	}
	for name, x := range map[string]struct {
		change func(*report.Report)
		want   string
	}{
		"small":       {func(*report.Report) {}, "small plain pytest takes about 3.5s for these tests, and this run took 6.0s: with 2 workers it pays from about 7.0s of tests on"},
		"fast":        {func(r *report.Report) { r.Times.Duration = seconds(23) }, ""},
		"large":       {func(r *report.Report) { r.Times.Total = seconds(11) }, ""},
		"one worker":  {func(r *report.Report) { r.Workers = r.Workers[:1] }, ""},
		"lost worker": {func(r *report.Report) { r.Workers[0].Lost = "killed" }, ""},
		"cut off":     {func(r *report.Report) { r.Finished = false }, ""},
		"not all run": {func(r *report.Report) { r.Totals.Passed = 8 }, ""},
		"not known":   {func(r *report.Report) { r.Times.Collecting = 0 }, ""},
	} {
		if got := small(of(x.change)); got != x.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
