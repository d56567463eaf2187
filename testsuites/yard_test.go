package testsuites

import (
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A yard runs one suite, plain and sharded, in the same environment.
type yard struct {
	t     *testing.T
	bin   string
	dir   string
	suite suite
	state string
}

// A result is what a run says: outcomes by test, coverage by line.
type result struct {
	outcomes table
	coverage table
}

type table map[string]string

// differences are the keys with different values, sorted.
func (a table) differences(b table) []string {
	var keys []string
	for k, v := range a {
		if w, ok := b[k]; !ok || w != v {
			keys = append(keys, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// differs reports the tests and the lines in which a sharded result is another
// one than plain pytest's.
func (r result) differs(t *testing.T, plain result, tests, lines []string) {
	t.Helper()
	for _, id := range tests {
		t.Errorf("%s: plain %q, sharded %q", id, plain.outcomes[id], r.outcomes[id])
	}
	for _, line := range lines {
		t.Errorf("coverage of %s: plain %q, sharded %q", line, plain.coverage[line], r.coverage[line])
	}
	t.Logf("%d tests, %d lines of coverage", len(r.outcomes), len(r.coverage))
}

func (y *yard) run(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), y.bin, args...)
	cmd.Dir, cmd.Env = y.dir, append(os.Environ(), "XDG_STATE_HOME="+y.state)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1: tests failed, as they may in plain pytest
		t.Fatalf("shardyard %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// plain is pytest itself, in one process, where the workers would run.
func (y *yard) plain() result { return y.pytest("", strings.Join(y.suite.args, " ")) }

// inOrder is pytest itself with each worker's tests of the last run, in that
// worker's order, one worker after the other.
func (y *yard) inOrder() result {
	y.t.Helper()
	orders, err := filepath.Glob(filepath.Join(y.dir, ".shardyard", "runs", "latest", "workers", "worker-*.tests"))
	if err != nil || len(orders) == 0 {
		y.t.Fatalf("the last run's order of tests: %v %v", orders, err)
	}
	var args []string
	for _, order := range orders {
		tests, err := os.ReadFile(order)
		if err != nil {
			y.t.Fatal(err)
		}
		name := "order-of-" + filepath.Base(order)
		write(y.t, filepath.Join(y.dir, name), string(tests))
		args = append(args, "@"+name)
	}
	return y.pytest("", args...)
}

// seeds seeds the generators that tests share before each of them.
const seeds = `
import os, random, sys
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    random.seed(int(os.environ["YARD_SEED"]))
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(int(os.environ["YARD_SEED"]))
`

// seeded is pytest itself, told where chance begins.
func (y *yard) seeded(seed int) result {
	y.t.Helper()
	dir := filepath.Join(y.dir, "yard")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		y.t.Fatal(err)
	}
	write(y.t, filepath.Join(dir, "yard_seeds.py"), seeds)
	return y.pytest(fmt.Sprintf("PYTHONPATH=yard YARD_SEED=%d", seed), "-p yard_seeds "+strings.Join(y.suite.args, " "))
}

// pytest runs pytest in an environment, once for each of the arguments.
func (y *yard) pytest(env string, args ...string) result {
	y.t.Helper()
	to := y.t.TempDir()
	script := "set -e\nmkdir /tmp/parts\n"
	for _, a := range args {
		script += fmt.Sprintf(`s=0; %s python -m coverage run --parallel-mode --source=%s --data-file=/tmp/parts/data "$(command -v pytest)" -q -p no:cacheprovider --junitxml=plain.xml %s || s=$?
[ $s -le 1 ] || exit $s
`, env, y.suite.cov, a)
	}
	script += "python -m coverage combine -q --data-file=/tmp/data /tmp/parts\n"
	script += "python -m coverage xml -q --data-file=/tmp/data -o plain-coverage.xml"
	y.run(y.t, "exec", "--image", "host", "--cov", "--get", "plain.xml", "--get", "plain-coverage.xml", "--to", to, "--", "sh", "-c", script)
	return read(y.t, filepath.Join(to, "plain.xml"), filepath.Join(to, "plain-coverage.xml"))
}

func (y *yard) sharded(t *testing.T, n int) result {
	t.Helper()
	return y.at(t, n, "--image", "host")
}

// at is a sharded run whose workers are where the arguments say.
func (y *yard) at(t *testing.T, n int, place ...string) result {
	t.Helper()
	args := append([]string{"run", "--progress", "plain", "-w", strconv.Itoa(n), "--collection", "lazy", "--cov=" + y.suite.cov}, place...)
	y.run(t, append(append(args, "--"), y.suite.args...)...)
	latest := filepath.Join(y.dir, ".shardyard", "runs", "latest")
	return read(t, filepath.Join(latest, "junit.xml"), filepath.Join(latest, "coverage", "coverage.xml"))
}

func (y *yard) clear() { y.run(y.t, "cache", "clear", "--all") }

// read reads a JUnit file and a coverage file.
func read(t *testing.T, junit, coverage string) result {
	t.Helper()
	r := result{outcomes: table{}, coverage: table{}}
	var suites struct {
		Cases []struct {
			Class    string   `xml:"classname,attr"`
			Name     string   `xml:"name,attr"`
			Failures []string `xml:"failure"`
			Errors   []string `xml:"error"`
			Skipped  []struct {
				Type string `xml:"type,attr"`
			} `xml:"skipped"`
		} `xml:"testsuite>testcase"`
	}
	decode(t, junit, &suites)
	for _, c := range suites.Cases {
		outcome := "passed"
		switch {
		case len(c.Errors) > 0:
			outcome = "error"
		case len(c.Failures) > 0:
			outcome = "failed"
		case len(c.Skipped) > 0:
			outcome = c.Skipped[0].Type
		}
		id := c.Class + "::" + c.Name
		r.outcomes[id] += outcome + ";" // ids may repeat
	}
	var report struct {
		Sources []string `xml:"sources>source"`
		Classes []struct {
			File  string `xml:"filename,attr"`
			Lines []struct {
				Number   int    `xml:"number,attr"`
				Hits     int    `xml:"hits,attr"`
				Branches string `xml:"condition-coverage,attr"`
				Missing  string `xml:"missing-branches,attr"`
			} `xml:"lines>line"`
		} `xml:"packages>package>classes>class"`
	}
	decode(t, coverage, &report)
	for _, c := range report.Classes {
		file := c.File
		if len(report.Sources) == 1 {
			file = filepath.Join(report.Sources[0], file)
		}
		// Inside, the tree is /src/NAME; results have paths relative to it.
		if rest, ok := strings.CutPrefix(file, "/src/"); ok {
			_, file, _ = strings.Cut(rest, "/")
		}
		for _, l := range c.Lines {
			r.coverage[fmt.Sprintf("%s:%d", file, l.Number)] = fmt.Sprintf("%t %s %s", l.Hits > 0, l.Branches, l.Missing)
		}
	}
	return r
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
