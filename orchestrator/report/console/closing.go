package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// MaxFailures is how many lines on failed tests the closing lines have.
const MaxFailures = 10

// Closing returns the last lines of a run:
//
//	FAIL  2 of 1 284 failed · 1 flaky · 3 skipped      1m52s (predicted 1m47s, serial ~9m40s, 5.2×, tests 10m02s in all)
//	 ✗ tests/api/test_auth.py::test_expired  worker-3   AssertionError: 401 != 403   passed in the 19 runs before
//	 ✗ 5 tests  ValueError: no host   tests/test_http.py   new
//	cover 87.4 %   balance 94 %   cache warm (saved 48 s)
//	next  shardyard rerun · shardyard report --open
//
// Reasons other than failed tests stand under the first line, and under the failures
// what to do about things that they say are not there. What is not
// known is left out, and, when a test was not run, what compares whole runs.
// next are the commands that exist and fit.
func Closing(r *report.Report, next []string, color bool) []string {
	p := paint(color)
	lines := []string{Verdict(r, color)}
	for _, reason := range r.Reasons {
		if reason.Code != report.ReasonFailed {
			lines = append(lines, p.red(" ! ")+report.Clean(headline(reason.Text)))
		}
	}
	lines = append(lines, failureLines(r, p)...)
	lines = append(lines, adviceLines(r, p)...)
	if l := Measures(r, color); l != "" {
		lines = append(lines, l)
	}
	if l := small(r); l != "" {
		lines = append(lines, l)
	}
	if len(next) > 0 {
		lines = append(lines, "next  "+strings.Join(next, " · "))
	}
	return lines
}

// headline returns the first line of a text: the rest was printed when it
// happened.
func headline(text string) string {
	first, _, more := strings.Cut(text, "\n")
	if more {
		return strings.TrimRight(first, ":\r")
	}
	return first
}

// Verdict returns the first of the closing lines.
func Verdict(r *report.Report, color bool) string {
	p := paint(color)
	t := r.Totals
	word := p.green("PASS")
	if r.Exit != report.ExitGreen {
		word = p.red("FAIL")
	}
	var parts []string
	switch {
	case t.Failed > 0:
		parts = append(parts, fmt.Sprintf("%s of %s failed", report.Number(t.Failed), report.Number(t.Discovered)))
	case t.Discovered > 0 && t.Passed < t.Discovered:
		parts = append(parts, fmt.Sprintf("%s of %s passed", report.Number(t.Passed), report.Number(t.Discovered)))
	case t.Discovered > 0:
		parts = append(parts, fmt.Sprintf("%s passed", report.Number(t.Passed)))
	default:
		parts = append(parts, "no tests")
	}
	for _, c := range []struct {
		n    int
		word string
	}{{t.Flaky, "flaky"}, {t.Skipped, "skipped"}, {t.NotRun, "not run"}, {t.Deselected, "deselected"}} {
		if c.n > 0 {
			parts = append(parts, report.Number(c.n)+" "+c.word)
		}
	}
	return word + "  " + strings.Join(parts, " · ") + "      " + timeWords(r)
}

func timeWords(r *report.Report) string {
	t := r.Times
	var in []string
	all := r.Totals.Discovered > 0 && r.Totals.Judged()-r.Totals.NotRun == r.Totals.Discovered
	if t.Predicted > 0 && all {
		in = append(in, "predicted "+report.Clock(t.Predicted.Std()))
	}
	if t.Serial > 0 && all && (!t.SerialMeasured || t.Serial != t.Installed()) {
		in = append(in, "serial "+approx(t.SerialMeasured)+report.Clock(t.Serial.Std()))
		in = append(in, fmt.Sprintf("%.1f×", t.Speedup))
	}
	if t.Installing.Std() >= time.Second {
		in = append(in, "installing "+report.Clock(t.Installing.Std()))
	}
	if t.Total > 0 {
		in = append(in, "tests "+report.Clock(t.Total.Std())+" in all")
	}
	s := report.Clock(t.Duration.Std())
	if len(in) > 0 {
		s += " (" + strings.Join(in, ", ") + ")"
	}
	return s
}

// What makes a suite small: its tests, and starting the framework to run them.
const (
	smallSuite = 10 * time.Second
	plainStart = time.Second
)

// small says of a suite of a few seconds that the framework alone would have been
// faster, and from how many seconds of tests on that changes; "" where this run's own
// figures do not show it.
func small(r *report.Report) string {
	t := r.Times
	name, _, versioned := strings.Cut(r.Framework, " ")
	workers := len(r.Workers)
	whole := r.Finished && r.Totals.Discovered > 0 && r.Totals.Judged()-r.Totals.NotRun == r.Totals.Discovered && r.Totals.Flaky == 0
	if !whole || workers < 2 || !versioned || t.Total.Std() > smallSuite || t.Collecting == 0 {
		return ""
	}
	plain := plainStart + t.Collecting.Std() + t.Total.Std()
	wall := (t.Duration - t.Installing).Std()
	if slices.ContainsFunc(r.Workers, func(w report.Worker) bool { return w.Lost != "" }) || plain >= wall {
		return ""
	}
	// Besides its share of the tests the run takes what it took now; plain starts and collects.
	besides := wall - t.Total.Std()/time.Duration(workers) - plainStart - t.Collecting.Std()
	even := max(besides*time.Duration(workers)/time.Duration(workers-1), t.Total.Std())
	return fmt.Sprintf("small plain %s takes about %s for these tests, and this run took %s: with %s it pays from about %s of tests on",
		name, report.Clock(plain), report.Clock(wall), report.Count(workers, "worker", "workers"), report.Clock(even.Round(time.Second)))
}

// MaxAdvice is how many things that are not there the closing lines name.
const MaxAdvice = 8

// adviceLines return a line for each thing that failures say is not there, with
// what to do about it:
//
//	→ no program git (12 tests): tests run this machine's programs: sudo apt-get install git
func adviceLines(r *report.Report, p paint) []string {
	var lines []string
	for _, a := range r.Advice[:min(len(r.Advice), MaxAdvice)] {
		var who []string
		if a.Files > 0 {
			who = append(who, report.Count(a.Files, "file", "files"))
		}
		if a.Tests > 0 {
			who = append(who, report.Count(a.Tests, "test", "tests"))
		}
		line := p.yellow(" → ") + report.Clean(a.What)
		if len(who) > 0 {
			line += " (" + strings.Join(who, ", ") + ")"
		}
		lines = append(lines, line+": "+report.Clean(a.Do))
	}
	if rest := len(r.Advice) - MaxAdvice; rest > 0 {
		lines = append(lines, fmt.Sprintf("   ... and %s more that are not there: shardyard report --json lists them", report.Number(rest)))
	}
	return lines
}

// Measures returns the coverage, the balance and the cache in one line; "" when
// nothing of it is known.
func Measures(r *report.Report, color bool) string {
	p := paint(color)
	var parts []string
	if c := r.Coverage; c != nil {
		switch {
		case !c.Complete:
			parts = append(parts, p.red("cover INCOMPLETE")+" ("+report.Percent(c.Percent)+" of what there is)")
		case c.Below():
			parts = append(parts, p.red("cover "+report.Percent(c.Percent))+" (limit "+report.Percent(c.FailUnder)+")")
		default:
			parts = append(parts, "cover "+report.Percent(c.Percent))
		}
	}
	if b := r.Times.Balance; b > 0 && len(r.Workers) > 1 {
		parts = append(parts, fmt.Sprintf("balance %.0f %%", b*100))
	}
	if r.Times.Cache != "" {
		s := "cache " + r.Times.Cache
		if saved := r.Times.Saved.Std(); saved > 0 {
			s += " (saved " + report.Span(saved) + ")"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "   ")
}
