package cache

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestManifest(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	list := func(read bool) Manifest {
		t.Helper()
		m, err := ListDir(t.Context(), dir, read)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	then := time.Unix(1_700_000_000, 0)
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	put("bin/tool", "one", then)
	put("same", "x", then)
	put("goes", "x", then)
	if err := os.Symlink("same", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	full := list(true)
	if d := full.Differences(list(false)); len(d) > 0 || len(full) != 4 {
		t.Errorf("%d entries; nothing changed, and: %q", len(full), d)
	}
	put("bin/tool", "two", then) // as long as before, and as old: only its content tells
	put("same", "x", then.Add(time.Hour))
	if d := full.Differences(list(true)); !slices.Equal(d, []string{"bin/tool changed"}) {
		t.Errorf("contents: %q", d)
	}
	if d := full.Differences(list(false)); !slices.Equal(d, []string{"same changed"}) {
		t.Errorf("times: %q", d)
	}
	put("bin/tool", "one", then)
	put("new", "", then)
	for _, name := range []string{"goes", "link"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("new", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if d := full.Differences(list(true)); !slices.Equal(d, []string{"goes is gone", "link changed", "new is new"}) {
		t.Errorf("got %q", d)
	}
}

// An archive's manifest is that of the directory it was made of; which name of a hard
// link has the content does not matter.
func TestManifestOfArchive(t *testing.T) {
	archive := func(first, second string) *bytes.Buffer {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range []*tar.Header{
			{Name: "env/", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "env/" + first, Typeflag: tar.TypeReg, Mode: 0o644, Size: 1},
			{Name: "env/" + second, Typeflag: tar.TypeLink, Linkname: "env/" + first},
			{Name: "env/link", Typeflag: tar.TypeSymlink, Linkname: first},
		} {
			h.Linkname = map[bool]string{true: "a", false: h.Linkname}[h.Typeflag == tar.TypeSymlink]
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			if h.Typeflag == tar.TypeReg {
				if _, err := w.Write([]byte("x")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return &b
	}
	one, err := ListTar(archive("a", "b"))
	if err != nil || len(one) != 3 {
		t.Fatalf("%v, %v", one, err)
	}
	if two, err := ListTar(archive("b", "a")); err != nil || one.Digest() != two.Digest() {
		t.Errorf("%v and %v, %v", one, two, err)
	}
	if _, err := ListTar(bytes.NewBufferString("no archive")); err == nil {
		t.Error("what is no archive was listed")
	}
}
