package console

import (
	"fmt"
	"slices"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// grouped is from how many tests on that failed with the same error they are one line.
const grouped = 3

// A cause is tests that failed with the same error.
type cause struct{ tests []*report.Test }

// causes returns the failed tests of a run by their error, in the suite's order. Numbers
// and addresses in an error make no difference. Few tests of an error are causes of their own.
func causes(r *report.Report) []cause {
	same := map[string][]*report.Test{}
	for i := range r.Tests {
		if t := &r.Tests[i]; t.Verdict == report.Fail && t.Why() != "" {
			same[report.Alike(t.Why())] = append(same[report.Alike(t.Why())], t)
		}
	}
	var list []cause
	for i := range r.Tests {
		t := &r.Tests[i]
		if t.Verdict != report.Fail {
			continue
		}
		switch all := same[report.Alike(t.Why())]; {
		case len(all) < grouped:
			list = append(list, cause{[]*report.Test{t}})
		case all[0] == t:
			list = append(list, cause{all})
		}
	}
	return list
}

// line returns a line on the cause:
//
//	✗ 5 tests  ValueError: no host   tests/test_http.py   new
func (c cause) line(p paint) string {
	first := c.tests[0]
	if len(c.tests) == 1 {
		return p.red(" ✗ ") + join("   ", FailureLine(first), p.dim(first.Before.String()))
	}
	var files, words []string
	for _, t := range c.tests {
		if t.File != "" && !slices.Contains(files, t.File) {
			files = append(files, t.File)
		}
		if w := t.Before.String(); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	where := ""
	if len(files) > 0 {
		where = report.Clean(files[0])
	}
	if len(files) > 1 {
		where += " and " + report.Count(len(files)-1, "other file", "other files")
	}
	if len(words) > 1 {
		words = []string{""}
	}
	return p.red(" ✗ ") + join("   ", report.Count(len(c.tests), "test", "tests")+"  "+report.Clean(first.Why()), where, p.dim(words[0]))
}

func failureLines(r *report.Report, p paint) []string {
	var lines []string
	rest := 0
	for _, c := range causes(r) {
		if len(lines) == MaxFailures {
			rest += len(c.tests)
			continue
		}
		lines = append(lines, c.line(p))
	}
	if rest > 0 {
		lines = append(lines, fmt.Sprintf("   ... and %s more", report.Number(rest)))
	}
	return lines
}
