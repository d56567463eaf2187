package main

import (
	"bytes"
	"errors"
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

// slowProject has eight tests that sleep so many seconds, for a framework that needs no
// program but a shell.
func slowProject(t *testing.T, seconds string) string {
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
		files[fmt.Sprintf("tests/api/test_%d.sh", i)] = "sleep " + seconds + "\n"
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

// begin makes the command of a run in its own state directory.
func begin(t *testing.T, out *os.File, term, seconds string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "shardyard", "run", "--engine", "process", "-w", "2", "-C", slowProject(t, seconds))
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "CI=", "TERM="+term, "XDG_STATE_HOME="+filepath.Join(home, "state"), "XDG_CACHE_HOME="+filepath.Join(home, "cache"))
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

// A window is a real terminal with a run in it.
type window struct {
	master *os.File
	shown  tail
	run    *exec.Cmd
	read   chan struct{} // closed when all is in shown
}

// watch starts a run, whose tests sleep so many seconds, in a terminal of its own.
func watch(t *testing.T, term, seconds string) *window {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() }) // it has been read to its end
	w := &window{master: master, read: make(chan struct{})}
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
	w.resize(t, 120, 24)
	w.run = begin(t, slave, term, seconds)
	w.run.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1} // what is typed reaches it
	if err := errors.Join(w.run.Start(), slave.Close()); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(w.read); _, _ = io.Copy(&w.shown, master) }() // ends with an error when the other side is gone
	return w
}

func (w *window) resize(t *testing.T, columns, rows uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(w.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		t.Fatal(err)
	}
}

// ends waits for the run, and wants this exit status, this text somewhere in its last
// lines, and every frame to be whole.
func (w *window) ends(t *testing.T, status int, last string) {
	t.Helper()
	_ = w.run.Wait() // an error is the status
	<-w.read
	text := w.shown.String()
	if got := w.run.ProcessState.ExitCode(); got != status || strings.Count(text, "\x1b[?2026h") != strings.Count(text, "\x1b[?2026l") ||
		strings.Count(text, "\x1b[?7l") != strings.Count(text, "\x1b[?7h") || !strings.Contains(text[strings.LastIndex(text, "\x1b[?2026l")+1:], last) {
		t.Errorf("status %d, want %d and %q\n%q", got, status, last, text)
	}
}

// TestTerminal watches a run in a real terminal, whose window becomes narrower and
// lower while it goes on.
func TestTerminal(t *testing.T) {
	w := watch(t, "xterm", "0.5")
	w.shown.until(t, 0, "·\x1b[0m tests/api/test_")
	from := len(w.shown.String())
	w.resize(t, 50, 24)
	w.shown.until(t, from, " 1 \x1b[0mtests/api/test_")
	from = len(w.shown.String())
	w.resize(t, 50, 5)
	w.shown.until(t, from, " %\x1b[0m ")
	w.ends(t, 0, "\x1b[32mPASS\x1b[0m  8 passed")
	if few := w.shown.String()[from:]; strings.Contains(few[strings.Index(few, " %\x1b[0m "):], "tests/api/") {
		t.Errorf("lanes on five rows:\n%q", few)
	}
}

// TestTerminalDumb: one that obeys nothing gets one line, and no escape sequence.
func TestTerminalDumb(t *testing.T) {
	w := watch(t, "dumb", "0.5")
	w.ends(t, 0, "PASS  8 passed")
	if text := w.shown.String(); strings.Contains(text, "\x1b") || strings.Count(text, "\r") < 10 {
		t.Errorf("%q", text)
	}
}

// TestTerminalCtrlC types Ctrl-C: once, and running tests end; twice, and the run ends
// at once.
func TestTerminalCtrlC(t *testing.T) {
	const stop = "\x03"
	for _, c := range []struct {
		name, seconds string
		again         bool
		last          string
	}{
		{"once", "1", false, " of 8 passed"}, // one or two: the other worker may not have been ready
		{"twice", "60", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := watch(t, "xterm", c.seconds)
			w.shown.until(t, 0, "·\x1b[0m tests/api/test_")
			if _, err := io.WriteString(w.master, stop); err != nil {
				t.Fatal(err)
			}
			w.shown.until(t, 0, "stopping: running tests get 3 s; Ctrl-C again ends at once")
			began := time.Now()
			if c.again {
				if _, err := io.WriteString(w.master, stop); err != nil {
					t.Fatal(err)
				}
				w.shown.until(t, 0, "asked to end again: ending now")
			}
			w.ends(t, 130, c.last)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it ended after %s", took)
			}
		})
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
	cmd, shown = begin(t, w, "xterm", "0.5"), new(tail)
	if err := errors.Join(cmd.Start(), w.Close()); err != nil {
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
