package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shardyard/shardyard/orchestrator/runs"
)

// slowProject has eight tests of half a second, for a framework that needs no program
// but a shell.
func slowProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"shardyard.yaml": `version: 1
image: host
setup: []
prepare: []
suites:
  slow: { framework: command, list: "ls tests/*/*.sh", run: "sh {units}" }
`}
	for i := range 8 {
		files[fmt.Sprintf("tests/api/test_%d.sh", i)] = "sleep 0.5\n"
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A tail is output that grows.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *tail) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *tail) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// until waits until the output from some place on has a text.
func (o *tail) until(t *testing.T, from int, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(o.String()[from:], text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q did not come:\n%q", text, o.String()[from:])
		}
	}
}

// begin starts a run in its own state directory.
func begin(t *testing.T, out *os.File, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "shardyard", append([]string{"run", "--engine", "process", "-w", "2", "-C", slowProject(t)}, args...)...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "CI=", "TERM=xterm", "XDG_STATE_HOME="+filepath.Join(home, "state"), "XDG_CACHE_HOME="+filepath.Join(home, "cache"))
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestTerminal watches a run in a real terminal, whose window becomes narrower and
// lower while it goes on.
func TestTerminal(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	resize := func(columns, rows uint16) {
		if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
			t.Fatal(err)
		}
	}
	resize(120, 24)
	cmd := begin(t, slave)
	if err := slave.Close(); err != nil {
		t.Fatal(err)
	}
	var shown tail
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(&shown, master) }() // ends with an error when the other side is gone
	shown.until(t, 0, "·\x1b[0m tests/api/test_")
	from := len(shown.String())
	resize(50, 24)
	shown.until(t, from, " 1 \x1b[0mtests/api/test_")
	from = len(shown.String())
	resize(50, 5)
	shown.until(t, from, " %\x1b[0m ")
	err = cmd.Wait()
	<-read
	if text := shown.String(); err != nil || !strings.Contains(text, "\x1b[32mPASS\x1b[0m  8 passed") || strings.Count(text, "\x1b[?2026h") != strings.Count(text, "\x1b[?2026l") ||
		strings.Count(text, "\x1b[?7l") != strings.Count(text, "\x1b[?7h") {
		t.Errorf("%v\n%q", err, text)
	}
	if few := shown.String()[from:]; strings.Contains(few[strings.Index(few, " %\x1b[0m "):], "tests/api/") {
		t.Errorf("lanes on five rows:\n%q", few)
	}
}

// piped starts a run whose output is piped, and returns it when it has found its
// tests. end waits for it, and wants it green.
func piped(t *testing.T) (cmd *exec.Cmd, shown *tail, end func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd, shown = begin(t, w), new(tail)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(shown, r) }()
	shown.until(t, 0, "found 8 tests")
	return cmd, shown, func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, shown.String())
		}
		<-read
	}
}

// TestStatusSignal asks a run whose output is piped what its workers are at.
func TestStatusSignal(t *testing.T) {
	cmd, shown, end := piped(t)
	if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	shown.until(t, 0, "\n   1 ")
	end()
}

// TestFollow watches a run that another process makes, from its log, to its end.
func TestFollow(t *testing.T) {
	run, _, end := piped(t)
	project := run.Args[len(run.Args)-1]
	ids, err := runs.Of(project).List()
	if err != nil || len(ids) != 1 {
		t.Fatal(ids, err)
	}
	stopped := exec.CommandContext(t.Context(), "shardyard", "report", "-C", project, ids[0])
	if err := stopped.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if err := stopped.Process.Signal(os.Interrupt); err != nil { // who stops looking stops no run
		t.Fatal(err)
	}
	if err := stopped.Wait(); err == nil || stopped.ProcessState.ExitCode() != 130 {
		t.Errorf("a report that is interrupted: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), "shardyard", "report", "-C", project).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "found 8 tests") || !strings.Contains(string(out), "\n100%  8 of 8") || !strings.Contains(string(out), "PASS  8 passed") {
		t.Errorf("%v\n%s", err, out)
	}
	end()
}
