package python

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/testsuites/venv"
	"github.com/shardyard/shardyard/worker/framework"
)

// The commands that export a lockfile are ones that uv understands, with the variables
// of builders. Nothing is downloaded: uv says which package it has not.
func TestExportsAreUnderstood(t *testing.T) {
	if _, err := exec.LookPath("uv"); err != nil {
		needs.More(t, "a package index")
		python, err := venv.Make("uv==0.13.9")
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", filepath.Dir(python)+":"+os.Getenv("PATH"))
	}
	for lock, tool := range map[string]string{"pdm.lock": "pdm", "poetry.lock": "poetry", "Pipfile.lock": "pipenv"} {
		dir := t.TempDir()
		for _, name := range []string{"pyproject.toml", "Pipfile", lock} {
			text := map[string]string{"Pipfile.lock": "{}"}[name]
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p, err := Look(dir, "pytest")
		if err != nil {
			t.Fatal(err)
		}
		var d framework.Detected
		p.Install(&d)
		export := exec.Command("sh", "-c", d.Setup[0])
		export.Dir = dir
		export.Env = append(os.Environ(), "UV_OFFLINE=1", "UV_CACHE_DIR="+t.TempDir(), "UV_COMPILE_BYTECODE="+Toolchain("").Builder["UV_COMPILE_BYTECODE"])
		if out, _ := export.CombinedOutput(); !strings.Contains(string(out), tool+" was not found in the cache") {
			t.Errorf("%s: %s", d.Setup[0], out)
		}
	}
}
