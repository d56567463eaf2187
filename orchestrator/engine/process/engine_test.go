package process_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/engine/enginetest"
	"github.com/shardyard/shardyard/orchestrator/engine/process"
	"github.com/shardyard/shardyard/worker"
)

const dirVariable = "PROCESS_ENGINE_DIR"

func TestMain(m *testing.M) {
	enginetest.Main(func() (engine.Engine, error) { return open(os.Getenv(dirVariable)) })
	goleak.VerifyTestMain(m)
}

func open(dir string) (*process.Engine, error) {
	return process.New(process.Options{
		Project:  "project",
		CacheDir: filepath.Join(dir, "cache"),
		StateDir: filepath.Join(dir, "state"),
	})
}

// Agents are attached to by pipes, or dial.
func TestConformance(t *testing.T) {
	for name, dial := range map[string]bool{"attached": false, "dialled": true} {
		t.Run(name, func(t *testing.T) { conform(t, dial) })
	}
}

func conform(t *testing.T, dial bool) {
	dir := t.TempDir()
	enginetest.Run(t, enginetest.Config{
		Engine: func(t *testing.T) engine.Engine {
			return conforming(t, dir, "project", dial)
		},
		Other:          func(t *testing.T) engine.Engine { return conforming(t, dir, "other", dial) },
		Away:           func(t *testing.T) engine.Engine { return conforming(t, t.TempDir(), "other", dial) },
		SharedPackages: true,
		Leftovers:      func(t *testing.T, run string) []string { return leftovers(t, dir, run) },
		Kill: func(t *testing.T, _ engine.Spec, agent worker.Greeting) {
			if err := kill(agent.PID); err != nil {
				t.Fatal(err)
			}
		},
		Abandon: func(t *testing.T, spec engine.Spec) {
			enginetest.Abandon(t, []string{dirVariable + "=" + dir}, spec)
		},
	})
}

func conforming(t *testing.T, dir, project string, dial bool) engine.Engine {
	t.Helper()
	e, err := process.New(process.Options{
		Project: project, CacheDir: filepath.Join(dir, "cache"), StateDir: filepath.Join(dir, "state"), Dial: dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// leftovers lists a run's directory, its lock, and on Linux the processes that
// have the run's directory in their environment or work in it.
func leftovers(t *testing.T, dir, run string) (left []string) {
	state := filepath.Join(dir, "state", "project")
	for _, path := range []string{filepath.Join(state, "runs", run), filepath.Join(state, "locks", "run-"+run)} {
		if _, err := os.Lstat(path); err == nil {
			left = append(left, path)
		}
	}
	pids, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range pids {
		if pid, err := strconv.Atoi(filepath.Base(proc)); err != nil || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile(filepath.Join(proc, "environ"))
		if err == nil && strings.Contains(string(environ), filepath.Join(state, "runs", run)) {
			cmdline, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
			left = append(left, fmt.Sprintf("%s %q", proc, cmdline))
		}
	}
	return left
}

func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}
