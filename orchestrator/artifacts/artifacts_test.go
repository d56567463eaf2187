package artifacts

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

// taken is a store that has taken files: tree, path, content.
func taken(t *testing.T, files ...[3]string) (*Store, string) {
	t.Helper()
	run := t.TempDir()
	s := NewStore(run, "incoming", 1<<20, "1MiB")
	for i, f := range files {
		if err := s.take(f, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	return s, run
}

func (s *Store) take(f [3]string, at int64) error {
	changed := worker.ChangedFile{Path: f[1], Size: int64(len(f[2])), At: at}
	return s.Take(Tree{ID: f[0], Name: f[0]}, changed, func(w io.Writer) error {
		_, err := io.WriteString(w, f[2])
		return err
	})
}

func never(string, string) bool { return false }

// contents are the files below a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		all[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestUnite(t *testing.T) {
	for name, c := range map[string]struct {
		files []string // tree path content
		want  map[string]string
	}{
		"one worker":                {[]string{"w1 out/a.json x", "w2 out/b.json y"}, map[string]string{"out/a.json": "x", "out/b.json": "y"}},
		"equal":                     {[]string{"w1 a.json x", "w2 a.json x"}, map[string]string{"a.json": "x"}},
		"different":                 {[]string{"w1 d/a.tar.gz x", "w2 d/a.tar.gz y", "w3 d/a.tar.gz x"}, map[string]string{"d/a.tar.w1.gz": "x", "d/a.tar.w2.gz": "y", "d/a.tar.w3.gz": "x"}},
		"without extension":         {[]string{"w1 d.x/a x", "w2 d.x/a y", "w1 .env x", "w2 .env y"}, map[string]string{"d.x/a.w1": "x", "d.x/a.w2": "y", ".env.w1": "x", ".env.w2": "y"}},
		"equal lines of a log":      {[]string{"w1 run.LOG x", "w2 run.LOG x", "w1 e.jsonl x", "w2 e.jsonl x"}, map[string]string{"run.w1.LOG": "x", "run.w2.LOG": "x", "e.w1.jsonl": "x", "e.w2.jsonl": "x"}},
		"a log of one":              {[]string{"w1 run.log x"}, map[string]string{"run.log": "x"}},
		"a name made to collide":    {[]string{"w1 a.w2.txt x", "w1 a.txt y", "w2 a.txt z"}, map[string]string{"a.w2.txt": "z", "a.w1.txt": "y", "a.w2.2.txt": "x"}},
		"a file and a directory":    {[]string{"w1 out x", "w2 out/a y"}, map[string]string{"out.2": "x", "out/a": "y"}},
		"a later version":           {[]string{"w1 a x", "w1 a xy"}, map[string]string{"a": "xy"}},
		"names that differ in case": {[]string{"w1 A.txt x", "w1 a.txt y"}, map[string]string{"A.txt": "x", "a.2.txt": "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			var files [][3]string
			for _, f := range c.files {
				p := strings.SplitN(f, " ", 3)
				files = append(files, [3]string{p[0], p[1], p[2]})
			}
			s, run := taken(t, files...)
			all, err := s.Unite(never)
			if err != nil {
				t.Fatal(err)
			}
			got := contents(t, filepath.Join(run, Dir))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if len(all) != len(c.want) {
				t.Errorf("%d artifacts are told of: %v", len(all), all)
			}
		})
	}
}

func TestSourcesAreNoArtifacts(t *testing.T) {
	s, run := taken(t, [3]string{"w1", "data.txt", "as it was"}, [3]string{"w1", "other.txt", "new"})
	all, err := s.Unite(func(path, _ string) bool { return path == "data.txt" })
	if err != nil || len(all) != 1 || all[0].Name != "other.txt" {
		t.Errorf("%v %v", all, err)
	}
	if got := contents(t, filepath.Join(run, Dir)); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// An earlier look at a shared tree that is slow does not win over a later one.
func TestLateOldVersion(t *testing.T) {
	s, run := taken(t)
	err := s.Take(Tree{ID: "shared"}, worker.ChangedFile{Path: "a", Size: 1, At: 1}, func(w io.Writer) error {
		if err := s.take([3]string{"shared", "a", "new"}, 2); err != nil {
			return err
		}
		_, err := io.WriteString(w, "o")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Unite(never); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, run); got["artifacts/a"] != "new" || len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestBudget(t *testing.T) {
	run := t.TempDir()
	s := NewStore(run, "incoming", 10, "10 bytes")
	over := new(BudgetError)
	if err := s.take([3]string{"w1", "a", "12345678901"}, 0); !errors.As(err, &over) {
		t.Errorf("11 bytes: %v", err)
	}
	// A worker that says less than it sends.
	lie := worker.ChangedFile{Path: "b", Size: 1}
	err := s.Take(Tree{ID: "w1"}, lie, func(w io.Writer) error {
		for range 3 {
			if _, err := io.WriteString(w, "12345"); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.As(err, &over) || len(contents(t, run)) != 0 {
		t.Errorf("15 bytes in pieces: %v %v", err, contents(t, run))
	}
	if err := s.take([3]string{"w1", "c", "1234567890"}, 0); err != nil {
		t.Errorf("what was refused still counts: %v", err)
	}
	if err := s.take([3]string{"w1", "c", ""}, 1); err != nil {
		t.Error(err)
	}
	if err := s.take([3]string{"w2", "d", "1234567890"}, 0); err != nil {
		t.Errorf("what was replaced still counts: %v", err)
	}
}

func TestManyFiles(t *testing.T) {
	s, _ := taken(t)
	for i := range MaxFiles {
		s.files[key{"w1", strings.Repeat("x", i)}] = nil
	}
	if err := s.take([3]string{"w2", "a", "x"}, 0); !errors.As(err, new(*BudgetError)) {
		t.Errorf("file %d: %v", MaxFiles+1, err)
	}
}

func TestHostileNames(t *testing.T) {
	s, run := taken(t)
	for _, name := range []string{
		"", ".", "..", "../a", "a/../../b", "a/../b", "/etc/passwd", "a//b", "a/", "./a",
		".git/config", "sub/.git/hooks/post-checkout", ".GIT/config", ".git./x", ".git /x", "GIT~1/config", ".git::$INDEX/x",
		"a\x00b", "a\nb", "\x1b[31m", "a\u200bb", ".g\u200cit/x", "a\u202etxt", `..\..\a`, `C:\a`, "\xff", strings.Repeat("x/", 600) + "y",
	} {
		if Safe(name) {
			t.Errorf("%q is said to be safe", name)
		}
		if err := s.take([3]string{"w1", name, "x"}, 0); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	if got := contents(t, run); len(got) != 0 {
		t.Errorf("%v", got)
	}
	for _, name := range []string{"a", "...", ".gitignore", "a b/ü.png", ".github/x", "-rf", "a.git"} {
		if !Safe(name) {
			t.Errorf("%q is said not to be safe", name)
		}
	}
}

func TestPlace(t *testing.T) {
	s, run := taken(t)
	names := []string{"new/dir/a.txt", "old.txt", "tracked.txt", "link.txt", "linked/b.txt", "fifo-dir/x", "shardyard.yaml", ".shardyard/x", "file/x"}
	for i, name := range names {
		if err := s.take([3]string{"w1", name, "new"}, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Unite(never)
	if err != nil {
		t.Fatal(err)
	}
	project, outside := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"old.txt": "old", "tracked.txt": "mine", "file": "mine", "target": "mine"} {
		if err := os.WriteFile(filepath.Join(project, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"link.txt": "target", "linked": outside} {
		if err := os.Symlink(to, filepath.Join(project, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(project, "fifo-dir", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := Checkout{Dir: project, Tracked: func(p string) bool { return p == "tracked.txt" }, Own: []string{"shardyard.yaml"}}
	placed, refused, err := c.Place(filepath.Join(run, Dir), all)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"new/dir/a.txt", "old.txt"}; !slices.Equal(placed, want) {
		t.Errorf("placed %v, refused %v", placed, refused)
	}
	if len(refused) != len(names)-2 {
		t.Errorf("refused %v", refused)
	}
	if left := contents(t, outside); len(left) != 0 {
		t.Errorf("outside: %v", left)
	}
	for name, want := range map[string]string{"new/dir/a.txt": "new", "old.txt": "new", "tracked.txt": "mine", "target": "mine", "file": "mine"} {
		if text, err := os.ReadFile(filepath.Join(project, name)); string(text) != want {
			t.Errorf("%s: %q %v", name, text, err)
		}
	}
	entries, err := os.ReadDir(project)
	if err != nil || len(entries) != 8 {
		t.Errorf("left in the project: %v %v", entries, err)
	}
}
