package console

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// grouped is from how many tests on that failed with the same error they are one line.
const grouped = 3

// A cause is tests that failed with the same error.
type cause struct{ tests []*report.Test }

// causes returns the failed tests of a run by their error, in the suite's order. Numbers
// in an error make no difference. Few tests of an error are causes of their own.
func causes(r *report.Report) []cause {
	same := map[string][]*report.Test{}
	for i := range r.Tests {
		if t := &r.Tests[i]; t.Verdict == report.Fail && t.Why() != "" {
			same[masked(t.Why())] = append(same[masked(t.Why())], t)
		}
	}
	var list []cause
	for i := range r.Tests {
		t := &r.Tests[i]
		if t.Verdict != report.Fail {
			continue
		}
		switch all := same[masked(t.Why())]; {
		case len(all) < grouped:
			list = append(list, cause{[]*report.Test{t}})
		case all[0] == t:
			list = append(list, cause{all})
		}
	}
	return list
}

var number = regexp.MustCompile(`[0-9]+`)

// masked returns an error without its numbers.
func masked(text string) string { return number.ReplaceAllString(text, "0") }

// line returns a line on the cause:
//
//	✗ 5 tests  ValueError: no host   tests/test_http.py   new
func (c cause) line(p paint) string {
	first := c.tests[0]
	if len(c.tests) == 1 {
		return p.red(" ✗ ") + join("   ", FailureLine(first), p.dim(Before(first.Before)))
	}
	var files, words []string
	for _, t := range c.tests {
		if t.File != "" && !slices.Contains(files, t.File) {
			files = append(files, t.File)
		}
		if w := Before(t.Before); !slices.Contains(words, w) {
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

// Before says how a test ended in the runs before this one; "" if nothing is known.
func Before(b *report.Before) string {
	switch {
	case b == nil:
		return ""
	case b.Runs == 0:
		return "new"
	case b.Failed == 0 && b.Runs == 1:
		return "passed in the run before"
	case b.Failed == 0:
		return fmt.Sprintf("passed in the %d runs before", b.Runs)
	default:
		return fmt.Sprintf("failed in %d of %s", b.Failed, report.Count(b.Runs, "run", "runs"))
	}
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
