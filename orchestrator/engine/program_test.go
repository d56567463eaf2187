package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/worker/framework"
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
