package injection

import (
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/testsuites/venv"
)

// requirements are the packages of the generated project.
var requirements = []string{"pytest==8.4.2", "coverage==7.10.6"}

// subject is the code under test: its lines depend on which tests ran.
const subject = `
def work(n):
    if n % 7 == 0:
        return "seven"
    if n % 5 == 0:
        return "five"
    if n % 3 == 0:
        return "three"
    if n > 10000:
        return "never"
    return "other"
`

// testFile is one file of the suite: tests that are quick, slow, skipped,
// expected to fail, and fail in the test or in a fixture.
const testFile = `
import time
import pytest
import subject

@pytest.fixture(scope="module")
def ground():
    time.sleep(0.05)
    yield 1

@pytest.fixture
def brittle():
    raise RuntimeError("a fixture that fails")

@pytest.mark.parametrize("n", range(%[1]d, %[1]d + 18))
def test_quick(n, ground):
    time.sleep(0.01 + n %% 4 * 0.02)
    assert subject.work(n)

@pytest.mark.parametrize("n", range(2))
def test_slow(n):
    time.sleep(0.3 + n * 0.2)
    subject.work(n * 5)

def test_fails():
    assert subject.work(1) == "something else"

def test_fails_in_its_fixture(brittle):
    pass

@pytest.mark.skip(reason="not today")
def test_skipped():
    pass

@pytest.mark.xfail(reason="known")
def test_expected():
    assert False
`

// traces has each test leave a file, which is kept.
const traces = `
import os

def pytest_runtest_teardown(item):
    os.makedirs("made", exist_ok=True)
    with open(os.path.join("made", item.nodeid.replace("/", ".").replace("::", "-") + ".txt"), "w") as f:
        f.write(item.nodeid)
`

// config keeps what the tests leave.
const config = "version: 1\nartifacts: [\"made/*.txt\"]\n"

// testFiles is how many of these the project has, of 24 tests each.
const testFiles = 4

// green selects the tests that pass.
var green = []string{"-k", "not fails"}

// writeProject writes the generated project.
func writeProject(t testing.TB, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, "subject.py"), subject)
	write(t, filepath.Join(dir, "requirements.txt"), strings.Join(requirements, "\n")+"\n")
	write(t, filepath.Join(dir, "shardyard.yaml"), config)
	write(t, filepath.Join(dir, "conftest.py"), traces)
	write(t, filepath.Join(dir, "pytest.ini"), "[pytest]\npythonpath = .\n")
	for i := range testFiles {
		write(t, filepath.Join(dir, "tests", fmt.Sprintf("test_part_%d.py", i)), fmt.Sprintf(testFile, i*18))
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A truth is what plain pytest says of the project.
type truth struct {
	verdicts map[string]string // by class and name, as JUnit has them
	lines    map[string]bool   // of the subject: whether they ran
}

// plain runs plain pytest.
func plain(t testing.TB, args ...string) truth {
	t.Helper()
	python, err := venv.Make(requirements...)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeProject(t, dir)
	run := append([]string{"-m", "coverage", "run", "--include=subject.py", "-m", "pytest", "-q", "--junitxml=plain.xml"}, args...)
	for _, argv := range [][]string{run, {"-m", "coverage", "xml", "-q", "-o", "coverage.xml"}} {
		cmd := exec.CommandContext(t.Context(), python, argv...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() != 1 {
			t.Fatalf("plain pytest: %v\n%s", err, out)
		}
	}
	return truth{verdicts: readVerdicts(t, filepath.Join(dir, "plain.xml")), lines: readLines(t, filepath.Join(dir, "coverage.xml"))}
}

// readVerdicts reads a JUnit file.
func readVerdicts(t testing.TB, path string) map[string]string {
	t.Helper()
	var suites struct {
		Cases []struct {
			Class   string     `xml:"classname,attr"`
			Name    string     `xml:"name,attr"`
			Failure []struct{} `xml:"failure"`
			Error   []struct{} `xml:"error"`
			Skipped []struct{} `xml:"skipped"`
		} `xml:"testsuite>testcase"`
	}
	decode(t, path, &suites)
	verdicts := map[string]string{}
	for _, c := range suites.Cases {
		id := c.Class + "::" + c.Name
		if verdicts[id] != "" {
			t.Errorf("%s: %s is there twice", path, id)
		}
		switch {
		case len(c.Failure)+len(c.Error) > 0:
			verdicts[id] = "failed"
		case len(c.Skipped) > 0:
			verdicts[id] = "skipped"
		default:
			verdicts[id] = "passed"
		}
	}
	return verdicts
}

// readLines reads which lines of the subject ran from a coverage file.
func readLines(t testing.TB, path string) map[string]bool {
	t.Helper()
	var cover struct {
		Classes []struct {
			File  string `xml:"filename,attr"`
			Lines []struct {
				Number string `xml:"number,attr"`
				Hits   int    `xml:"hits,attr"`
			} `xml:"lines>line"`
		} `xml:"packages>package>classes>class"`
	}
	decode(t, path, &cover)
	lines := map[string]bool{}
	for _, c := range cover.Classes {
		if filepath.Base(c.File) == "subject.py" {
			for _, l := range c.Lines {
				lines[l.Number] = l.Hits > 0
			}
		}
	}
	return lines
}

func decode(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = xml.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// caseOf is a test's class and name in JUnit files, of its node id.
func caseOf(id string) string {
	file, name, _ := strings.Cut(id, "::")
	return strings.ReplaceAll(strings.TrimSuffix(file, ".py"), "/", ".") + "::" + name
}
