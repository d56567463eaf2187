package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/testsuites/venv"
)

// TestMain makes this binary the command shardyard of the scripts. The process
// engine starts its agents from the same file.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"shardyard": func() { os.Exit(run(os.Args[1:])) },
	})
}

// TestScript runs testdata/script: what each command promises, as a user sees
// it. State is kept in the script's own directory.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			for name, dir := range map[string]string{
				"HOME": "home", "XDG_STATE_HOME": "home/state", "XDG_CACHE_HOME": "home/cache", "XDG_CONFIG_HOME": "home/config",
			} {
				env.Setenv(name, filepath.Join(env.WorkDir, ".user", dir))
			}
			env.Setenv("NO_COLOR", "1")
			env.Setenv("ENGINE", os.Getenv("DOCKER_HOST"))
			env.Setenv("DOCKER_HOST", "tcp://127.0.0.1:1")     // for scripts that need no engine
			temp, err := os.MkdirTemp("", "shardyard-script-") // not in the project
			if err != nil {
				return err
			}
			env.Defer(func() { _ = os.RemoveAll(temp) }) // it is in the system's own temporary directory
			env.Setenv("TMPDIR", temp)
			return os.MkdirAll(env.Getenv("HOME"), 0o755)
		},
		Condition: func(cond string) (bool, error) {
			switch {
			case cond != "pytest" && cond != "index" && cond != "docker":
				return false, fmt.Errorf("unknown condition %q", cond)
			case !needs.All():
				return false, nil
			case cond == "pytest":
				if out, err := exec.Command("python3", "-c", "import pytest").CombinedOutput(); err != nil {
					return false, fmt.Errorf("python3 has no pytest: %w\n%s", err, out)
				}
			}
			return true, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":    exits,
			"coverage": coverage,
		},
	})
}

// exits CODE command [args...] wants this exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit status %d, not %d", code, want)
	}
}

// coverage sets $COVERAGE to an interpreter that has coverage.py. It is made
// once for this machine, from the package index.
func coverage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: coverage")
	}
	python, err := venv.Make("coverage==7.10.7")
	ts.Check(err)
	ts.Setenv("COVERAGE", python)
}
