package pytest

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

// Bytecode of what a session imported is packed once, comes back to the same
// place, and is not packed again.
func TestBytecode(t *testing.T) {
	for release := range releases {
		t.Run(release, func(t *testing.T) {
			p := load(t, "fixtures", release)
			dir := p.checkout(t)
			open := func(compiled string, env map[string]string) worker.Exit {
				t.Helper()
				options := worker.Raw(Options{Python: p.python})
				exit, err := New().Run(t.Context(), worker.Open{
					Dir: dir, Args: p.args, Env: env, Results: t.TempDir(), Mode: worker.Full, Options: options, Compiled: compiled, Compile: true,
				}, newFeed())
				if err != nil {
					t.Fatal(err)
				}
				return exit
			}
			env := map[string]string{"PYTHONDONTWRITEBYTECODE": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "LOG": filepath.Join(t.TempDir(), "log")}
			first := open("", env)
			names, sources := packedIn(t, first.Compiled)
			if len(names) == 0 || !slices.Contains(sources, "pkg/test_x.py") {
				t.Fatalf("packed %v of %v", names, sources)
			}
			forget := func() {
				t.Helper()
				for _, n := range names {
					if err := os.RemoveAll(filepath.Join(dir, filepath.Dir(n))); err != nil {
						t.Fatal(err)
					}
				}
			}
			forget()
			if second := open(first.Compiled, env); second.Compiled != "" {
				again, _ := packedIn(t, second.Compiled)
				t.Errorf("compiled again: %v of %v", again, names)
			}
			for _, n := range names {
				if info, err := os.Stat(filepath.Join(dir, n)); err != nil || !info.ModTime().Equal(restored) {
					t.Errorf("%s did not come back: %v", n, err)
				}
			}
			forget()
			env["PYTHONDONTWRITEBYTECODE"] = "1"
			if none := open(first.Compiled, env); none.Compiled != "" {
				t.Error("bytecode was written that was not to be")
			}
			if _, err := os.Stat(filepath.Join(dir, names[0])); !os.IsNotExist(err) {
				t.Errorf("bytecode was brought that was not to be: %v", err)
			}
			elsewhere := p.checkout(t)
			if err := restoreBytecode(elsewhere, first.Compiled); err != nil {
				t.Error(err)
			}
			for _, n := range names {
				rewritten := strings.Contains(n, "-pytest-")
				if _, err := os.Stat(filepath.Join(elsewhere, n)); rewritten == (err == nil) {
					t.Errorf("%s in another place: %v", n, err)
				}
			}
		})
	}
}

// An archive that is cut off leaves no half of a file, on which Python would
// stumble.
func TestHalfAnArchiveOfBytecode(t *testing.T) {
	dir := t.TempDir()
	cache := filepath.Join(dir, pycache)
	if err := os.Mkdir(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"shop.py": 10, pycache + "/shop.cpython-311.pyc": 9000} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	archive, err := packBytecode(dir, []string{filepath.Join(dir, "shop.py"), "/elsewhere/os.py", filepath.Join(dir, "gone.py")}, t.TempDir())
	if err != nil || archive == "" {
		t.Fatal(archive, err)
	}
	if err := errors.Join(os.Truncate(archive, 5000), os.RemoveAll(cache)); err != nil {
		t.Fatal(err)
	}
	if err := restoreBytecode(dir, archive); err == nil {
		t.Error("no error")
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// packedIn are the files of an archive, and their sources.
func packedIn(t *testing.T, archive string) (names, sources []string) {
	t.Helper()
	if archive == "" {
		return nil, nil
	}
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, sources
		}
		if err != nil {
			t.Fatal(err)
		}
		names, sources = append(names, h.Name), append(sources, h.PAXRecords[worker.CompiledSource])
	}
}

func TestCompiling(t *testing.T) {
	files, settings := compiling(
		[]string{"tests/api", "-W", "error", "-Wignore::UserWarning", "-k", "slow", "-o", "xfail_strict=1", "--assert=plain", "-c", "ci.ini"},
		map[string]string{"PYTHONWARNINGS": "error", "HOME": "/home"})
	if !slices.Contains(files, "pyproject.toml") || !slices.Contains(files, "ci.ini") {
		t.Errorf("files %v", files)
	}
	want := []string{"-W", "error", "-Wignore::UserWarning", "-o", "xfail_strict=1", "--assert=plain", "-c", "ci.ini", "PYTHONWARNINGS=error"}
	if !slices.Equal(settings, want) {
		t.Errorf("settings %q, want %q", settings, want)
	}
}

// A file that warns when it is compiled is compiled in every run.
func TestBytecodeOfAFileThatWarnsIsNotKept(t *testing.T) {
	p := load(t, "fixtures", "8")
	dir := p.checkout(t)
	write(t, filepath.Join(dir, "pkg", "test_x.py"), "import re\n\ndef test_x():\n    assert re.match('\\d', '1')\n")
	exit, err := New().Run(t.Context(), worker.Open{
		Dir: dir, Results: t.TempDir(), Mode: worker.Full, Options: worker.Raw(Options{Python: p.python}), Compile: true,
		Env: map[string]string{"PYTHONDONTWRITEBYTECODE": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "LOG": filepath.Join(t.TempDir(), "log")},
	}, newFeed())
	if err != nil {
		t.Fatal(err)
	}
	if _, sources := packedIn(t, exit.Compiled); slices.Contains(sources, "pkg/test_x.py") || !slices.Contains(sources, "pkg/test_y.py") {
		t.Errorf("packed: %v", sources)
	}
}
