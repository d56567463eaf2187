package pytest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

// entries are the lines of reports.jsonl.
type entries []map[string]any

func (j journaled) entries(t *testing.T) (all entries) {
	t.Helper()
	for line := range strings.Lines(read(t, filepath.Join(j.dir, "reports.jsonl"))) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func (all entries) write(t *testing.T, dir string) {
	t.Helper()
	var text strings.Builder
	for _, e := range all {
		text.Write(worker.Raw(e))
		text.WriteByte('\n')
	}
	write(t, filepath.Join(dir, "reports.jsonl"), text.String())
}

// copied is an entry with other values.
func copied(e map[string]any, with map[string]any) map[string]any {
	c := map[string]any{}
	if err := json.Unmarshal(worker.Raw(e), &c); err != nil {
		panic(err)
	}
	for k, v := range with {
		c[k] = v
	}
	return c
}

func of(e map[string]any, test, kind, when string) bool {
	data, _ := e["data"].(map[string]any)
	return strings.HasSuffix(e["test"].(string), test) && e["kind"] == kind && (when == "" || data["when"] == when)
}

// TestReplayOfSeveralWorkers has what every worker says for itself said twice,
// by two workers in two places: it is shown once.
func TestReplayOfSeveralWorkers(t *testing.T) {
	for release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			j := load(t, "attempts", release).journal(t)
			var all, second entries
			for _, e := range j.entries(t) {
				if e["test"] != "" {
					break
				}
				second = append(second, copied(e, map[string]any{"worker": "worker-2"}))
			}
			if len(second) != 3 {
				t.Fatalf("%d records of no test, want a warning, a skipped module and the suite's properties", len(second))
			}
			// What was gathered behind the last test belongs to no test.
			gathered := map[string]any{"kind": "gathered", "data": map[string]any{"added": map[string]any{}, "lost": []string{}}}
			second = append(second, copied(second[0], gathered))
			root := map[string]any{"rootdir": "/elsewhere"}
			all = append(all, copied(second[0], map[string]any{"kind": "root", "data": root}))
			for _, e := range second {
				if warning, ok := e["data"].(map[string]any)["warning"].(map[string]any); ok {
					warning["filename"] = "/elsewhere/" + filepath.Base(warning["filename"].(string))
				}
			}
			all = append(all, second...)
			all = append(all, j.entries(t)...)
			all.write(t, j.dir)
			_, text := j.conclude(t, ConcludeOptions{})
			sameText(t, j.text, text)
			sameJUnit(t, j.junit, read(t, filepath.Join(j.dir, "out", "junit.xml")))
		})
	}
}

// TestReplayOfAttempts makes a flaky test, one whose module's fixture failed
// later, one whose process died, and one that did not run.
func TestReplayOfAttempts(t *testing.T) {
	for release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			j := load(t, "attempts", release).journal(t)
			var all, passed entries
			for _, e := range j.entries(t) {
				if of(e, "::test_wide", "report", "") {
					passed = append(passed, e)
				}
			}
			for _, e := range j.entries(t) {
				switch {
				case of(e, "::test_flaky", "report", ""):
					all = append(all, copied(e, map[string]any{"kind": "rerun-of"}))
				case of(e, "::test_flaky", "logfinish", ""):
					for _, p := range passed {
						p = copied(p, map[string]any{"test": e["test"]})
						p["data"].(map[string]any)["nodeid"] = e["test"]
						all = append(all, p)
					}
					all = append(all, e)
				case of(e, "::test_wide", "logfinish", ""):
					amend := copied(passed[2], map[string]any{"kind": "amend"})
					data := amend["data"].(map[string]any)
					data["outcome"], data["longrepr"] = "failed", "the module's fixture failed"
					all = append(all, e, amend)
				case of(e, "::test_dies", "report", ""):
				case of(e, "::test_dies", "logfinish", ""):
					data := map[string]any{"message": "the test's process ended: signal SIGSEGV"}
					all = append(all, map[string]any{"worker": "worker-1", "test": e["test"], "kind": "died", "data": data}, e)
				default:
					all = append(all, e)
				}
			}
			all = append(all, map[string]any{"worker": "", "test": "test_few.py::test_lost", "kind": "not-run", "data": map[string]any{"reason": "lost"}})
			all.write(t, j.dir)
			done, text := j.conclude(t, ConcludeOptions{Color: "no"})
			for _, want := range []string{
				"test_few.py R..EF", "the module's fixture failed", "signal SIGSEGV",
				"1 failed, 2 passed, 1 skipped, 1 warning, 1 error, 1 rerun in",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("the text lacks %q:\n%s", want, text)
				}
			}
			var s Summary
			if err := json.Unmarshal(done.Summary, &s); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(s.Tests["rerun"], s.Tests["error"], s.Tests["failed"], s.Tests["passed"], done.Code); got != "1 1 1 2 1" {
				t.Errorf("summary %s", done.Summary)
			}
			junit := read(t, filepath.Join(j.dir, "out", "junit.xml"))
			if !strings.Contains(junit, `errors="1" failures="1" skipped="1" `) || strings.Contains(junit, "first attempt") {
				t.Errorf("JUnit %s", junit)
			}
		})
	}
}

// TestReplayOfUnfinished has a test's records end after its setup: it failed,
// though nobody said so.
func TestReplayOfUnfinished(t *testing.T) {
	j := load(t, "attempts", "8").journal(t)
	var all entries
	for _, e := range j.entries(t) {
		if of(e, "::test_wide", "report", "call") || of(e, "::test_wide", "report", "teardown") || of(e, "::test_wide", "logfinish", "") {
			continue
		}
		all = append(all, e)
	}
	all.write(t, j.dir)
	_, text := j.conclude(t, ConcludeOptions{})
	junit := read(t, filepath.Join(j.dir, "out", "junit.xml"))
	if !strings.Contains(text, "FAILED test_few.py::test_wide - the test did not finish") ||
		!strings.Contains(junit, `name="test_wide" time="0.000"><failure message="the test did not finish: its process ended"`) {
		t.Errorf("%s\n%s", text, junit)
	}
}

// TestReplayOfDuration has the closing line tell the run's time.
func TestReplayOfDuration(t *testing.T) {
	for release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			j := load(t, "attempts", release).journal(t)
			write(t, filepath.Join(j.dir, "run.json"), `{"tests": 3, "duration_seconds": 4000}`)
			_, text := j.conclude(t, ConcludeOptions{})
			junit := read(t, filepath.Join(j.dir, "out", "junit.xml"))
			if !strings.Contains(text, "(1:06:4") || !strings.Contains(junit, ` time="400`) {
				t.Errorf("the run took 4000 s:\n%s\n%s", text, junit)
			}
		})
	}
}

// TestReplayOptions has options that fight with a replay leave it alone, and
// no test code imported.
func TestReplayOptions(t *testing.T) {
	for release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			j := load(t, "attempts", release).journal(t)
			write(t, filepath.Join(j.source, "test_few.py"), "import no_such_module\n")
			j.args = append(j.args, "-p", "xdist.plugin", "-p", "pytest_cov.plugin", "-p", "pytest_randomly",
				"-n", "2", "-x", "--lf", "--sw", "--cov", "--cov-fail-under=99", "--color=yes", "--junitxml=own.xml")
			done, text := j.conclude(t, ConcludeOptions{Color: "no"})
			if done.Code != 1 || !strings.Contains(text, "1 failed, 2 passed, 1 skipped") || strings.Contains(text, "\x1b") {
				t.Errorf("status %d\n%s", done.Code, text)
			}
		})
	}
}

// TestReplayBroken has a conftest file that ends the process: that is an error
// and no result.
func TestReplayBroken(t *testing.T) {
	j := load(t, "attempts", "8").journal(t)
	ordered(t, j.dir)
	write(t, filepath.Join(j.source, "conftest.py"), "import os\n\ndef pytest_runtest_logreport(report):\n    os._exit(0)\n")
	done, err := New().Conclude(t.Context(), worker.Conclude{
		Source: j.source, Dir: j.dir, Options: worker.Raw(ConcludeOptions{Python: j.python}),
	}, func(worker.Event) {})
	if err != nil || !strings.Contains(done.Error, "pytest ended before its end, with status 0") || done.Code == 0 {
		t.Errorf("%+v, %v", done, err)
	}
	write(t, filepath.Join(j.source, "conftest.py"), "def pytest_runtest_logreport(report):\n    1 / 0\n")
	done, err = New().Conclude(t.Context(), worker.Conclude{
		Source: j.source, Dir: j.dir, Options: worker.Raw(ConcludeOptions{Python: j.python}),
	}, func(worker.Event) {})
	if err != nil || !strings.Contains(done.Error, "internal error of pytest: ZeroDivisionError") || done.Code != 3 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestWrittenReports has the files that plugins write at the end among the
// results, as plain pytest's are in the project.
func TestWrittenReports(t *testing.T) {
	for release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			j := load(t, "reports", release).journal(t)
			want := counted(t, filepath.Join(j.source, "all.json"))
			done, _ := j.conclude(t, ConcludeOptions{})
			for _, name := range []string{"from/report.html", "from/assets/style.css", "all.json", "all.log"} {
				if !slices.Contains(done.Files, "out/reports/"+name) {
					t.Errorf("%s is not among the results: %q", name, done.Files)
				}
			}
			if slices.Contains(done.Files, "out/reports/not-written.log") {
				t.Error("a file that was not written is among the results")
			}
			if got := counted(t, filepath.Join(j.dir, "out", "reports", "all.json")); got != want {
				t.Errorf("the JSON report counts %s, plain pytest's %s", got, want)
			}
			for _, name := range []string{"from/report.html", "all.log"} {
				text := read(t, filepath.Join(j.dir, "out", "reports", filepath.FromSlash(name)))
				for _, test := range []string{"test_passes", "test_fails", "test_skipped", "test_broken"} {
					if !strings.Contains(text, test) {
						t.Errorf("%s does not name %s", name, test)
					}
				}
			}
		})
	}
}

// counted is the summary of a JSON report.
func counted(t *testing.T, path string) string {
	t.Helper()
	var report struct{ Summary map[string]int }
	if err := json.Unmarshal([]byte(read(t, path)), &report); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(report.Summary)
}
