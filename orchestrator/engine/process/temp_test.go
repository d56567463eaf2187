package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// A run that died leaves directories for temporary files, which Sweep finds;
// a link that a test has bent leads to nothing that is removed.
func TestTemporaryFilesOfADeadRun(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	base := t.TempDir()
	e, err := New(Options{Project: "p", CacheDir: filepath.Join(base, "cache"), StateDir: filepath.Join(base, "state"), Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(e.dir("runs"), "dead")
	precious := filepath.Join(os.TempDir(), "precious")
	for _, d := range []string{filepath.Join(dir, "worker-1"), filepath.Join(dir, "worker-2"), precious} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	temp, err := makeTemp(filepath.Join(dir, "worker-1"))
	if err != nil {
		t.Fatal(err)
	}
	if name := strings.TrimPrefix(temp, os.TempDir()); len(name) > 16 {
		t.Errorf("%s is long for a socket's directory", name)
	}
	if err := os.WriteFile(filepath.Join(temp, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, filepath.Join(dir, "worker-2", tempLink)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{dir, temp} {
		if _, err := os.Lstat(gone); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
	if _, err := os.Lstat(precious); err != nil {
		t.Errorf("Sweep followed a link that was not its own: %v", err)
	}
}
