package testsuites

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// troubled is a suite in which everything goes wrong once, among tests that
// pass.
const troubled = `
import ctypes, os, sys, time
import pytest

@pytest.mark.parametrize("n", range(30))
def test_well(n):
    time.sleep(0.02)

def test_leaves():
    os._exit(0)

def test_leaves_with_a_status():
    os._exit(7)

def test_segfault():
    ctypes.string_at(0)

def test_hang():
    time.sleep(600)

def test_fails():
    assert 1 == 2, __file__
`

// hostConfig is a project that needs nothing but an interpreter with pytest.
const hostConfig = "version: 1\nimage: host\nsetup: []\nprepare: []\n"

// ran is what run.json says.
type ran struct {
	Exit   int
	Totals struct {
		Passed, Failed, Flaky int
		NotRun                int `json:"not_run"`
	}
	Tests []struct {
		ID       string `json:"test"`
		Verdict  string
		Attempts []struct {
			Cause, Message string
			Code           int
		}
	}
}

func (r ran) test(t *testing.T, name string) (verdict, cause, message string, code int) {
	t.Helper()
	for _, x := range r.Tests {
		if strings.HasSuffix(x.ID, "::"+name) {
			if len(x.Attempts) == 0 {
				return x.Verdict, "", "", 0
			}
			last := x.Attempts[len(x.Attempts)-1]
			return x.Verdict, last.Cause, last.Message, last.Code
		}
	}
	t.Fatalf("run.json has no %s", name)
	return
}

// project makes a directory with a suite.
func project(t *testing.T, tests string) string {
	t.Helper()
	// A name of its own: containers are found by it, and others may run here too.
	dir := filepath.Join(t.TempDir(), "project-"+strings.ToLower(rand.Text()[:8]))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "test_it.py"), tests)
	write(t, filepath.Join(dir, "shardyard.yaml"), hostConfig)
	return dir
}

// start runs shardyard in a process of its own.
func start(t *testing.T, bin, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(bin, append([]string{"run", "--progress", "plain"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "..", "state"), "XDG_CACHE_HOME="+filepath.Join(dir, "..", "cache"))
	out, err := os.Create(filepath.Join(dir, "..", "out"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		out.Close()
		if t.Failed() {
			text, _ := os.ReadFile(out.Name())
			t.Logf("%s", text)
		}
		clear := exec.Command(bin, "cache", "clear", "--all", "--engine", engineOf(args))
		clear.Dir, clear.Env = dir, cmd.Env
		if text, err := clear.CombinedOutput(); err != nil {
			t.Errorf("cache clear: %v\n%s", err, text)
		}
		if left := leftovers(t, dir); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	})
	return cmd
}

func engineOf(args []string) string {
	for i, a := range args {
		if a == "--engine" {
			return args[i+1]
		}
	}
	return "auto"
}

// leftovers are containers of runs in dir that are still there.
func leftovers(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("docker", "ps", "-a", "--filter", "name=shardyard-"+filepath.Base(dir), "--format", "{{.Names}} {{.Status}}").CombinedOutput()
	if err != nil {
		t.Fatalf("docker ps: %v\n%s", err, out)
	}
	return string(out)
}

// finish waits for the run and reads what it left.
func finish(t *testing.T, cmd *exec.Cmd, want int) ran {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != want {
		t.Errorf("exit status %d, want %d", code, want)
	}
	data, err := os.ReadFile(filepath.Join(cmd.Dir, ".shardyard", "runs", "latest", "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r ran
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryTroubleHasItsVerdict(t *testing.T) {
	bin := build(t)
	for _, engine := range []string{"docker", "process"} {
		t.Run(engine, func(t *testing.T) {
			dir := project(t, troubled)
			cmd := start(t, bin, dir, "--engine", engine, "-w", "3", "--test-timeout", "3s")
			r := finish(t, cmd, 1)
			for _, want := range []struct {
				test, cause string
				code        int
			}{
				{"test_leaves", "exited", 0},
				{"test_leaves_with_a_status", "exited", 7},
				{"test_segfault", "signal", 128 + 11},
				{"test_hang", "timeout", 0},
			} {
				verdict, cause, message, code := r.test(t, want.test)
				if verdict != "failed" || cause != want.cause || want.cause != "timeout" && code != want.code {
					t.Errorf("%s: %s, cause %q, status %d, %q; want failed, %q, %d", want.test, verdict, cause, code, message, want.cause, want.code)
				}
			}
			verdict, _, message, _ := r.test(t, "test_fails")
			if verdict != "failed" || !strings.Contains(message, filepath.Join(dir, "test_it.py")) {
				t.Errorf("test_fails: %s, %q; want failed, with the path in %s", verdict, message, dir)
			}
			if r.Totals.Passed != 30 || r.Totals.Failed != 5 || r.Totals.NotRun != 0 {
				t.Errorf("%+v, want 30 passed, 5 failed", r.Totals)
			}
		})
	}
}

// A file that cannot be collected ends the run as it ends plain pytest's: no
// test counts, neither on the first run nor where a hint of the last one let
// some run before.
func TestAFileThatCannotBeCollected(t *testing.T) {
	bin := build(t)
	dir := project(t, "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_well(n): pass\n")
	write(t, filepath.Join(dir, "test_broken.py"), "import time\ntime.sleep(1)\n")
	finish(t, start(t, bin, dir, "-w", "2"), 0)
	write(t, filepath.Join(dir, "test_broken.py"), "import time\ntime.sleep(1)\nimport missing_here\n")
	for _, run := range []string{"hinted", "again"} {
		r := finish(t, start(t, bin, dir, "-w", "2"), 1)
		if r.Totals.NotRun != 20 || r.Totals.Passed+r.Totals.Failed != 0 {
			t.Errorf("%s: %+v, want 20 not run", run, r.Totals)
		}
		screen, err := os.ReadFile(filepath.Join(dir, "..", "out"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"ERROR collecting test_broken.py", "missing_here", "! 1 file could not be collected"} {
			if !strings.Contains(string(screen), want) {
				t.Errorf("%s: the screen does not have %q", run, want)
			}
		}
		for _, odd := range []string{"INTERNALERROR", "could not be concluded", "✗ test_it.py"} {
			if strings.Contains(string(screen), odd) {
				t.Errorf("%s: the screen has %q", run, odd)
			}
		}
	}
}

const slow = `
import time, pytest

@pytest.mark.parametrize("n", range(40))
def test_wait(n):
    time.sleep(0.3)
`

// waitFor polls until the run has done what is wanted.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 600 {
		if done() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("waited a minute for %s", what)
}

func events(dir string) string {
	logs, _ := filepath.Glob(filepath.Join(dir, ".shardyard", "runs", "*", "events.jsonl"))
	var all strings.Builder
	for _, l := range logs {
		b, _ := os.ReadFile(l)
		all.Write(b)
	}
	return all.String()
}

func TestAKilledContainerIsReplaced(t *testing.T) {
	dir := project(t, slow)
	cmd := start(t, build(t), dir, "--engine", "docker", "-w", "2")
	waitFor(t, "tests to run on worker 2", func() bool { return strings.Contains(events(dir), `"test_finished","data":{"worker":2`) })
	names, err := exec.Command("docker", "ps", "--filter", "name=worker-2", "--filter", "name=shardyard-"+filepath.Base(dir), "--format", "{{.Names}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	name := ""
	for _, n := range strings.Fields(string(names)) {
		if strings.HasSuffix(n, "worker-2") {
			name = n
		}
	}
	if out, err := exec.Command("docker", "kill", name).CombinedOutput(); err != nil {
		t.Fatalf("docker kill %q: %v\n%s", name, err, out)
	}
	r := finish(t, cmd, 0)
	if r.Totals.Passed != 40 {
		t.Errorf("%+v, want 40 passed: what the killed worker ran is run again", r.Totals)
	}
	log := events(dir)
	if !strings.Contains(log, "worker_lost") || !strings.Contains(log, "137") {
		t.Error("events.jsonl does not tell of the lost worker and its exit status 137")
	}
}

func TestCtrlC(t *testing.T) {
	for _, engine := range []string{"docker", "process"} {
		t.Run(engine, func(t *testing.T) {
			dir := project(t, slow)
			cmd := start(t, build(t), dir, "--engine", engine, "-w", "2")
			waitFor(t, "some tests to end", func() bool { return strings.Count(events(dir), "test_finished") > 4 })
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			r := finish(t, cmd, 130)
			if r.Totals.Passed < 5 || r.Totals.NotRun == 0 || r.Totals.Passed+r.Totals.NotRun != 40 {
				t.Errorf("%+v, want what is known, and the rest not run", r.Totals)
			}
			if _, err := os.Stat(filepath.Join(dir, ".shardyard", "runs", "latest", "junit.xml")); err != nil {
				t.Error(err)
			}
			if left := leftovers(t, dir); left != "" {
				t.Errorf("left behind:\n%s", left)
			}
		})
	}
}

func TestKillNine(t *testing.T) {
	dir := project(t, slow)
	bin := build(t)
	cmd := start(t, bin, dir, "--engine", "docker", "-w", "2")
	waitFor(t, "some tests to end", func() bool { return strings.Count(events(dir), "test_finished") > 4 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waitFor(t, "the workers to end by themselves", func() bool { return !strings.Contains(leftovers(t, dir), " Up ") })
	again := start(t, bin, dir, "--engine", "docker", "-w", "2")
	finish(t, again, 0)
	if left := leftovers(t, dir); left != "" {
		t.Errorf("the next run did not remove what the killed one left:\n%s", left)
	}
}

// An internal error of pytest ends plain pytest. Here a second worker meets it
// too, and no third is asked.
func TestAnInternalErrorOfPytestEndsTheRun(t *testing.T) {
	bin := build(t)
	dir := project(t, "import pytest, time\n@pytest.mark.parametrize('n', range(200))\ndef test_it(n): time.sleep(0.05)\n")
	write(t, filepath.Join(dir, "conftest.py"), "def pytest_runtest_logfinish(nodeid): 1 / 0\n")
	r := finish(t, start(t, bin, dir, "--engine", "process", "-w", "3"), 3)
	if r.Totals.NotRun < 190 {
		t.Errorf("%+v", r.Totals)
	}
	log := events(dir)
	for _, want := range []string{"two workers failed in the same way", "internal error of pytest: ZeroDivisionError"} {
		if !strings.Contains(log, want) {
			t.Errorf("nobody says %q:\n%s", want, notes(log))
		}
	}
}
