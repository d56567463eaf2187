package orchestrator

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
)

// A tree that was amended is the other one, byte for byte, whatever came, changed or
// went, and so are its times; what others put there stays.
func TestAmendedTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "amended-")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		before, after := drawTree(t, filepath.Join(dir, "before")), drawTree(t, filepath.Join(dir, "after"))
		amended, fresh := filepath.Join(dir, "amended"), filepath.Join(dir, "fresh")
		unpack(t, before, amended)
		unpack(t, after, fresh)
		if err := amend(t, before, after, amended); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list(t, fresh), list(t, amended)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// Where a file is not what the tree had, as when installing the project has changed it,
// nothing is taken for amended.
func TestAmendedTreeOfOthers(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"content": func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("other"), 0o644) },
		"mode":    func(dir string) error { return os.Chmod(filepath.Join(dir, "a"), 0o755) },
		"gone":    func(dir string) error { return os.Remove(filepath.Join(dir, "a")) },
		"there":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "new"), nil, 0o644) },
		"a link": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "a")), os.Symlink("b", filepath.Join(dir, "a")))
		},
		"nothing": func(string) error { return nil },
	} {
		dir := t.TempDir()
		before := planted(t, filepath.Join(dir, "before"), map[string]string{"a": "1", "b": "1"})
		after := planted(t, filepath.Join(dir, "after"), map[string]string{"a": "2", "b": "1", "new": ""})
		amended := filepath.Join(dir, "amended")
		unpack(t, before, amended)
		if err := change(amended); err != nil {
			t.Fatal(err)
		}
		if err := amend(t, before, after, amended); (err == nil) != (name == "nothing") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// drawTree writes files, links and directories, and takes their snapshot.
func drawTree(t *rapid.T, dir string) *source.Source {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "A", "d/a", "d/b", "d/e/f", "e/f/g", "d", "e"}), 1, 6, rapid.ID[string]).Draw(t, "names")
	files := map[string]string{}
	for _, name := range names {
		files[name] = rapid.SampledFrom([]string{"", "1", "22", "#!", "->a", "->../b"}).Draw(t, "content")
	}
	return planted(t, dir, files)
}

// planted writes files; content "->" makes a link, and "#!" a program. A file where
// there is a directory already is left out.
func planted(t rapid.TB, dir string, files map[string]string) *source.Source {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		full, content := filepath.Join(dir, name), files[name]
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			continue
		}
		target, link := strings.CutPrefix(content, "->")
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		if link {
			_ = os.Symlink(target, full)
		} else {
			_ = os.WriteFile(full, []byte(content), mode)
		}
	}
	src, err := source.Snapshot(context.Background(), dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// unpack makes the tree of a source in a directory, as engines do.
func unpack(t rapid.TB, src *source.Source, dir string) {
	t.Helper()
	var out bytes.Buffer
	if err := errors.Join(os.MkdirAll(dir, 0o755), src.WriteTar(context.Background(), &out)); err != nil {
		t.Fatal(err)
	}
	times := map[string]time.Time{dir: time.Unix(1, 0)}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		name := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = errors.Join(err, os.Mkdir(name, 0o755))
			times[name] = h.ModTime
		case tar.TypeSymlink:
			err = errors.Join(err, os.Symlink(h.Linkname, name))
		default:
			content, read := io.ReadAll(r)
			err = errors.Join(err, read, os.WriteFile(name, content, 0o644), os.Chmod(name, h.FileInfo().Mode()), os.Chtimes(name, h.ModTime, h.ModTime))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, at := range times {
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func amend(t rapid.TB, before, after *source.Source, dir string) error {
	t.Helper()
	var archive bytes.Buffer
	c := after.Since(before.Manifest(worker.Stood), after.Manifest(worker.Stood))
	if err := c.Write(context.Background(), &archive, marked); err != nil {
		t.Fatal(err)
	}
	_, err := worker.AmendTree(context.Background(), dir, &archive)
	return err
}

// list describes what is in a directory.
func list(t rapid.TB, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		text := fmt.Sprint(strings.TrimPrefix(name, dir), " ", info.Mode())
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			all = append(all, text+" -> "+target)
			return err
		case info.Mode().IsRegular():
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %q", content)
		}
		all = append(all, text+" "+info.ModTime().UTC().String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
