package ci

import (
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// judged returns the tests of a run that have this verdict.
func judged(r *report.Report, v report.Verdict) []*report.Test {
	var tests []*report.Test
	for i := range r.Tests {
		if r.Tests[i].Verdict == v {
			tests = append(tests, &r.Tests[i])
		}
	}
	return tests
}

// others returns the reasons of a run besides failed tests, without control
// characters.
func others(r *report.Report) []string {
	var texts []string
	for _, reason := range r.Reasons {
		if reason.Code != report.ReasonFailed {
			lines := strings.Split(strings.TrimRight(reason.Text, "\r\n"), "\n")
			for i, l := range lines {
				lines[i] = report.Clean(l)
			}
			texts = append(texts, strings.Join(lines, "\n"))
		}
	}
	return texts
}

// suite returns what comes before the name of a test where several suites ran.
func suite(r *report.Report, runs []*report.Report) string {
	if len(runs) < 2 || r.Suite == "" {
		return ""
	}
	return report.Clean(r.Suite) + ": "
}
