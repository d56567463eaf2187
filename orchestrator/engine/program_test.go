package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/pytest"
	"github.com/shardyard/shardyard/worker/framework/python"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		version, want string
		ok            bool
	}{
		{"3.11.7", "", true}, {"2.7.18", "", false}, {"3.11.7", "3.11", true}, {"3.11.7", "3.1", false},
		{"3.11.7", "3.11.7", true}, {"3.11.70", "3.11.7", false}, {"3.12.1", "3", true},
	} {
		if got := matches(c.version, framework.Toolchain{Version: c.want, Probe: &framework.Probe{Series: "3."}}); got != c.ok {
			t.Errorf("matches(%q, %q) = %v", c.version, c.want, got)
		}
	}
}

func TestNewestFirst(t *testing.T) {
	list := []string{"/p/3.9.18/bin/python3", "/p/3.12.1/bin/python3", "/p/3.12.10/bin/python3", "/p/3.10.13/bin/python3"}
	slices.SortFunc(list, newestFirst)
	want := []string{"/p/3.12.10/bin/python3", "/p/3.12.1/bin/python3", "/p/3.10.13/bin/python3", "/p/3.9.18/bin/python3"}
	if !slices.Equal(list, want) {
		t.Errorf("got %q", list)
	}
}

// A program is brought to builders if it is one for their processor, and no shim.
func TestFindBinary(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED, needs Linux: its programs are what is brought to builders")
	}
	dir, path := t.TempDir(), t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(path, "uv"), []byte("#!/bin/sh\n"), 0o755), os.Symlink(self, filepath.Join(dir, "uv"))); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", path)
	t.Setenv("OURS", dir)
	patterns := []string{"no-such-program", "uv", "$NOT_SET/uv", "$OURS/*"}
	if got, want := FindBinary(patterns, "linux/"+runtime.GOARCH), filepath.Join(dir, "uv"); got != want {
		t.Errorf("found %q, want %q", got, want)
	}
	for _, platform := range []string{"linux/riscv64", "darwin/arm64", map[string]string{"amd64": "linux/arm64", "arm64": "linux/amd64"}[runtime.GOARCH]} {
		if got := FindBinary(patterns, platform); got != "" {
			t.Errorf("for %s found %q", platform, got)
		}
	}
}

// An interpreter behind a link, a wrapper or a virtual environment is found by
// what it says of itself.
func TestFindProgramBehindShim(t *testing.T) {
	real, err := FindProgram(t.Context(), python.Toolchain(""))
	if err != nil {
		needs.Lacks(t, "python3", err)
	}
	dir := t.TempDir()
	shim := "#!/bin/sh\nexec " + real.Executable + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "python3"), []byte(shim), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	got, err := FindProgram(t.Context(), python.Toolchain(strings.Join(strings.Split(real.Version, ".")[:2], ".")))
	if err != nil {
		t.Fatal(err)
	}
	if got.Executable != real.Executable || !slices.Equal(got.Prefixes, real.Prefixes) {
		t.Errorf("behind a shim: %+v, want %+v", got, real)
	}
	_, err = FindProgram(t.Context(), python.Toolchain("3.99"))
	if err == nil || !strings.Contains(err.Error(), "python 3.99 is wanted") || !strings.Contains(err.Error(), real.Version) {
		t.Errorf("for a version that is not here: %v", err)
	}
}

// fakePython is an interpreter that says that it is of a version.
const fakePython = "#!/bin/sh\necho '{\"version\": \"%s\", \"executable\": \"'$0'\"}'\n"

// An interpreter that the project accepts is found wherever it was installed; what
// is first on the PATH is taken if it will do.
func TestFindProgramThatIsAccepted(t *testing.T) {
	home := t.TempDir()
	for name, version := range map[string]string{
		"bin/python3": "3.9.2", "bin/python3.10": "3.10.5", "share/uv/python/cpython-3.13.1-linux/bin/python3": "3.13.1", ".pyenv/versions/3.12.4/bin/python3": "3.12.4",
	} {
		full := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, fmt.Appendf(nil, fakePython, version), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"HOME": home, "PATH": filepath.Join(home, "bin"), "XDG_DATA_HOME": filepath.Join(home, "share"), "PYENV_ROOT": "", "UV_PYTHON_INSTALL_DIR": ""} {
		t.Setenv(name, value)
	}
	for _, x := range []struct{ requires, pin, want, say string }{
		{"", "", "3.9.2", ""},
		{">=3.9", "", "3.9.2", ""},
		{">=3.10,<3.11", "", "3.10.5", ""},
		{">=3.10,<3.13", "3.12", "3.12.4", ""},
		{"==3.13.1", "", "3.13.1", ""},
		{">=3.9", "3.8", "3.9.2", "3.9.2 (" + filepath.Join(home, "bin/python3") + ") instead of 3.8"},
		{">=3.95", "", "", "python >=3.95 (pyproject.toml:3) is wanted and this machine has 3.13.1, 3.12.4, "},
		{">=3.95", "", "", "3.9.2: install it (`uv python install 3.95`, or pyenv), or name an image that has it (`image: python:3.95-slim`"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "pyproject.toml"), []byte("[project]\nname = 'a'\nrequires-python = '"+x.requires+"'\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".python-version"), []byte(x.pin), 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := pytest.Description{}.Detect(dir)
		if err != nil {
			t.Fatal(err)
		}
		found, err := FindProgram(t.Context(), d.Toolchain)
		said := Instead(found, d.Toolchain)
		if err != nil {
			said = err.Error()
		}
		if found.Version != x.want || !strings.Contains(said, x.say) {
			t.Errorf("requires %q, pin %q: %q, %s", x.requires, x.pin, found.Version, said)
		}
	}
}

func TestAToolchainWithoutAProbeNeedsNothing(t *testing.T) {
	t.Setenv("PATH", "")
	if found, err := FindProgram(t.Context(), framework.Toolchain{}); err != nil || found.Executable != "" {
		t.Errorf("%+v, %v", found, err)
	}
}

// A candidate with a variable that is not set is none.
func TestCandidates(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"3.9/x", "3.10/x"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SHARDYARD_TEST_ROOT", dir)
	got := candidates([]string{"x", "$SHARDYARD_TEST_ROOT/3.*/x", "$SHARDYARD_TEST_UNSET/x", "x"})
	if want := []string{"x", filepath.Join(dir, "3.10/x"), filepath.Join(dir, "3.9/x")}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
