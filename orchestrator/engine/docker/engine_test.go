package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/engine/enginetest"
	"github.com/shardyard/shardyard/worker"
)

// How the process that enginetest.Abandon starts is told what to open.
const (
	variableProject = "SHARDYARD_TEST_PROJECT"
	variableName    = "SHARDYARD_TEST_NAME"
	variableLockDir = "SHARDYARD_TEST_LOCKDIR"
	variableTrees   = "SHARDYARD_TEST_TREES"
	variableAgent   = "SHARDYARD_TEST_AGENT"
)

// testAgent is the file of the agent, built for these tests.
var testAgent string

func TestMain(m *testing.M) {
	enginetest.Main(func() (engine.Engine, error) {
		return New(context.Background(), Options{
			Project: os.Getenv(variableProject), ProjectName: os.Getenv(variableName), LockDir: os.Getenv(variableLockDir),
			Trees: TreeWay(os.Getenv(variableTrees)), Agent: given(os.Getenv(variableAgent)),
		})
	})
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "shardyard-agent-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	testAgent = filepath.Join(dir, "agent")
	build := exec.Command("go", "build", "-o", testAgent, "./testdata/agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the agent: %w\n%s", err, out)
	}
	before := goleak.IgnoreCurrent()
	if code = m.Run(); code != 0 {
		return code, nil
	}
	return code, goleak.Find(before)
}

func given(agent string) func(string) (string, error) {
	return func(string) (string, error) { return agent, nil }
}

// open opens an Engine, when all tests are asked for.
func open(t testing.TB, opts Options) *Engine {
	t.Helper()
	needs.More(t, "a Docker engine")
	opts.Agent = given(testAgent)
	opts.Logger = hclog.New(&hclog.LoggerOptions{Level: hclog.Warn})
	e, err := New(t.Context(), opts)
	if err != nil {
		needs.Lacks(t, "a Docker engine", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// project makes the options of a project of the test's own, which is cleared
// at the test's end.
func project(t testing.TB) Options {
	t.Helper()
	opts := Options{Project: fmt.Sprint(t.Name(), os.Getpid()), ProjectName: t.Name(), LockDir: t.TempDir()}
	e := open(t, opts)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.ClearAll(ctx); err != nil {
			t.Error(err)
		}
		if kept, err := e.Usage(ctx, cache.Own); err != nil || len(kept) > 0 {
			t.Errorf("left behind: %+v, %v", kept, err)
		}
	})
	return opts
}

// A site is an instance with its agent's client.
type site struct {
	t *testing.T
	engine.Instance
	client *worker.Client
}

func start(t *testing.T, e *Engine, spec engine.Spec) *site {
	t.Helper()
	if spec.Run == "" {
		spec.Run = "20260101-000000-abc"
	}
	i, err := e.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t, i, worker.NewClient(i.Stream(), worker.ClientOptions{})}
	t.Cleanup(s.remove)
	if _, err := s.client.Hello(t.Context(), worker.Greeting{Worker: spec.Name}); err != nil {
		t.Fatalf("%v; stderr: %s", err, i.Stderr())
	}
	return s
}

// sh runs a script that must succeed, and returns what it printed.
func (s *site) sh(script string) string {
	s.t.Helper()
	var out bytes.Buffer
	exited, err := s.client.Exec(s.t.Context(), worker.Exec{Argv: []string{"/bin/sh", "-ec", script}, Dir: s.Layout().Source}, func(o worker.Output) {
		out.Write(o.Data)
	})
	if err != nil || exited.Code != 0 || exited.Error != "" {
		s.t.Fatalf("%s: %+v, %v: %s (stderr: %s)", script, exited, err, &out, s.Stderr())
	}
	return strings.TrimSpace(out.String())
}

func (s *site) expect(want, script string) {
	s.t.Helper()
	if got := s.sh(script); got != want {
		s.t.Errorf("%s printed %q, want %q", script, got, want)
	}
}

func (s *site) seal(key string) engine.Layer {
	s.t.Helper()
	if err := s.client.Quit(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	layer, err := s.Seal(s.t.Context(), key, cache.About{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.remove()
	return layer
}

func (s *site) remove() {
	s.client.Close()
	if err := s.Remove(context.Background()); err != nil {
		s.t.Error(err)
	}
}
