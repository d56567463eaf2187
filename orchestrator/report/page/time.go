package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A finding is a sentence on what bounds the run.
type finding struct{ Head, Test, Text string }

func of(ms float64) string { return span(time.Duration(ms * float64(time.Millisecond))) }

// findings returns what would make the run quicker, at most four sentences.
func findings(r *report.Report, s *run) (list []finding) {
	if s.attempts == 0 || s.last <= s.first {
		return nil
	}
	longest, where := 0.0, ""
	for _, l := range s.rows {
		for _, b := range l.blocks {
			if b.took > longest {
				longest, where = b.took, r.Tests[b.test].Test
			}
		}
	}
	add := func(holds bool, head, test, format string, args ...any) {
		if holds && len(list) < maxFindings {
			list = append(list, finding{head, test, fmt.Sprintf(format, args...)})
		}
	}
	open := s.last - s.first
	add(longest > 0.6*open && len(s.rows) > 1, "One test bounds the run.", where, "takes %s of the %s in which tests ran: no number of workers gets below it.", of(longest), of(open))
	add(s.first > 0.2*s.end, of(s.first)+" pass before the first test", "", ", %s of the run: starting, and collecting.", percent(s.first, s.end))
	tail := s.end - s.last
	add(tail > 0.15*s.end, "The conclusion takes "+of(tail), "", ": reports are put together and coverage is combined behind the last test.")
	idle, most, n := 0.0, 0.0, 0
	for _, l := range s.planned() {
		wait := max(s.last-l.last, 0)
		if l.worker.Lost != "" {
			wait = 0
		}
		idle += wait
		most = max(most, wait)
		if wait > 0.05*s.end {
			n++
		}
	}
	mean := idle / float64(max(len(s.planned()), 1))
	add(mean > 0.1*s.end, report.Count(n, "worker was", "workers were")+" idle at the end", "", ", up to %s: what was left could not be shared out.", of(most))
	unknown := r.Totals.Unknown
	add(unknown*20 > max(r.Totals.Discovered, 1), report.Count(unknown, "test has", "tests have")+" no history", "", ", so that the plan had to guess; the next run knows better.")
	add(r.Times.Cache == "cold", "The cache was cold", "", ": the environment was built anew.")
	return list
}

// A share is what the mean worker's time went into.
type share struct {
	Class, Name, Time, Share string
	Percent                  float64
}

// parts cut the time of the run, as the mean of the planned workers has it.
func parts(s *run) []share {
	lanes := s.planned()
	if len(lanes) == 0 || s.attempts == 0 {
		return nil
	}
	n := float64(len(lanes))
	var start, collect, busy, idle float64
	for _, l := range lanes {
		begun := min(cmp.Or(l.session, l.ready), s.last)
		start += begun
		collect += min(l.ready, s.last) - begun + millis(l.worker.Collect)
		busy += l.busy
		idle += max(s.last-max(l.last, l.ready), 0)
	}
	tail := s.end - s.last
	between := max(s.end-tail-(start+collect+busy+idle)/n, 0)
	var list []share
	for _, p := range []struct {
		class, name string
		ms          float64
	}{
		{"start", "starting", start / n}, {"collect", "collecting", collect / n}, {"even", "tests", busy / n},
		{"odd", "between tests", between}, {"idle", "idle tail", idle / n}, {"conclude", "conclusion", tail},
	} {
		list = append(list, share{p.class, p.name, of(p.ms), percent(p.ms, s.end), 100 * p.ms / s.end})
	}
	return list
}

// A cause is what made the run longer or shorter than predicted.
type cause struct {
	Name, Time string
	Longer     bool
	X, W       float64 // of 100
}

// told are causes in words: longer, and shorter than predicted.
var told = map[string][2]string{
	"build": {"building the environment", "building the environment"}, "start": {"workers came later", "workers came sooner"},
	"collect": {"collecting files", "collecting files"}, "fixtures": {"opening files took longer", "opening files was quicker"},
	"estimates": {"tests took longer", "tests were quicker"}, "work": {"more work than planned", "less work than planned"},
	"gaps": {"more between tests", "less between tests"}, "lost": {"lost workers", "lost workers"},
	"idle": {"idle at the end", "less idle than planned"}, "conclude": {"conclusion took longer", "conclusion was quicker"},
}

func (v *view) causes(r *report.Report) {
	f := r.Forecast
	if f == nil {
		return
	}
	v.Forecast = fmt.Sprintf("Predicted %s, took %s: why", span(f.Predicted.Std()), span(f.Actual.Std()))
	list := slices.DeleteFunc(f.Causes.List(), func(c report.Cause) bool { return math.Abs(millis(*c.Time)) < 50 })
	slices.SortStableFunc(list, func(a, b report.Cause) int {
		return cmp.Compare(math.Abs(millis(*b.Time)), math.Abs(millis(*a.Time)))
	})
	most := 1.0
	for _, c := range list {
		most = max(most, math.Abs(millis(*c.Time)))
	}
	for _, c := range list {
		ms := millis(*c.Time)
		w := 50 * math.Abs(ms) / most
		x := cause{Name: told[c.Name][0], Time: "+" + of(ms), Longer: true, X: 50, W: w}
		if ms < 0 {
			x = cause{Name: told[c.Name][1], Time: of(ms), X: 50 - w, W: w}
		}
		v.Causes = append(v.Causes, x)
	}
}
