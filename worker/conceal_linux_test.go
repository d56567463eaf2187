package worker_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shardyard/shardyard/worker"
)

// asNobody copies this test binary to where any user may run it, and returns a command
// of it as an unprivileged user: from root nothing is concealed.
func asNobody(t *testing.T) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil || os.Getuid() != 0 {
		return exec.Command(exe)
	}
	dir, err := os.MkdirTemp("", "conceal-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it is in the system's own temporary directory
	program, err := os.ReadFile(exe)
	copied := filepath.Join(dir, "agent")
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(copied, program, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

// TestAgentIsConcealed: a test, which is the same user, cannot trace the agent, nor
// read what it holds. What the agent starts can be traced and dumps core as ever, and is
// reaped.
func TestAgentIsConcealed(t *testing.T) {
	cmd := asNobody(t)
	cmd.Env, cmd.Dir = append(os.Environ(), agentVariable+"=1"), "/"
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := worker.NewClient(pipe{stdout, stdin}, worker.ClientOptions{})
	got, err := c.Hello(t.Context(), worker.Greeting{})
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`for f in environ mem fd/0 fd/1 maps cwd; do (cat /proc/%d/$f || ls /proc/%[1]d/$f/) >/dev/null 2>&1 && echo "reads $f"; done
ls /proc/%[1]d/fd >/dev/null 2>&1 && echo "lists fd"
cat /proc/%[1]d/stat >/dev/null && cat /proc/self/environ >/dev/null && cat /proc/$$/environ >/dev/null && echo own; ulimit -c; (sleep 100 >/dev/null 2>&1 & echo $! >&2)`, got.PID)
	var said strings.Builder
	var orphan string
	exited, err := c.Exec(t.Context(), worker.Exec{Argv: []string{"sh", "-c", script}}, func(o worker.Output) {
		if o.Stream == "stderr" {
			orphan += string(o.Data)
			return
		}
		said.Write(o.Data)
	})
	if err != nil || exited.Code != 0 {
		t.Fatalf("%+v, %v", exited, err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
	core := "unlimited"
	if limit.Cur != unix.RLIM_INFINITY {
		core = fmt.Sprint(limit.Cur / 512)
	}
	if want := "own\n" + core + "\n"; said.String() != want {
		t.Errorf("a test says %q, not %q", &said, want)
	}
	if err := c.Quit(t.Context()); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(orphan)); err != nil || syscall.Kill(pid, 0) == nil {
		t.Errorf("the orphan %q lives, or is none", orphan)
	}
}
