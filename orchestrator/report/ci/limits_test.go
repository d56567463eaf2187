package ci

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/junit"
)

// large is a run of many tests, the first of which failed, and, where files is set, its
// JUnit file and its coverage in a directory as runs leave it.
func large(t *testing.T, tests, failed int, files bool) (dir string, r *report.Report) {
	t.Helper()
	dir = t.TempDir()
	r = &report.Report{
		Run: "20260301-120000-0007f", Root: "services/shop", Project: "/home/ada/shop", Suite: "unit", Exit: 1,
		Reasons: []report.Reason{{Code: report.ReasonFailed, Exit: 1}}, Totals: report.Totals{Discovered: tests, Failed: failed, Passed: tests - failed},
		Coverage: &report.Coverage{Percent: 87.4, Complete: true},
	}
	for i := range tests {
		one := report.Test{Test: fmt.Sprintf("tests/test_%d.py::test[%d]", i/100, i), File: fmt.Sprintf("tests/test_%d.py", i/100), Line: 3, Verdict: report.Pass}
		if i < failed {
			one.Verdict, one.Message = report.Fail, "assert 1 == 2 "+strings.Repeat("long ", 400)
		}
		r.Tests = append(r.Tests, one)
	}
	if !files {
		return dir, r
	}
	var text bytes.Buffer
	if err := junit.Write(&text, r); err != nil {
		t.Fatal(err)
	}
	twice := strings.Replace(text.String(), "</testsuite>", `<testcase classname="tests.test_0" name="test[0]" time="0.1"/></testsuite>`, 1)
	var cover strings.Builder
	cover.WriteString(`<?xml version="1.0"?><coverage line-rate="0.87" version="7"><sources>` + strings.Repeat("<source>/a</source>", 150) + `</sources><packages>`)
	for p := range 40 {
		fmt.Fprintf(&cover, `<package name="p%d"><classes>`, p)
		for c := range 50 {
			fmt.Fprintf(&cover, `<class name="c%d" filename="p%d/c%d.py"><methods/><lines>%s</lines></class>`, c, p, c, `<line number="1" hits="1" note="`+strings.Repeat("long", 1700)+`"/>`)
		}
		cover.WriteString(`</classes></package>`)
	}
	cover.WriteString(`</packages></coverage>`)
	if err := os.MkdirAll(filepath.Join(dir, "coverage"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"junit.xml": twice, "coverage/coverage.xml": cover.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, r
}

// TestLimits holds what each system is told of 300 failures among 30,000 tests against
// its documented limits.
func TestLimits(t *testing.T) {
	for system, env := range map[System]variables{
		GitHub: {"GITHUB_ACTIONS": "true"}, GitLab: {"GITLAB_CI": "true"}, Jenkins: {"JENKINS_URL": "http://ci"}, Azure: {"TF_BUILD": "True"},
	} {
		dir, r := large(t, 30_000, 300, system == GitLab)
		env["GITHUB_STEP_SUMMARY"] = filepath.Join(dir, "step.md")
		var log bytes.Buffer
		job, err := Open("auto", env.get, &log)
		if err != nil || job.system != system {
			t.Fatal(job, err)
		}
		if err := job.Write(dir, r); err != nil {
			t.Fatal(err)
		}
		if err := job.Tell(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		job.Close()
		for file, limit := range map[string]int{"ci/summary.md": 1 << 20, "step.md": 1 << 20} {
			if info, err := os.Stat(filepath.Join(dir, file)); err == nil && info.Size() > int64(limit) {
				t.Errorf("%s: %s has %d bytes", system, file, info.Size())
			}
		}
		metrics, err := os.ReadFile(filepath.Join(dir, "ci", "metrics.txt"))
		if err != nil || !strings.Contains(string(metrics), `shardyard_run_tests{branch="",project="shop",suite="unit",verdict="failed"} 300`) {
			t.Errorf("%v\n%s", err, metrics)
		}
		switch system {
		case GitHub:
			if n := strings.Count(log.String(), "::error "); n != 10 || !strings.Contains(log.String(), "291 more") {
				t.Errorf("%d errors", n)
			}
		case Azure:
			if n := strings.Count(log.String(), "##vso[task.logissue type=error;sourcepath=services/shop/tests/test_0.py;linenumber=3]"); n != 10 || !strings.Contains(log.String(), "##vso[task.uploadsummary]"+dir) {
				t.Errorf("%d issues\n%.600s", n, log.String())
			}
		case GitLab:
			if log.Len() > 4<<20 {
				t.Errorf("the log has %d bytes", log.Len())
			}
			gitLabReads(t, filepath.Join(dir, Dir), 30_001)
		}
	}
}

// gitLabReads reads files as GitLab does.
func gitLabReads(t *testing.T, dir string, tests int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "junit-*.xml"))
	if err != nil || len(files) != 4 {
		t.Errorf("%v, %v", files, err)
	}
	seen := map[[2]string]bool{}
	failures := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || len(text) > 30_000_000 {
			t.Fatal(len(text), err)
		}
		var doc struct {
			Cases []testcase `xml:"testsuite>testcase"`
		}
		if err := xml.Unmarshal(text, &doc); err != nil || len(doc.Cases) > 10_000 {
			t.Fatal(file, len(doc.Cases), err)
		}
		for _, c := range doc.Cases {
			failures += len(c.Failures)
			seen[[2]string{c.Class, c.Name}] = true
			if !strings.HasPrefix(c.Class, "unit.tests.test_") || !strings.HasPrefix(c.File, "services/shop/tests/test_") {
				t.Fatalf("%+v", c)
			}
		}
	}
	if len(seen) != tests || failures != 300 {
		t.Errorf("%d names, %d failures", len(seen), failures)
	}
	files, err = filepath.Glob(filepath.Join(dir, "coverage-*.xml"))
	if err != nil || len(files) < 2 {
		t.Errorf("%v, %v", files, err)
	}
	classes := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || len(text) > 10<<20 {
			t.Fatal(len(text), err)
		}
		var c cobertura
		if err := xml.Unmarshal(text, &c); err != nil || len(c.Sources) > 100 {
			t.Fatal(file, len(c.Sources), err)
		}
		for _, p := range c.Packages {
			for _, one := range p.Classes {
				classes++
				if !strings.Contains(one.Inner, `hits="1"`) {
					t.Fatalf("%.200s", one.Inner)
				}
			}
		}
	}
	if classes != 2000 {
		t.Errorf("%d classes", classes)
	}
}

// TestBuildkite: the agent is handed the summary of each run.
func TestBuildkite(t *testing.T) {
	bin := t.TempDir()
	got := filepath.Join(bin, "got")
	if err := os.WriteFile(filepath.Join(bin, "buildkite-agent"), []byte("#!/bin/sh\n{ echo \"$@\"; cat; } >>'"+got+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	_, r := large(t, 30_000, 300, false)
	var log bytes.Buffer
	job, err := Open("auto", variables{"BUILDKITE": "true"}.get, &log)
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Tell(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(got)
	if err != nil || len(text) > 1<<20 || !strings.HasPrefix(string(text), "annotate --context shardyard-unit --style error\n### shardyard `unit`\n") || !strings.HasPrefix(log.String(), "+++ shardyard unit\n") {
		t.Errorf("%v, %d bytes\n%.200s\n%s", err, len(text), text, log.String())
	}
	t.Setenv("PATH", t.TempDir())
	if err := job.Tell(t.Context(), r); err == nil {
		t.Error("without an agent nothing was said")
	}
}
