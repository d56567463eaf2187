// Package herd has many runs want one environment at once, and kills those who build
// it. make test-cache runs it: it takes minutes.
package herd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/internal/needs"
)

// TestMain leaves all of these tests out unless make test-cache asks for them.
func TestMain(m *testing.M) { needs.Target(m, "HERD_RUNS", "test-cache") }

// config has a builder that takes a while, and a test that fails where only half of the
// environment is there.
const config = `
version: 1
project: herd/NAME
image: host
setup: ["e=${PATH%%/.tools:*}; mkdir -p $e; echo KEY >$e/first; sleep 1", "e=${PATH%%/.tools:*}; sleep 1; cp $e/first $e/second"]
prepare: []
suites: {all: {framework: command, list: "echo one", run: "e=${PATH%%/bin:*}; test \"$(cat $e/first $e/second)\" = \"$(printf 'KEY\\nKEY')\""}}
`

// A herd is runs of one project in checkouts of their own.
type herd struct {
	*testing.T
	root, engine string
	env          []string
}

func newHerd(t *testing.T, engine string) *herd {
	h := &herd{T: t, root: t.TempDir(), engine: engine}
	h.env = append(os.Environ(), "XDG_STATE_HOME="+h.root+"/state", "XDG_CACHE_HOME="+h.root+"/cache", "XDG_CONFIG_HOME="+h.root+"/config", "CI=")
	t.Cleanup(func() {
		if out, err := h.command("clear", "cache", "clear", "--engine", engine).CombinedOutput(); err != nil {
			t.Errorf("clear: %v\n%s", err, out)
		}
	})
	h.checkout("clear", "clear")
	return h
}

// checkout makes a checkout of the project whose environment has this key.
func (h *herd) checkout(name, key string) {
	h.Helper()
	text := strings.NewReplacer("NAME", filepath.Base(filepath.Dir(h.root)), "KEY", key).Replace(config)
	if err := errors.Join(os.MkdirAll(h.dir(name), 0o755), os.WriteFile(h.dir(name)+"/shardyard.yaml", []byte(text), 0o644)); err != nil {
		h.Fatal(err)
	}
}

func (h *herd) dir(name string) string { return filepath.Join(h.root, name) }

func (h *herd) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Getenv("SHARDYARD_BIN"), args...) //nolint:noctx // whoever starts it waits for it, or kills it
	cmd.Dir, cmd.Env = h.dir(name), h.env
	return cmd
}

// A running is a run of a checkout.
type running struct {
	h    *herd
	name string
	cmd  *exec.Cmd
	out  strings.Builder
}

func (h *herd) start(name string) *running {
	h.Helper()
	r := &running{h: h, name: name, cmd: h.command(name, "run", "--engine", h.engine, "-w", "1", "--progress", "plain")}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		h.Fatal(err)
	}
	return r
}

// green waits for a green run, and reports whether it has built the environment.
func (r *running) green() (built bool) {
	r.h.Helper()
	if err := r.cmd.Wait(); err != nil {
		r.h.Errorf("%s: %v\n%s", r.name, err, r.out.String())
	}
	text, err := os.ReadFile(filepath.Join(r.h.dir(r.name), ".shardyard/runs/latest/run.json"))
	if err != nil {
		r.h.Fatal(err)
	}
	var report struct {
		Steps []struct {
			Name   string
			Cached bool
		}
	}
	if err := json.Unmarshal(text, &report); err != nil {
		r.h.Fatal(err)
	}
	for _, s := range report.Steps {
		if s.Name == "environment" {
			return !s.Cached
		}
	}
	r.h.Errorf("%s has no step environment", r.name)
	return false
}

// id is the run's.
func (r *running) id() string {
	r.h.Helper()
	logs, err := filepath.Glob(filepath.Join(r.h.dir(r.name), ".shardyard/runs/*/events.jsonl"))
	if err != nil || len(logs) != 1 {
		r.h.Fatalf("%s has the logs %q, %v", r.name, logs, err)
	}
	return filepath.Base(filepath.Dir(logs[0]))
}

// builds waits until a run's builder runs its first command.
func (r *running) builds() {
	r.h.Helper()
	for range 600 {
		logs, err := filepath.Glob(filepath.Join(r.h.dir(r.name), ".shardyard/runs/*/events.jsonl"))
		if err == nil && len(logs) > 0 {
			if text, err := os.ReadFile(logs[len(logs)-1]); err == nil && strings.Contains(string(text), `"text":"$ e=`) {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.h.Fatalf("%s does not build:\n%s", r.name, r.out.String())
}

// Many runs that start at once on one cold key install once, and are green.
func TestOneInstalls(t *testing.T) {
	for _, engine := range []string{"process", "docker"} {
		t.Run(engine, func(t *testing.T) {
			n, err := strconv.Atoi(os.Getenv("HERD_RUNS"))
			if err != nil {
				t.Fatal(err)
			}
			h := newHerd(t, engine)
			var all []*running
			for i := range n {
				name := fmt.Sprintf("clone-%d", i+1)
				h.checkout(name, "cold")
				all = append(all, h.start(name))
			}
			built := 0
			for _, r := range all {
				if r.green() {
					built++
				}
			}
			if built != 1 {
				t.Errorf("%d of %d runs have built the environment", built, n)
			}
		})
	}
}

// Whenever a builder is killed, or its coordinator, another run takes over, and nobody
// has half an environment.
func TestAnotherTakesOver(t *testing.T) {
	const moments = 10
	for _, engine := range []string{"process", "docker"} {
		t.Run(engine, func(t *testing.T) {
			h := newHerd(t, engine)
			for moment := range moments {
				for _, name := range []string{"first", "second"} {
					if err := os.RemoveAll(h.dir(name)); err != nil {
						t.Fatal(err)
					}
					h.checkout(name, fmt.Sprintf("key%d", moment))
				}
				first := h.start("first")
				first.builds()
				second := h.start("second")
				time.Sleep(time.Duration(moment) * 250 * time.Millisecond)
				what := "coordinator"
				if moment%2 == 1 {
					what = "builder"
					first.killBuilder()
				} else if err := first.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				ended := first.cmd.Wait()
				built := second.green()
				if again := h.start("first"); again.green() {
					t.Errorf("moment %d, %s killed: what the second run has used is not kept", moment, what)
				}
				t.Logf("moment %d, %s killed: %v; the other one built: %t", moment, what, ended, built)
			}
		})
	}
}

// killBuilder kills the builder of a run, if there still is one.
func (r *running) killBuilder() {
	r.h.Helper()
	find := exec.Command("pgrep", "-P", strconv.Itoa(r.cmd.Process.Pid), "-f", "agent") //nolint:noctx // ends at once
	kill := []string{"kill", "-9"}
	if r.h.engine == "docker" {
		find = exec.Command("docker", "ps", "--quiet", "--filter", "label=dev.shardyard.role=builder", "--filter", "label=dev.shardyard.run="+r.id()) //nolint:noctx // ends at once
		kill = []string{"docker", "kill"}
	}
	out, err := find.Output()
	var none *exec.ExitError
	if err != nil && !errors.As(err, &none) {
		r.h.Fatal(err)
	}
	for _, id := range strings.Fields(string(out)) {
		_ = exec.Command(kill[0], append(kill[1:], id)...).Run() //nolint:noctx // it may have ended just now
	}
}

// A loop that removes all that it may, beside runs that begin, build and test, takes nothing
// from them. A go.mod has their workers look into the package cache.
func TestPruneUnderLoad(t *testing.T) {
	const turns = 4
	for _, engine := range []string{"process", "docker"} {
		t.Run(engine, func(t *testing.T) {
			h := newHerd(t, engine)
			stop, pruned := make(chan struct{}), make(chan int)
			go func() {
				n := 0
				for {
					select {
					case <-stop:
						pruned <- n
						return
					default:
					}
					n++
					if out, err := h.command("clear", "cache", "prune", "--engine", engine, "--max-size", "1", "--max-age", "1s").CombinedOutput(); err != nil {
						t.Errorf("prune: %v\n%s", err, out)
					}
				}
			}()
			defer func() {
				close(stop)
				t.Logf("pruned %d times", <-pruned)
			}()
			for turn := range turns {
				var all []*running
				for i := range 3 {
					name := fmt.Sprintf("clone-%d", i+1)
					h.checkout(name, fmt.Sprintf("key%d", (turn+i)%2))
					if err := os.WriteFile(h.dir(name)+"/go.mod", []byte("module herd\n"), 0o644); err != nil {
						t.Fatal(err)
					}
					all = append(all, h.start(name))
				}
				for _, r := range all {
					r.green()
				}
			}
		})
	}
}
