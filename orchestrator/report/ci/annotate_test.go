package ci

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/orchestrator/report"
)

func TestAnnotations(t *testing.T) {
	r := &report.Report{
		Root: "services/shop", StartedAt: time.Unix(1000, 0), Times: report.Times{Duration: report.Duration(5 * time.Second)},
		Faults: []report.Fault{{Kind: report.Infrastructure, Text: "100% broken\nbadly"}},
		Tests: []report.Test{
			{Test: "tests/a.py::test[a,b:c]\n::error::forged", File: "tests/a.py", Line: 7, Verdict: report.Fail, Message: "assert 1 == 2\n::warning::forged", Attempts: []report.Attempt{{Worker: 2}}},
			{Test: "b", Verdict: report.Fail, Reason: "lost"},
			{Test: "c", File: "c.py", Verdict: report.Flaky},
			{Test: "d", Verdict: report.Pass},
		},
	}
	want := []string{
		"::error file=services/shop/tests/a.py,line=7,title=tests/a.py%3A%3Atest[a%2Cb%3Ac]%0A%3A%3Aerror%3A%3Aforged failed::assert 1 == 2%0A::warning::forged",
		"::error title=b failed::b failed: lost",
		"::error title=shardyard::100%25 broken%0Abadly",
		"::warning file=services/shop/c.py,title=c is flaky::c is flaky",
	}
	if diff := cmp.Diff(want, Annotations(GitHub, r)); diff != "" {
		t.Error(diff)
	}
	want = []string{
		"\x1b[0Ksection_start:1005:shardyard_failures[collapsed=true]\r\x1b[0K2 failed tests",
		" ✗ tests/a.py::test[a,b:c]⏎::error::forged  worker-2   assert 1 == 2⏎::warning::forged",
		" ✗ b   lost",
		"\x1b[0Ksection_end:1005:shardyard_failures\r\x1b[0K",
	}
	if diff := cmp.Diff(want, Annotations(GitLab, r)); diff != "" {
		t.Error(diff)
	}
	for range 30 {
		r.Tests = append(r.Tests, report.Test{Test: "x", Verdict: report.Fail})
	}
	if n := strings.Count(strings.Join(Annotations(GitHub, r), "\n"), "::error "); n != maxEach {
		t.Errorf("%d errors", n)
	}
	if Annotations(NoAnnotator, r) != nil || Annotations(GitLab, &report.Report{}) != nil {
		t.Error("annotations out of nothing")
	}
}

func TestDetectAnnotator(t *testing.T) {
	for want, env := range map[Annotator]string{GitHub: "GITHUB_ACTIONS", GitLab: "GITLAB_CI", NoAnnotator: "CI"} {
		got := DetectAnnotator(func(k string) string {
			if k == env {
				return "true"
			}
			return ""
		})
		if got != want {
			t.Errorf("%s: got %q", env, got)
		}
	}
}
