package console

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/orchestrator/report"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

// events reads a recorded run.
func events(t *testing.T, name string) []report.Event {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	var all []report.Event
	cut, err := report.ReadLog(f, func(e report.Event) error {
		all = append(all, e)
		return nil
	})
	if err != nil || cut {
		t.Fatal(cut, err)
	}
	return all
}

func fold(all []report.Event) *report.State {
	s := report.NewState()
	for _, e := range all {
		s.Apply(e)
	}
	return s
}

var runs = []string{"failing", "green", "interrupted", "unbuilt", "predicted"}

func TestConsoles(t *testing.T) {
	for _, run := range runs {
		all := events(t, run+".jsonl")
		for _, c := range []struct {
			name  string
			p     Progress
			color bool
		}{
			{"plain", Plain, false},
			{"color", Plain, true},
			{"quiet", Quiet, false},
			{"json", JSON, false},
		} {
			var out bytes.Buffer
			var now time.Time
			console, err := New(c.p, Screen{
				Out: &out, Color: c.color, Now: func() time.Time { return now },
			})
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			for _, e := range all {
				now = begun.Add(e.At)
				console.Handle(e)
			}
			shown := out.String()
			if c.p == JSON {
				want, err := os.ReadFile(filepath.Join("..", "testdata", run+".jsonl"))
				if err != nil || shown != string(want) {
					t.Errorf("%s: json is not the record itself: %v", run, err)
				}
				continue
			}
			if c.name == "color" && stripColor(shown) != plainOf(t, all) {
				t.Errorf("%s: color changes more than color", run)
			}
			golden(t, run+"."+c.name+".txt", strings.ReplaceAll(shown, "\x1b", "␛"))
		}
	}
}

func plainOf(t *testing.T, all []report.Event) string {
	t.Helper()
	var out bytes.Buffer
	console, err := New(Auto, Screen{Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		console.Handle(e)
	}
	return out.String()
}

func stripColor(s string) string {
	for _, code := range []string{"0", "1", "2", "31", "32", "33", "34"} {
		s = strings.ReplaceAll(s, "\x1b["+code+"m", "")
	}
	return s
}

func TestClosing(t *testing.T) {
	next := []string{"shardyard rerun", "shardyard report --open"}
	for _, run := range runs {
		r := fold(events(t, run+".jsonl")).Report()
		text := strings.Join(Closing(r, next, false), "\n") + "\n"
		if got := stripColor(strings.Join(Closing(r, next, true), "\n") + "\n"); got != text {
			t.Errorf("%s: color changes more than color:\n%s", run, got)
		}
		golden(t, run+".closing.txt", text)
	}
}

// TestClosingAsDesigned is the example of the design, to the letter.
func TestClosingAsDesigned(t *testing.T) {
	r := &report.Report{
		Exit: 1, Reasons: []report.Reason{{Code: report.ReasonFailed, Exit: 1, Text: "2 tests failed"}},
		Totals: report.Totals{Discovered: 1284, Passed: 1278, Failed: 2, Flaky: 1, Skipped: 3},
		Times: report.Times{
			Duration: report.Duration(112 * time.Second), Predicted: report.Duration(107 * time.Second), Serial: report.Duration(580 * time.Second),
			Speedup: 5.18, Total: report.Duration(602 * time.Second), Balance: 0.94, Cache: "warm", Saved: report.Duration(48 * time.Second),
		},
		Coverage: &report.Coverage{Percent: 87.4, Complete: true},
		Workers:  make([]report.Worker, 8),
		Tests: []report.Test{{
			Test: "tests/api/test_auth.py::test_expired", Verdict: report.Fail, Message: "AssertionError: 401 != 403",
			Attempts: []report.Attempt{{Attempt: 1, Worker: 3, Outcome: "failed"}},
		}},
	}
	got := strings.Join(Closing(r, []string{"shardyard rerun", "shardyard report --open"}, false), "\n")
	want := `FAIL  2 of 1 284 failed · 1 flaky · 3 skipped      1m52s (predicted 1m47s, serial ~9m40s, 5.2×, tests 10m02s in all)
 ✗ tests/api/test_auth.py::test_expired  worker-3   AssertionError: 401 != 403
cover 87.4 %   balance 94 %   cache warm (saved 48 s)
next  shardyard rerun · shardyard report --open`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestClosingNamesTenFailures(t *testing.T) {
	r := &report.Report{Exit: 1, Reasons: []report.Reason{{Code: report.ReasonFailed, Exit: 1, Text: "22 tests failed"}}, Totals: report.Totals{Discovered: 22, Failed: 22}}
	for range 22 {
		r.Tests = append(r.Tests, report.Test{Test: "t", Verdict: report.Fail})
	}
	lines := Closing(r, nil, false)
	if len(lines) != 12 || lines[11] != "   ... and 12 more" {
		t.Errorf("got %q", lines)
	}
}

// TestClosingGroupsEqualErrors: three tests that failed with one error are one line,
// and each line says how it was before.
func TestClosingGroupsEqualErrors(t *testing.T) {
	r := &report.Report{Exit: 1, Totals: report.Totals{Discovered: 8, Failed: 8}}
	add := func(test, file, message string, before *report.Before) {
		r.Tests = append(r.Tests, report.Test{Test: test, File: file, Verdict: report.Fail, Message: message, Before: before})
	}
	add("a::one", "a.py", "ValueError: no host 10.0.0.1", &report.Before{})
	add("b::one", "b.py", "assert 1 == 2", &report.Before{Runs: 19})
	add("a::two", "a.py", "ValueError: no host 10.0.0.27", &report.Before{})
	add("a::three", "c.py", "ValueError: no host 10.0.0.3", &report.Before{})
	add("b::two", "b.py", "assert 3 == 4", &report.Before{Runs: 20, Failed: 3})
	add("d::one", "d.py", "", &report.Before{Runs: 1})
	add("d::two", "d.py", "", &report.Before{Runs: 1, Failed: 1})
	add("d::three", "d.py", "", nil)
	want := []string{
		" ✗ 3 tests  ValueError: no host 10.0.0.1   a.py and 1 other file   new",
		" ✗ b::one   assert 1 == 2   passed in the 19 runs before",
		" ✗ b::two   assert 3 == 4   failed in 3 of 20 runs",
		" ✗ d::one   passed in the run before",
		" ✗ d::two   failed in 1 of 1 run",
		" ✗ d::three",
	}
	if diff := cmp.Diff(want, Closing(r, nil, false)[1:]); diff != "" {
		t.Error(diff)
	}
}

func TestForecastLines(t *testing.T) {
	f := fold(events(t, "predicted.jsonl")).Report().Forecast
	if f == nil {
		t.Fatal("no forecast")
	}
	golden(t, "predicted.forecast.txt", strings.Join(Forecast(f), "\n")+"\n")
	if lines := Forecast(&report.Forecast{Predicted: f.Predicted, Actual: f.Predicted, Workers: f.Workers[:0]}); len(lines) != 1 {
		t.Errorf("a table without causes: %q", lines)
	}
	for n := range 40 {
		f.Workers = append(f.Workers, report.WorkerForecast{Worker: n + 3, End: report.Duration(n)})
	}
	lines := Forecast(f)
	if n := len(lines); n != MaxForecastWorkers+4 || lines[n-2] != "  ... and 26 workers that ended before" {
		t.Errorf("%d lines:\n%s", n, strings.Join(lines, "\n"))
	}
}

// FuzzConsole: what can be read can be shown, live and at the end.
func FuzzConsole(f *testing.F) {
	for _, run := range runs {
		b, err := os.ReadFile(filepath.Join("..", "testdata", run+".jsonl"))
		if err != nil {
			f.Fatal(err)
		}
		for l := range bytes.Lines(b) {
			f.Add(l)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		tty, err := New(TTY, Screen{Out: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		s := report.NewState()
		if _, err := report.ReadLog(bytes.NewReader(text), func(e report.Event) error {
			s.Apply(e)
			tty.Handle(e)
			tty.tick()
			return nil
		}); err != nil {
			return
		}
		Closing(s.Report(), nil, true)
	})
}
