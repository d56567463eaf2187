package junit

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// TestWriteCanBeReadBack writes what a run knew, and reads it as one reads the
// file of a framework.
func TestWriteCanBeReadBack(t *testing.T) {
	rep := &report.Report{Tests: []report.Test{
		{Test: "a/test_a.py::test_1[<\x1b&]", File: "a/test_a.py", Verdict: report.Pass, Attempts: []report.Attempt{{Outcome: worker.Passed, Call: report.Millis(1500)}}},
		{Test: "a/test_a.py::T::test_2", File: "a/test_a.py", Verdict: report.Fail, Message: `1 != "2"`},
		{Test: "a/test_a.py::test_3", File: "a/test_a.py", Verdict: report.Skip},
		{Test: "a/test_a.py::test_4", File: "a/test_a.py", Verdict: report.NotRun, Reason: "its worker was lost"},
		{Test: "a/test_a.py::test_5", File: "a/test_a.py"},
		{Test: "unit", File: "spec.js", Verdict: report.Flaky},
	}}
	write := func() (string, *Merged) {
		t.Helper()
		var out bytes.Buffer
		if err := Write(&out, rep); err != nil {
			t.Fatal(err)
		}
		m, err := Merge(io.Discard, textSource("own", out.String()))
		if err != nil {
			t.Fatalf("%v:\n%s", err, &out)
		}
		return out.String(), m
	}
	text, m := write()
	if m.Tests != 6 || m.Failures != 1 || m.Errors != 2 || m.Skipped != 1 {
		t.Errorf("%d tests, %d failures, %d errors, %d skipped:\n%s", m.Tests, m.Failures, m.Errors, m.Skipped, text)
	}
	check := CheckPlan([]string{rep.Tests[0].Test, rep.Tests[1].Test}, m)
	if len(check.Missing) > 0 {
		t.Errorf("missing %q in\n%s", check.Missing, text)
	}
	for _, want := range []string{`classname="spec.js" name="unit"`, `time="1.500"`, `message="1 != &#34;2&#34;"`, "not run: its worker was lost"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	rep.Stopped = &report.Stopped{Reason: "interrupted"}
	if text, m = write(); m.Tests != 4 || m.Errors != 0 {
		t.Errorf("of a run that was stopped:\n%s", text)
	}
}
