package orchestrator

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// compiling is what a run of a tree with the given files takes and adds.
func compiling(t *testing.T, kept string, files map[string]string) *compiled {
	t.Helper()
	c := opening(t, kept, files, "", "")
	if err := c.recall(); err != nil {
		t.Fatal(err)
	}
	return c
}

func opening(t *testing.T, kept string, files map[string]string, suite, environment string) *compiled {
	t.Helper()
	src := &source.Source{Sub: "sub"}
	for name, text := range files {
		src.Files = append(src.Files, source.File{Path: "sub/" + name, Mode: 0o644, Hash: sha256.Sum256([]byte(text))})
	}
	slices.SortFunc(src.Files, func(a, b source.File) int { return strings.Compare(a.Path, b.Path) })
	at := &site{ground: &ground{src: src}, envKey: environment}
	return newCompiled(&Request{Suite: suite, Compiled: Compiled{Dir: kept}, Session: framework.Suite{Compiled: &framework.Compiled{}}}, Deps{Now: time.Now}, at, t.TempDir())
}

// archive is what a worker has compiled of the sources.
func archive(t *testing.T, sources map[string]string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "new.tar"))
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	for name, text := range sources {
		sum := sha256.Sum256([]byte(text))
		err := w.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: name + "c", Size: int64(len(text)), Mode: 0o644, Format: tar.FormatPAX,
			PAXRecords: map[string]string{worker.CompiledSource: name, worker.CompiledHash: hex.EncodeToString(sum[:])},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// content is what workers of the run would be brought.
func content(t *testing.T, c *compiled) map[string]string {
	t.Helper()
	got := map[string]string{}
	if c.brought == "" {
		return got
	}
	f, err := os.Open(c.brought)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for a := tar.NewReader(f); ; {
		h, err := a.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(a)
		if err != nil {
			t.Fatal(err)
		}
		got[h.Name] = string(text)
	}
}

func TestOnlyWhatWasCompiledOfTheSameSourcesIsBrought(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "compiled", "project")
	files := map[string]string{"a.py": "A", "b.py": "B", "c.py": "C"}
	first := compiling(t, kept, files)
	if got := content(t, first); len(got) != 0 {
		t.Errorf("the first run is brought %v", got)
	}
	// What tests wrote, or changed, is not the tree's.
	err := first.keep(archive(t, map[string]string{"a.py": "A", "b.py": "B", "c.py": "changed by a test", "made.py": "M", "../out.py": "O"}))
	if err != nil {
		t.Fatal(err)
	}
	second := compiling(t, kept, files)
	if diff := cmp.Diff(map[string]string{"a.pyc": "A", "b.pyc": "B"}, content(t, second)); diff != "" {
		t.Error(diff)
	}
	files["b.py"] = "b"
	third := compiling(t, kept, files)
	if diff := cmp.Diff(map[string]string{"a.pyc": "A"}, content(t, third)); diff != "" {
		t.Error(diff)
	}
	if err := third.keep(archive(t, map[string]string{"b.py": "b", "c.py": "C"})); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a.pyc": "A", "b.pyc": "b", "c.pyc": "C"}, content(t, compiling(t, kept, files))); diff != "" {
		t.Error(diff)
	}
}

func TestEnvironmentsOfASuiteTakeTurnsAndNoArchiveIsKeptForever(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "compiled", "project")
	stale := filepath.Join(kept, "..", "another", "0-0.tar")
	if err := os.MkdirAll(filepath.Dir(stale), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	keep := func(environment, suite string) {
		t.Helper()
		c := opening(t, kept, map[string]string{"a.py": "A"}, suite, environment)
		err := errors.Join(c.keep(archive(t, map[string]string{"a.py": "A"})), c.expire())
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, environment := range []string{"one", "two", "three", "four", "five", "two"} {
		keep(environment, "unit")
	}
	keep("two", "slow")
	if all, err := os.ReadDir(kept); err != nil || len(all) != compiledMost+1 {
		t.Errorf("%v, %v: want %d archives of one suite and one of the other", all, err, compiledMost)
	}
	again := opening(t, kept, map[string]string{"a.py": "A"}, "unit", "three")
	if err := again.recall(); err != nil || len(content(t, again)) == 0 {
		t.Errorf("of an environment that was used a while ago is left %v: %v", content(t, again), err)
	}
	if _, err := os.Stat(stale); err != nil {
		t.Error(err)
	}
	old := time.Now().Add(-compiledFor - time.Hour)
	if err := os.Chtimes(stale, old, old); err != nil {
		t.Fatal(err)
	}
	keep("two", "slow")
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("an archive that no run used is still there: %v", err)
	}
}

func TestABrokenArchiveCostsNothingButTime(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "compiled", "project")
	c := compiling(t, kept, map[string]string{"a.py": "A"})
	if err := os.MkdirAll(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.store.Dir, c.key), []byte("no archive at all"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.recall(); err == nil || c.brought != "" {
		t.Errorf("%v, %q", err, c.brought)
	}
	if err := c.keep(archive(t, map[string]string{"a.py": "A"})); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a.pyc": "A"}, content(t, compiling(t, kept, map[string]string{"a.py": "A"}))); diff != "" {
		t.Error(diff)
	}
}
