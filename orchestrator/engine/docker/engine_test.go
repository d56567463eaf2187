package docker

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// testAgent is the file of a static program that stands for the agent: it runs
// each line of its stdin with the shell, and answers with its output and the
// line "exit N".
var testAgent string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "shardyard-agent-")
	if err != nil {
		panic(err)
	}
	testAgent = filepath.Join(dir, "agent")
	cmd := exec.Command("go", "build", "-o", testAgent, "./testdata/agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the test agent: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// newEngine is an Engine of a project of the test's own, which is cleared at
// its end. Without a Docker engine the test is skipped, and fails in CI.
func newEngine(t *testing.T, change ...func(*Options)) *Engine {
	t.Helper()
	opts := Options{
		Project: t.Name() + "-" + fmt.Sprint(os.Getpid()), ProjectName: t.Name(), LockDir: t.TempDir(),
		Agent:  func(string) (string, error) { return testAgent, nil },
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Warn}),
	}
	for _, c := range change {
		c(&opts)
	}
	e, err := New(t.Context(), opts)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED, needs a Docker engine:", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.ClearAll(ctx); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// sh runs a line in an instance of the test agent.
func sh(t *testing.T, i engine.Instance, line string) string {
	t.Helper()
	out, code := run(t, i, line)
	if code != "0" {
		t.Fatalf("%s: exit %s: %s (stderr: %s)", line, code, out, i.Stderr())
	}
	return out
}

func run(t *testing.T, i engine.Instance, line string) (out, code string) {
	t.Helper()
	if _, err := fmt.Fprintln(i.Stream(), line); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	var b strings.Builder
	// One byte at a time, since nothing may be kept between calls.
	for r := bufio.NewReaderSize(oneByte{i}, 16); ; {
		l, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v after %q (stderr: %s)", line, err, b.String(), i.Stderr())
		}
		if code, ok := strings.CutPrefix(l, "\x00exit "); ok {
			return b.String(), strings.TrimSpace(code)
		}
		b.WriteString(l)
	}
}

type oneByte struct{ i engine.Instance }

func (o oneByte) Read(p []byte) (int, error) { return o.i.Stream().Read(p[:1]) }

func start(t *testing.T, e *Engine, spec engine.Spec) engine.Instance {
	t.Helper()
	if spec.Run == "" {
		spec.Run = "20260101-000000-abc"
	}
	i, err := e.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return i
}
