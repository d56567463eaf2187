package worker_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardyard/shardyard/worker"
)

// agentVariable makes this test binary an agent, and nothing else.
const agentVariable = "WORKER_TEST_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(agentVariable) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := worker.Serve(context.Background(), os.Stdin, os.Stdout, worker.Options{Alone: true}); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// pipe is one end of a stream in both directions.
type pipe struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipe) Close() error { return errors.Join(p.ReadCloser.Close(), p.WriteCloser.Close()) }

// serve runs an agent, and returns its client, greeted. When the test ends the
// agent must end too.
func serve(t *testing.T, g worker.Greeting, frameworks ...worker.Framework) (*worker.Client, <-chan error) {
	t.Helper()
	requests, toAgent := io.Pipe()
	fromAgent, events := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- worker.Serve(t.Context(), requests, events, worker.Options{Frameworks: frameworks})
		_ = events.Close()
	}()
	c := worker.NewClient(pipe{fromAgent, toAgent}, worker.ClientOptions{})
	t.Cleanup(func() { c.Close() })
	got, err := c.Hello(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if got.PID != os.Getpid() || got.CPUs < 1 {
		t.Fatalf("greeting %+v does not tell the agent's process and CPUs", got)
	}
	return c, done
}

func quit(t *testing.T, c *worker.Client, done <-chan error) {
	t.Helper()
	if err := c.Quit(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestExec(t *testing.T) {
	c, done := serve(t, worker.Greeting{})
	var out, errOut bytes.Buffer
	exited, err := c.Exec(t.Context(), worker.Exec{
		Argv: []string{"sh", "-c", `echo "$A"; pwd; echo no >&2; exit 7`},
		Dir:  os.TempDir(), Env: map[string]string{"A": "b"},
	}, func(o worker.Output) {
		if o.Stream == "stderr" {
			errOut.Write(o.Data)
		} else {
			out.Write(o.Data)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if exited.Code != 7 || out.String() != "b\n"+os.TempDir()+"\n" || errOut.String() != "no\n" {
		t.Errorf("got %+v, %q, %q", exited, out.String(), errOut.String())
	}
	quit(t, c, done)
}

func TestExecHowItEnds(t *testing.T) {
	t.Setenv("INHERITED", "yes")
	c, done := serve(t, worker.Greeting{})
	for name, tc := range map[string]struct {
		exec worker.Exec
		code int
		say  string
	}{
		"signal":        {worker.Exec{Argv: []string{"sh", "-c", "kill -9 $$"}}, 137, ""},
		"no program":    {worker.Exec{Argv: []string{"there-is-no-such-thing"}}, 127, "not on PATH"},
		"no argv":       {worker.Exec{}, 127, "no program"},
		"no directory":  {worker.Exec{Argv: []string{"true"}, Dir: "/does/not/exist"}, 127, "/does/not/exist"},
		"its own PATH":  {worker.Exec{Argv: []string{"true"}, Clean: true, Env: map[string]string{"PATH": "/nowhere"}}, 127, "/nowhere"},
		"clean":         {worker.Exec{Argv: []string{"/bin/sh", "-c", `test -z "$INHERITED"`}, Clean: true}, 0, ""},
		"left a daemon": {worker.Exec{Argv: []string{"sh", "-c", "sleep 3 & exit 4"}}, 4, ""},
	} {
		t.Run(name, func(t *testing.T) {
			exited, err := c.Exec(t.Context(), tc.exec, nil)
			if err != nil {
				t.Fatal(err)
			}
			if exited.Code != tc.code || !strings.Contains(exited.Error, tc.say) || (tc.say == "") != (exited.Error == "") {
				t.Errorf("got %+v, want code %d and an error with %q", exited, tc.code, tc.say)
			}
		})
	}
	quit(t, c, done)
}

func TestExecLargeOutput(t *testing.T) {
	c, done := serve(t, worker.Greeting{})
	n := 0
	exited, err := c.Exec(t.Context(), worker.Exec{Argv: []string{"head", "-c", "20000000", "/dev/zero"}}, func(o worker.Output) { n += len(o.Data) })
	if err != nil || exited.Code != 0 || n != 20_000_000 {
		t.Errorf("got %d bytes, %+v, %v", n, exited, err)
	}
	quit(t, c, done)
}

func TestExecCancelled(t *testing.T) {
	c, done := serve(t, worker.Greeting{})
	ctx, cancel := context.WithCancel(t.Context())
	exited, err := c.Exec(ctx, worker.Exec{Argv: []string{"sh", "-c", "echo up; sleep 600 & wait"}}, func(worker.Output) { cancel() })
	if !errors.Is(err, context.Canceled) || exited.Signal != "killed" {
		t.Errorf("got %+v, %v", exited, err)
	}
	quit(t, c, done)
}

func TestFiles(t *testing.T) {
	c, done := serve(t, worker.Greeting{})
	data := make([]byte, 5<<20+17)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for name, want := range map[string][]byte{"large": data, "empty": {}, "small": []byte("x")} {
		path := filepath.Join(t.TempDir(), "a/b", name)
		if err := c.PutFile(t.Context(), path, 0o640, bytes.NewReader(want)); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		var got bytes.Buffer
		if err := c.GetFile(t.Context(), path, &got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %d bytes came back, not the same %d", name, got.Len(), len(want))
		}
	}
	dir := t.TempDir()
	if err := c.PutFile(t.Context(), filepath.Join(dir, "f"), 0, io.MultiReader(bytes.NewReader(data), failing{})); err == nil {
		t.Error("a source that breaks off gives no error")
	}
	if err := c.PutFile(t.Context(), "/proc/no/f", 0, bytes.NewReader(data)); err == nil {
		t.Error("a path that cannot be written gives no error")
	}
	if err := c.PutFile(t.Context(), "relative", 0, bytes.NewReader(nil)); err == nil {
		t.Error("a relative path gives no error")
	}
	fifo := filepath.Join(dir, "fifo")
	if err := exec.Command("mkfifo", fifo).Run(); err != nil { //nolint:noctx // ends at once
		t.Fatal(err)
	}
	for _, odd := range []string{fifo, os.DevNull} {
		if err := c.GetFile(t.Context(), odd, io.Discard); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", odd, err)
		}
	}
	if err := os.Remove(fifo); err != nil {
		t.Fatal(err)
	}
	if err := c.GetFile(t.Context(), dir, io.Discard); err == nil {
		t.Error("a directory is read without error")
	}
	if _, err := c.Exec(t.Context(), worker.Exec{Argv: []string{"true"}}, nil); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("a transfer that broke off left %v, %v", left, err)
	}
	quit(t, c, done)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestDeadManStream(t *testing.T) {
	c, done := serve(t, worker.Greeting{})
	running := make(chan struct{})
	go func() {
		_, _ = c.Exec(context.Background(), worker.Exec{Argv: []string{"sh", "-c", "echo up; sleep 600"}}, func(worker.Output) { close(running) })
	}()
	<-running
	c.Close()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "closed the stream") {
		t.Errorf("got %v", err)
	}
}

func TestDeadManMute(t *testing.T) {
	c, done := serve(t, worker.Greeting{MuteMS: 50})
	if err := <-done; err == nil || !strings.Contains(err.Error(), "nothing heard") {
		t.Errorf("got %v", err)
	}
	for range c.Events() {
		t.Error("an event came")
	}
	if !errors.Is(c.Err(), worker.ErrLost) {
		t.Errorf("got %v", c.Err())
	}
}

func TestVersion(t *testing.T) {
	requests, toAgent := io.Pipe()
	fromAgent, events := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- worker.Serve(t.Context(), requests, events, worker.Options{}) }()
	conn := worker.NewConn[worker.Event, worker.Request](fromAgent, toAgent)
	if hello, err := conn.Receive(); err != nil || hello.Hello == nil || hello.Hello.Version != worker.Version {
		t.Fatalf("got %+v, %v", hello, err)
	}
	if err := conn.Send(worker.Request{Hello: &worker.Greeting{Version: 99}}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("got %v", err)
	}
	if err := (pipe{fromAgent, toAgent}).Close(); err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	_ = events.Close()
}
