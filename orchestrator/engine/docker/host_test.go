package docker

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/internal/needs"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		version, want string
		ok            bool
	}{
		{"3.11.7", "", true}, {"2.7.18", "", false}, {"3.11.7", "3.11", true}, {"3.11.7", "3.1", false},
		{"3.11.7", "3.11.7", true}, {"3.11.70", "3.11.7", false}, {"3.12.1", "3", true},
	} {
		if got := matches(c.version, c.want); got != c.ok {
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
func TestFindPythonBehindShim(t *testing.T) {
	real, err := findPython(t.Context(), "")
	if err != nil {
		needs.Lacks(t, "python3", err)
	}
	dir := t.TempDir()
	shim := "#!/bin/sh\nexec " + real.Executable + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "python3"), []byte(shim), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	got, err := findPython(t.Context(), minorOf(real.Version))
	if err != nil {
		t.Fatal(err)
	}
	if got.Executable != real.Executable || got.Prefix != real.Prefix {
		t.Errorf("behind a shim: %+v, want %+v", got, real)
	}
	_, err = findPython(t.Context(), "3.99")
	if err == nil || !strings.Contains(err.Error(), "python 3.99 is wanted") || !strings.Contains(err.Error(), real.Version) {
		t.Errorf("for a version that is not here: %v", err)
	}
}

func TestWithLine(t *testing.T) {
	line := "shardyard:x:1000:1000::/home/shardyard:/bin/sh"
	if got := withLine([]byte("root:x:0:0"), line, 2); !bytes.Equal(got, []byte("root:x:0:0\n"+line+"\n")) {
		t.Errorf("got %q", got)
	}
	taken := []byte("root:x:0:0\nubuntu:x:1000:1000\n")
	if got := withLine(taken, line, 2); !bytes.Equal(got, taken) {
		t.Errorf("a uid that the image has was given twice: %q", got)
	}
}

func TestCovered(t *testing.T) {
	for p, want := range map[string]bool{"/usr": true, "/usr/lib": true, "/usrlocal": false, "/": false, "/usr/../etc": false} {
		if got := covered([]string{"/usr"}, p); got != want {
			t.Errorf("covered(%q) = %v", p, got)
		}
	}
}
