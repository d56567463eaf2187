package ci

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// variables is an environment.
type variables map[string]string

func (v variables) get(name string) string { return v[name] }

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		choice string
		env    variables
		want   System
	}{
		{"auto", variables{"GITHUB_ACTIONS": "true"}, GitHub},
		{"", variables{"GITEA_ACTIONS": "true"}, GitHub},
		{"auto", variables{"FORGEJO_ACTIONS": "true"}, GitHub},
		{"auto", variables{"GITLAB_CI": "true"}, GitLab},
		{"auto", variables{"CI": "true"}, None},
		{"auto", variables{"TF_BUILD": "True"}, Azure},
		{"auto", variables{"BUILDKITE": "true"}, Buildkite},
		{"auto", variables{"JENKINS_URL": "https://ci.example.org/"}, Jenkins},
		{"forgejo", variables{}, GitHub},
		{"none", variables{"GITHUB_ACTIONS": "true"}, None},
		{"gitlab", variables{"GITHUB_ACTIONS": "true"}, GitLab},
	} {
		if got, err := Choose(c.choice, c.env.get); got != c.want || err != nil {
			t.Errorf("%q, %v: %q, %v", c.choice, c.env, got, err)
		}
	}
	if _, err := Choose("travis", variables{}.get); err == nil || !strings.Contains(err.Error(), Names) {
		t.Errorf("got %v", err)
	}
}

// hostile is a run whose tests would like to speak to the CI system themselves.
func hostile() *report.Report {
	return &report.Report{
		Run: "20260301-120000-0007f", Root: "services/shop", Project: "/home/runner/work/shop/services/shop", Suite: "unit", Exit: 1,
		StartedAt: time.Unix(1000, 0), Times: report.Times{Duration: report.Duration(5 * time.Second)},
		Reasons: []report.Reason{
			{Code: report.ReasonFailed, Exit: 1, Text: "2 tests failed"},
			{Code: report.ReasonInfrastructure, Exit: 3, Text: "100% broken\n::error::forged"},
		},
		Totals: report.Totals{Discovered: 5, Failed: 3, Flaky: 1, Passed: 1},
		Tests: []report.Test{
			{Test: "tests/a.py::test[a,b:c]\n::error::forged", File: "tests/a.py", Line: 7, Verdict: report.Fail, Message: "assert 1 == 2\n::warning::forged ##[error]`x`", Attempts: []report.Attempt{{Worker: 2}}},
			{Test: "b", Verdict: report.Fail, Reason: "lost"},
			{Test: "e", File: "../../etc/passwd", Line: 1, Verdict: report.Fail, Attempts: []report.Attempt{{Worker: 1, Cause: "timeout"}}},
			{Test: "c", File: "c.py", Verdict: report.Flaky},
			{Test: "d", Verdict: report.Pass},
		},
	}
}

func TestAnnotations(t *testing.T) {
	want := []string{
		"::error title=shardyard::100%25 broken%0A::error::forged",
		"::error file=services/shop/tests/a.py,line=7,title=tests/a.py%3A%3Atest[a%2Cb%3Ac]⏎%3A%3Aerror%3A%3Aforged failed::assert 1 == 2⏎::warning::forged ##[error]`x`",
		"::error title=b failed::lost",
		"::error title=e failed::it took longer than a test may",
		"::warning file=services/shop/c.py,title=c is flaky::c is flaky",
	}
	if diff := cmp.Diff(want, annotations([]*report.Report{hostile()}, "")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, annotations([]*report.Report{hostile()}, "/home/runner/work/shop")); diff != "" {
		t.Errorf("in a workspace: %s", diff)
	}
	got := annotations([]*report.Report{hostile()}, "/home/runner/work")
	if !strings.HasPrefix(got[1], "::error file=shop/services/shop/tests/a.py,line=7,") {
		t.Errorf("a checkout below the workspace: %q", got[1])
	}
	other := hostile()
	other.Suite = "db"
	if got := annotations([]*report.Report{hostile(), other}, ""); !strings.Contains(got[7], "title=db%3A e failed") {
		t.Errorf("of several suites: %q", got)
	}
	if got := annotations([]*report.Report{{}}, ""); got != nil {
		t.Errorf("annotations out of nothing: %q", got)
	}
}

// TestTheTenthSaysHowManyMore: GitHub shows ten errors and ten warnings.
func TestTheTenthSaysHowManyMore(t *testing.T) {
	r := &report.Report{}
	for i := range 40 {
		v := report.Fail
		if i >= 30 {
			v = report.Flaky
		}
		r.Tests = append(r.Tests, report.Test{Test: fmt.Sprint(i), Verdict: v})
	}
	got := annotations([]*report.Report{r, r}, "")
	if len(got) != 20 || !strings.HasPrefix(got[9], "::error title=shardyard::51 more: ") || !strings.HasPrefix(got[19], "::warning title=shardyard::11 more: ") {
		t.Errorf("%d: %q", len(got), got)
	}
	r.Tests = r.Tests[:10]
	if got := annotations([]*report.Report{r}, ""); len(got) != 10 || strings.Contains(got[9], "more") {
		t.Errorf("%d: %q", len(got), got)
	}
}

func TestSection(t *testing.T) {
	want := []string{
		"\x1b[0Ksection_start:1005:shardyard-20260301-120000-0007f[collapsed=true]\r\x1b[0K3 failed tests",
		" ✗ tests/a.py::test[a,b:c]⏎::error::forged  worker-2   assert 1 == 2⏎::warning::forged ##[error]`x`",
		" ✗ b   lost",
		" ✗ e  worker-1   it took longer than a test may",
		"\x1b[0Ksection_end:1005:shardyard-20260301-120000-0007f\r\x1b[0K",
	}
	if diff := cmp.Diff(want, section([]*report.Report{hostile()})); diff != "" {
		t.Error(diff)
	}
	many := &report.Report{Run: "a b:c"}
	for range 1200 {
		many.Tests = append(many.Tests, report.Test{Test: "x", Verdict: report.Fail})
	}
	got := section([]*report.Report{many})
	if len(got) != 1003 || got[1001] != "   ... and 200 more" || !strings.HasSuffix(got[0], ":shardyard[collapsed=true]\r\x1b[0K1 200 failed tests") {
		t.Errorf("%d lines, %q, %q", len(got), got[0], got[1001])
	}
	if section([]*report.Report{{}}) != nil {
		t.Error("a section out of nothing")
	}
}

// followed are the commands that GitHub's runner would follow in a log: it takes
// those at the beginning of a line, and ##[...] anywhere.
func followed(log string) (commands []string) {
	command := regexp.MustCompile(`^\s*::([^: ]+)[^:]*::(.*)|##\[([^\] ]+)[^\]]*\](.*)`)
	token := ""
	for line := range strings.Lines(strings.ReplaceAll(log, "\r", "\n")) {
		m := command.FindStringSubmatch(strings.TrimRight(line, "\n"))
		switch {
		case m == nil:
		case token != "":
			if m[1] == token {
				token = ""
			}
		case m[1] == "stop-commands":
			token = m[2]
		default:
			commands = append(commands, m[0])
		}
	}
	return commands
}

// TestTestsForgeNoCommand: whatever is printed while a job is open, only its own
// annotations are followed.
func TestTestsForgeNoCommand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("::error ##[warning]x%0A\r\n\t`é"))).Draw(t, "text")
		r := hostile()
		for i := range r.Tests {
			r.Tests[i].Test += text
			r.Tests[i].Message = text
		}
		r.Reasons[1].Text = text + "x"
		want := annotations([]*report.Report{r}, "")
		var log bytes.Buffer
		job, err := Open("github", variables{}.get, &log)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&log, text)
		fmt.Fprintln(&log, "::set-env name=A::forged")
		if err := job.Tell(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&log, text)
		job.Close()
		if diff := cmp.Diff(want, followed(log.String())); diff != "" {
			t.Fatal(diff)
		}
		fmt.Fprintln(&log, "::notice::what follows in the same step")
		if n := len(followed(log.String())); n != len(want)+1 {
			t.Fatalf("commands stay stopped behind the job: %d of %d", n, len(want)+1)
		}
	})
}

func TestSummary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary")
	if err := os.WriteFile(path, []byte("of an earlier command\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	job, err := Open("auto", variables{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": path}.get, &log)
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Tell(t.Context(), hostile()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "of an earlier command\n" +
		"### shardyard `unit`\nFAIL  3 of 5 failed · 1 flaky      5.0s\n\n" +
		"- ❗ `100% broken⏎::error::forged`\n\n" +
		"**Failed**\n" +
		"- `tests/a.py::test[a,b:c]⏎::error::forged` at `tests/a.py:7`: `` assert 1 == 2⏎::warning::forged ##[error]`x` ``\n" +
		"- `b`: `lost`\n" +
		"- `e` at `../../etc/passwd:1`: `it took longer than a test may`\n\n" +
		"**Flaky**\n" +
		"- `c`\n\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	job.env = variables{"GITHUB_STEP_SUMMARY": filepath.Join(path, "nowhere")}.get
	if err := job.Tell(t.Context(), hostile()); err == nil || !errors.As(err, new(*fs.PathError)) {
		t.Errorf("got %v", err)
	}
}

// TestSummaryIsCut: one byte too much, and GitHub shows nothing.
func TestSummaryIsCut(t *testing.T) {
	r := &report.Report{}
	for range 200 {
		r.Tests = append(r.Tests, report.Test{Test: strings.Repeat("é`", 30_000), Verdict: report.Fail, Message: strings.Repeat("日", 3000)})
	}
	runs := make([]*report.Report, 30)
	for i := range runs {
		runs[i] = r
	}
	for _, room := range []int{maxSummary, 5000, 80, 10, 0, -7} {
		got := summary(runs, room)
		if len(got) > max(room, 0) || room >= 5000 && !strings.HasSuffix(got, "see `shardyard report`\n") {
			t.Errorf("room for %d: %d bytes", room, len(got))
		}
	}
	if got := summary(runs[:1], maxSummary); !strings.Contains(got, "- ... and 150 more\n") {
		t.Errorf("%.300s", got)
	}
}
