package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestIgnoredDirectoryIsItsOwnProject(t *testing.T) {
	s := newRepository(t, "a.py", ".gitignore=/build/\n")
	s.write("build/unpacked/setup.py", "build/unpacked/pkg/__init__.py")
	src := s.in("build/unpacked").snapshot(Options{})
	s.want(src, "setup.py", "pkg/__init__.py")
	if src.Git {
		t.Error("a directory that git ignores was taken from git")
	}
}

func TestSubmodules(t *testing.T) {
	inner := newRepository(t, "lib.py", ".gitignore=*.log\n")
	s := newRepository(t, "a.py")
	s.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.dir, "vendor/inner")
	s.git("commit", "-q", "-m", "submodule")
	s.in("vendor/inner").write("new.py", "x.log")
	clean := s.git("rev-parse", "HEAD")
	src := s.snapshot(Options{})
	s.want(src, ".gitmodules", "a.py", "vendor/inner/.gitignore", "vendor/inner/lib.py", "vendor/inner/new.py")

	rev := s.snapshot(Options{Rev: clean})
	s.want(rev, ".gitmodules", "a.py", "vendor/inner/.gitignore", "vendor/inner/lib.py")

	clone := newSandbox(t)
	clone.git("clone", "-q", s.dir, ".")
	for _, o := range []Options{{}, {Rev: "HEAD"}} {
		src := clone.snapshot(o)
		clone.want(src, ".gitmodules", "a.py")
		if len(src.Notes) != 1 || !strings.Contains(src.Notes[0], "git submodule update --init vendor/inner") {
			t.Errorf("%+v: notes %q", o, src.Notes)
		}
	}
}

// A file of Git LFS that was not brought is said, with the command that brings it.
func TestPointersOfLFS(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
	s := newRepository(t, "a.py", "data/model.bin="+pointer, "docs.md=about\n"+pointer)
	want := "data/model.bin is a pointer of Git LFS, not the file itself: git lfs pull"
	if notes := s.snapshot(Options{}).Notes; len(notes) != 1 || notes[0] != want {
		t.Errorf("notes %q", notes)
	}
	s.write("more.bin=" + pointer)
	want = "data/model.bin and 1 more are pointers of Git LFS, not the files themselves: git lfs pull"
	if notes := s.snapshot(Options{}).Notes; len(notes) != 1 || notes[0] != want {
		t.Errorf("notes %q", notes)
	}
}

func TestNestedRepository(t *testing.T) {
	s := newRepository(t, "a.py")
	nested := s.in("nested")
	s.write("nested/n.py", "nested/.gitignore=*.tmp\n", "nested/x.tmp")
	nested.git("init", "-q")
	nested.git("add", "-A")
	nested.git("commit", "-q", "-m", "nested")
	s.want(s.snapshot(Options{}), "a.py", "nested/.gitignore", "nested/n.py")
}

func TestRevisionIsTheCheckoutOfACommit(t *testing.T) {
	s := newRepository(t, "a.py", "dir/run.sh", ".gitattributes=*.txt eol=crlf\n", "dos.txt=one\ntwo\n")
	if err := os.Chmod(filepath.Join(s.dir, "dir/run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dir/run.sh", filepath.Join(s.dir, "link")); err != nil {
		t.Fatal(err)
	}
	s.git("add", "-A")
	s.git("commit", "-q", "-m", "second")
	s.remove("dos.txt")
	s.git("checkout", "dos.txt") // with its line ends
	clean := s.snapshot(Options{})
	s.write("a.py=changed", "new.py")
	rev := s.snapshot(Options{Rev: "main"})
	if rev.ID != clean.ID {
		t.Errorf("the commit has another id than its clean checkout: %v, %v", names(rev), names(clean))
	}
	if rev.Dirty || rev.Commit != clean.Commit || rev.Branch != "" {
		t.Errorf("snapshot says %+v", rev)
	}
	got, err := rev.Read(t.Context(), []string{"dos.txt"})
	if err != nil || string(got["dos.txt"]) != "one\r\ntwo\r\n" {
		t.Errorf("dos.txt: %q, %v", got["dos.txt"], err)
	}
	archive(t, rev)
	if s.git("status", "--porcelain") != "M a.py\n?? new.py" {
		t.Errorf("--rev changed the checkout: %s", s.git("status", "--porcelain"))
	}
	temp := rev.temp
	if err := rev.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(temp); !os.IsNotExist(err) {
		t.Errorf("Close left %s", temp)
	}
	for o, want := range map[string]string{"nonsense": "names no commit", "--help": "names no commit"} {
		if _, err := Snapshot(t.Context(), s.dir, Options{Rev: o}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--rev %s: %v", o, err)
		}
	}
	s.write("later/x.py")
	if _, err := Snapshot(t.Context(), s.in("later").dir, Options{Rev: "main"}); err == nil || !strings.Contains(err.Error(), "has no directory later") {
		t.Errorf("a directory that came later: %v", err)
	}
}

func TestOddRepositories(t *testing.T) {
	t.Run("without commits", func(t *testing.T) {
		s := newSandbox(t)
		s.git("init", "-q", "-b", "trunk")
		if _, err := Snapshot(t.Context(), s.dir, Options{}); err == nil || !strings.Contains(err.Error(), "no files") {
			t.Errorf("an empty repository: %v", err)
		}
		s.write("a.py")
		src := s.snapshot(Options{Git: true})
		s.want(src, "a.py")
		if src.Commit != "" || src.Branch != "trunk" || !src.Dirty {
			t.Errorf("snapshot says %+v", src)
		}
		if got := s.extract(src).git("status", "--porcelain"); got != "?? a.py" {
			t.Errorf("status in the copy: %q", got)
		}
	})
	t.Run("a linked working tree", func(t *testing.T) {
		s := newRepository(t, "a.py")
		linked := newSandbox(t).in("linked")
		s.git("worktree", "add", "-q", "-b", "side", linked.dir)
		linked.write("b.py")
		src := linked.snapshot(Options{Git: true})
		linked.want(src, "a.py", "b.py")
		if src.Branch != "side" {
			t.Errorf("branch %q", src.Branch)
		}
		if got := linked.extract(src).git("status", "--porcelain", "-b"); got != "## side\n?? b.py" {
			t.Errorf("status in the copy: %q", got)
		}
	})
	t.Run("bare", func(t *testing.T) {
		s := newSandbox(t)
		s.git("init", "-q", "--bare")
		if _, err := Snapshot(t.Context(), s.dir, Options{}); err == nil || !strings.Contains(err.Error(), "run shardyard in a checkout") {
			t.Errorf("a bare repository: %v", err)
		}
	})
	t.Run("inside .git", func(t *testing.T) {
		s := newRepository(t, "a.py")
		if _, err := Snapshot(t.Context(), s.in(".git").dir, Options{}); err == nil || !strings.Contains(err.Error(), "run shardyard in a checkout") {
			t.Errorf("inside .git: %v", err)
		}
	})
	t.Run("owned by another", func(t *testing.T) {
		s := newRepository(t, "a.py")
		if os.Getuid() != 0 {
			t.Skip("SKIPPED: only root can give a directory away")
		}
		if out, err := exec.Command("chown", "-R", "12345", s.dir).CombinedOutput(); err != nil {
			t.Fatalf("chown: %s", out)
		}
		_, err := Snapshot(t.Context(), s.dir, Options{})
		if err == nil || !strings.Contains(err.Error(), "git config --global --add safe.directory "+s.dir) {
			t.Errorf("a repository of another user: %v", err)
		}
	})
	t.Run("sparse", func(t *testing.T) {
		s := newRepository(t, "in/a.py", "out/b.py")
		s.git("tag", "v1")
		s.git("sparse-checkout", "set", "in")
		src := s.snapshot(Options{Git: true})
		s.want(src, "in/a.py")
		if src.Dirty {
			t.Error("a sparse checkout is said to be dirty")
		}
		if got := s.extract(src).git("describe", "--tags", "--dirty"); got != "v1" {
			t.Errorf("describe in the copy: %q", got)
		}
		s.want(s.snapshot(Options{Rev: "HEAD"}), "in/a.py", "out/b.py")
	})
	t.Run("a merge with conflicts", func(t *testing.T) {
		s := newRepository(t, "a.py=1\n")
		s.git("checkout", "-q", "-b", "side")
		s.write("a.py=2\n")
		s.git("commit", "-qam", "2")
		s.git("checkout", "-q", "main")
		s.write("a.py=3\n")
		s.git("commit", "-qam", "3")
		if out, err := exec.Command("git", "-C", s.dir, "merge", "side").CombinedOutput(); err == nil {
			t.Fatalf("no conflict: %s", out)
		}
		src := s.snapshot(Options{Git: true})
		s.want(src, "a.py")
		if got := s.extract(src).git("status", "--porcelain"); got != "UU a.py" {
			t.Errorf("status in the copy: %q", got)
		}
	})
}

// A hook is run with variables that tie git to its own repository.
func TestVariablesOfAHook(t *testing.T) {
	other := newRepository(t, "other.py")
	s := newRepository(t, "a.py")
	t.Setenv("GIT_DIR", filepath.Join(other.dir, ".git"))
	t.Setenv("GIT_INDEX_FILE", filepath.Join(other.dir, ".git/index"))
	t.Setenv("GIT_WORK_TREE", other.dir)
	src, err := Snapshot(t.Context(), s.dir, Options{Git: true})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	s.want(src, "a.py")
}
