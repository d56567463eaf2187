package worker_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shardyard/shardyard/worker"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		lines, yes, no string
	}{
		{"*.log", "a.log x/y/b.log", "a.log.txt log"},
		{"/*.log", "a.log", "x/a.log"},
		{"out/*.xml", "out/a.xml", "out/b/a.xml x/out/a.xml"},
		{"out/**/*.xml", "out/a.xml out/b/c/a.xml", "a.xml"},
		{"shots", "shots shots/a.png x/shots/b/c.png", "shots2/a"},
		{"shots/", "shots/a.png x/shots/b/c.png", "shots"},
		{"./reports/allure", "reports/allure/a", "x/reports/allure/a"},
		{"*.log !debug.log", "a.log", "debug.log x/debug.log"},
		{"a?[0-9].txt", "ab1.txt d/ax9.txt", "a1.txt abc.txt"},
	} {
		p, err := worker.NewPatterns(strings.Fields(c.lines))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(c.yes) {
			if !p.Match(name) {
				t.Errorf("%s does not match %s", c.lines, name)
			}
		}
		for _, name := range strings.Fields(c.no) {
			if p.Match(name) {
				t.Errorf("%s matches %s", c.lines, name)
			}
		}
	}
	for _, line := range []string{"", "/", "!", "../a", "a/../../b", "!../a", "["} {
		if _, err := worker.NewPatterns([]string{line}); err == nil {
			t.Errorf("%q is taken for a pattern", line)
		}
	}
}

// tree is a directory that was there before a moment.
func tree(t *testing.T) (dir string, since time.Time) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"old.txt", "touched.txt", "src/old.py"} {
		store(t, dir, name, "old")
	}
	time.Sleep(30 * time.Millisecond) // a tick of the file system's clock
	return dir, worker.Moment()
}

func store(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestListChanged(t *testing.T) {
	dir, since := tree(t)
	outside := t.TempDir()
	store(t, outside, "secret.txt", "secret")
	for _, name := range []string{"touched.txt", "out/a.txt", "b.json", ".git/x.txt", "sub/.git/x.txt", "c/__pycache__/m.pyc", "c/__pycache__/deep/y.txt", "cache/kept.txt"} {
		store(t, dir, name, "new!")
	}
	if err := os.Chtimes(filepath.Join(dir, "out", "a.txt"), time.Unix(0, 0), time.Unix(0, 0)); err != nil {
		t.Fatal(err) // a file that says it is old
	}
	for link, to := range map[string]string{"link.txt": "old.txt", "escape": outside, "out/secret.txt": filepath.Join(outside, "secret.txt"), "loop": "."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.txt"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := worker.ListChanged(t.Context(), worker.Changes{Dir: dir, Keep: []string{"*.txt"}, Skip: []string{"__pycache__", "cache"}}, since)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range got.Files {
		names = append(names, f.Path)
		if f.Size != 4 {
			t.Errorf("%s has %d bytes", f.Path, f.Size)
		}
	}
	if want := []string{"out/a.txt", "touched.txt"}; !slices.Equal(names, want) {
		t.Errorf("kept %v", names)
	}
	if got.Others != 1 || !slices.Equal(got.OtherNames, []string{"b.json"}) || got.Cut {
		t.Errorf("others %+v", got)
	}
	// A cache is looked into when a pattern names it.
	got, err = worker.ListChanged(t.Context(), worker.Changes{Dir: dir, Keep: []string{"cache/*.txt"}, Skip: []string{"cache"}}, since)
	if err != nil || len(got.Files) != 1 || got.Files[0].Path != "cache/kept.txt" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := worker.ListChanged(t.Context(), worker.Changes{Dir: filepath.Join(dir, "none")}, since); err != nil || got.Others > 0 {
		t.Errorf("a directory that there is not: %+v %v", got, err)
	}
}

func TestListChangedIsBounded(t *testing.T) {
	dir, since := tree(t)
	for i := range 10_050 {
		store(t, dir, fmt.Sprintf("many/%d.txt", i), "")
	}
	for _, c := range []struct {
		keep          []string
		files, others int
		names         int
		cut           bool
	}{{[]string{"*.txt"}, 10_000, 0, 0, true}, {nil, 0, 10_050, 1000, false}} {
		got, err := worker.ListChanged(t.Context(), worker.Changes{Dir: dir, Keep: c.keep}, since)
		if err != nil || len(got.Files) != c.files || got.Others != c.others || len(got.OtherNames) != c.names || got.Cut != c.cut {
			t.Errorf("%v: %d files, %d others, %d names, cut %v, %v", c.keep, len(got.Files), got.Others, len(got.OtherNames), got.Cut, err)
		}
	}
	deep := strings.Repeat("d/", 80) + "x.txt"
	store(t, dir, deep, "")
	if got, err := worker.ListChanged(t.Context(), worker.Changes{Dir: dir}, since); err != nil || !got.Cut {
		t.Errorf("a deep directory: %v %v", got.Cut, err)
	}
}

func TestOpenBelow(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	store(t, outside, "secret.txt", "secret")
	store(t, dir, "a/b.txt", "b")
	for link, to := range map[string]string{"escape": outside, "link.txt": filepath.Join(outside, "secret.txt"), "inner.txt": "a/b.txt"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"escape/secret.txt", "link.txt", "inner.txt", "pipe", "a", "../" + filepath.Base(outside) + "/secret.txt", filepath.Join(outside, "secret.txt"), ""} {
		if f, err := worker.OpenBelow(dir, name); err == nil {
			_ = f.Close()
			t.Errorf("%q was opened", name)
		}
	}
	f, err := worker.OpenBelow(dir, "a/b.txt")
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

// TestChanges asks an agent, whose session began after the tree was there.
func TestChanges(t *testing.T) {
	dir, _ := tree(t)
	c, done := serve(t, worker.Greeting{}, &script{})
	send(t, c, session(dir), lease(1, "pass-a"), worker.Request{Drain: &worker.Drain{}})
	for closed := false; !closed; {
		for _, ev := range <-c.Events() {
			if ev.Started != nil {
				store(t, dir, "out/new.txt", "new")
			}
			closed = closed || ev.Closed != nil
		}
	}
	got, err := c.Changes(t.Context(), worker.Changes{Dir: dir, Keep: []string{"*.txt"}})
	if err != nil || len(got.Files) != 1 || got.Files[0].Path != "out/new.txt" {
		t.Fatalf("%+v %v", got, err)
	}
	var text bytes.Buffer
	if err := c.GetBelow(t.Context(), dir, "out/new.txt", &text); err != nil || text.String() != "new" {
		t.Errorf("%q %v", text.String(), err)
	}
	if err := c.GetBelow(t.Context(), dir, "../x", &text); err == nil {
		t.Error("a file outside was sent")
	}
	if _, err := c.Changes(t.Context(), worker.Changes{Dir: dir, Keep: []string{"../*"}}); err == nil {
		t.Error("a pattern that leaves the directory was taken")
	}
	quit(t, c, done)
}
