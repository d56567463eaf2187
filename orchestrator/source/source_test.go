package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A sandbox is a directory in which git knows nothing of this machine.
type sandbox struct {
	*testing.T
	dir string
}

func newSandbox(t *testing.T) sandbox {
	t.Helper()
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": filepath.Join(home, ".config"),
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": filepath.Join(home, ".gitconfig"),
		"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
		"GIT_AUTHOR_DATE": "2024-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2024-01-02T03:04:05Z",
	} {
		t.Setenv(name, value)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return sandbox{t, dir}
}

// newRepository has one commit, of the files given.
func newRepository(t *testing.T, files ...string) sandbox {
	t.Helper()
	s := newSandbox(t)
	s.git("init", "-q", "-b", "main")
	s.write(files...)
	s.git("add", "-A")
	s.git("commit", "-q", "--allow-empty", "-m", "first")
	return s
}

// write makes files: "name", or "name=content".
func (s sandbox) write(files ...string) {
	s.Helper()
	for _, f := range files {
		name, content, ok := strings.Cut(f, "=")
		if !ok {
			content = "content of " + name
		}
		full := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			s.Fatal(err)
		}
	}
}

func (s sandbox) remove(name string) {
	s.Helper()
	if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
		s.Fatal(err)
	}
}

func (s sandbox) git(args ...string) string {
	s.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "GIT_ALLOW_PROTOCOL=file")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s sandbox) in(name string) sandbox { return sandbox{s.T, filepath.Join(s.dir, name)} }

func (s sandbox) snapshot(o Options) *Source {
	s.Helper()
	src, err := Snapshot(s.Context(), s.dir, o)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := src.Close(); err != nil {
			s.Error(err)
		}
	})
	return src
}

// names are the files of a snapshot, without a .git made for it.
func names(src *Source) []string {
	var all []string
	for _, f := range src.Files {
		if !strings.HasPrefix(f.Path, ".git/") {
			all = append(all, f.Path)
		}
	}
	return all
}

func (s sandbox) want(src *Source, want ...string) {
	s.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, names(src)); diff != "" {
		s.Errorf("files (-want +got):\n%s", diff)
	}
}

func archive(t *testing.T, src *Source) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := src.WriteTar(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// extract unpacks a snapshot into a new directory.
func (s sandbox) extract(src *Source) sandbox {
	s.Helper()
	to := sandbox{s.T, s.TempDir()}
	cmd := exec.Command("tar", "-x", "-C", to.dir)
	cmd.Stdin = bytes.NewReader(archive(s.T, src))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("tar: %v\n%s", err, out)
	}
	return to
}

func TestWorkingTreeAsItIs(t *testing.T) {
	s := newRepository(t, "kept.py", "changed.py", "deleted.py", "sub/deep/x.py", "tool.sh", ".gitignore=ignored*\n", "becomes", "odd name é\n.txt", "both.py")
	s.write("changed.py=new", "untracked.py", "ignored.log", "becomes.d/now")
	s.remove("deleted.py")
	s.remove("becomes")
	s.write("becomes/a/directory")
	if err := os.Chmod(filepath.Join(s.dir, "tool.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "kept.py", "broken": "no/where", "dirlink": "sub"} {
		if err := os.Symlink(target, filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	src := s.snapshot(Options{})
	s.want(src, ".gitignore", "kept.py", "changed.py", "untracked.py", "sub/deep/x.py", "tool.sh", "becomes/a/directory", "becomes.d/now",
		"odd name é\n.txt", "link", "broken", "dirlink", "both.py")
	if !src.Git || !src.Dirty || src.Branch != "main" || src.Commit != s.git("rev-parse", "HEAD") || src.Sub != "" || src.Root != s.dir {
		t.Errorf("snapshot says %+v", src)
	}
	to := s.extract(src)
	if out, err := exec.Command("diff", "-r", "--no-dereference", "-x", ".git", "-x", "ignored.log", s.dir, to.dir).CombinedOutput(); err != nil {
		t.Errorf("the archive differs from the checkout: %s", out)
	}
	if info, err := os.Stat(filepath.Join(to.dir, "tool.sh")); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("tool.sh cannot be executed: %v %v", info, err)
	}
}

func TestIDIsOfPathModeAndContent(t *testing.T) {
	s := newRepository(t, "a.py", "b.py")
	first := s.snapshot(Options{})
	if first.Dirty {
		t.Error("a clean tree is said to be dirty")
	}
	seen := map[string]string{first.ID: "the first"}
	for name, change := range map[string]func(){
		"content": func() { s.write("a.py=other") },
		"path":    func() { s.git("mv", "a.py", "c.py") },
		"mode":    func() { _ = os.Chmod(filepath.Join(s.dir, "a.py"), 0o755) },
		"new":     func() { s.write("n.py") },
		"deleted": func() { s.remove("b.py") },
		"link":    func() { s.remove("b.py"); _ = os.Symlink("content of b.py", filepath.Join(s.dir, "b.py")) },
	} {
		change()
		id := s.snapshot(Options{}).ID
		if was := seen[id]; was != "" {
			t.Errorf("%s: the id is that of %s", name, was)
		}
		seen[id] = name
		s.git("reset", "-q", "--hard")
		s.git("clean", "-qfd")
		if again := s.snapshot(Options{}).ID; again != first.ID {
			t.Errorf("%s undone: the id is %s, was %s", name, again, first.ID)
		}
	}
}

func TestResultsDoNotChangeTheID(t *testing.T) {
	for name, s := range map[string]sandbox{"git": newRepository(t, "a.py"), "plain": newSandbox(t)} {
		s.write("a.py")
		before := s.snapshot(Options{}).ID
		s.write(".shardyard/runs/1/junit.xml", ".shardyard/runs/1/.gitignore=*")
		if after := s.snapshot(Options{}).ID; after != before {
			t.Errorf("%s: results of a run changed the id", name)
		}
		s.write(".shardyard/.gitignore=*")
		if after := s.snapshot(Options{}).ID; after != before {
			t.Errorf("%s: .shardyard/.gitignore changed the id", name)
		}
	}
}

func TestArchiveIsDeterministic(t *testing.T) {
	s := newRepository(t, "b/c/d.py", "b/a.py", "z.py", "b.py")
	first := archive(t, s.snapshot(Options{}))
	later := s.snapshot(Options{})
	if err := os.Chtimes(filepath.Join(s.dir, "z.py"), stamp, stamp.AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, archive(t, later)) {
		t.Error("the same tree gave two archives")
	}
	var got []string
	r := tar.NewReader(bytes.NewReader(first))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Year() < 1980 || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s: header %+v", h.Name, h)
		}
		got = append(got, h.Name)
	}
	if diff := cmp.Diff([]string{"b.py", "b/", "b/a.py", "b/c/", "b/c/d.py", "z.py"}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestAFileThatChangesIsFoundOut(t *testing.T) {
	for name, change := range map[string]func(sandbox){
		"longer":      func(s sandbox) { s.write("a.py=much, much longer than it was before") },
		"shorter":     func(s sandbox) { s.write("a.py=x") },
		"same length": func(s sandbox) { s.write("a.py=CONTENT OF a.py") },
		"gone":        func(s sandbox) { s.remove("a.py") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newRepository(t, "a.py")
			src := s.snapshot(Options{})
			change(s)
			if err := src.WriteTar(t.Context(), io.Discard); !errors.Is(err, ErrChanged) {
				t.Errorf("WriteTar: %v, want ErrChanged", err)
			}
		})
	}
}

func TestAChangedFileIsNamed(t *testing.T) {
	for name, tracked := range map[string]bool{"a.py": true, "new.py": false} {
		s := newRepository(t, "a.py")
		s.write("new.py=new")
		src := s.snapshot(Options{})
		s.write(name + "=other")
		var changed *ChangedError
		err := src.WriteTar(t.Context(), io.Discard)
		if !errors.As(err, &changed) || *changed != (ChangedError{Path: name, Tracked: tracked}) {
			t.Errorf("%v", err)
		}
		if err := s.snapshot(Options{Exclude: []string{name}}).WriteTar(t.Context(), io.Discard); err != nil {
			t.Error(err)
		}
	}
}

// TestALogThatGrows: what is appended after the snapshot is not of it.
func TestALogThatGrows(t *testing.T) {
	s := newRepository(t, "a.py")
	s.write("run.log=one\n")
	src := s.snapshot(Options{})
	s.write("run.log=one\ntwo\n")
	if err := src.WriteTar(t.Context(), io.Discard); err != nil {
		t.Error(err)
	}
}

// TestOwnOutputIsNoSource: `shardyard run > log.txt` in the project.
func TestOwnOutputIsNoSource(t *testing.T) {
	s := newRepository(t, "a.py")
	before := s.snapshot(Options{}).ID
	f, err := os.Create(filepath.Join(s.dir, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = f
	after := s.snapshot(Options{}).ID
	os.Stdout = stdout
	if err := f.Close(); err != nil || after != before {
		t.Errorf("the log is part of the tree: %v", err)
	}
	if s.snapshot(Options{}).ID == before {
		t.Error("the log of an earlier run is not part of the tree")
	}
}

func TestShardyardsOwnDirectoriesAreNoSource(t *testing.T) {
	s := newRepository(t, "a.py", "state/shardyard/history.db", "state/other")
	plain := t.TempDir()
	if err := os.CopyFS(plain, os.DirFS(filepath.Join(s.dir, "state"))); err != nil {
		t.Fatal(err)
	}
	for dir, own := range map[string]string{s.dir: "state/shardyard", plain: "shardyard"} {
		src, err := Snapshot(t.Context(), dir, Options{Own: []string{filepath.Join(dir, own), filepath.Join(dir, "..", "elsewhere")}})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range src.Files {
			if strings.HasSuffix(f.Path, "history.db") {
				t.Errorf("%s is a source", f.Path)
			}
		}
		if len(src.Files) == 0 {
			t.Error("nothing is a source")
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWriteTarStopsWhenItsContextEnds(t *testing.T) {
	s := newRepository(t, "a.py")
	src := s.snapshot(Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	want := errors.New("enough")
	cancel(want)
	if err := src.WriteTar(ctx, io.Discard); !errors.Is(err, want) {
		t.Errorf("WriteTar: %v, want %v", err, want)
	}
}

func TestSubdirectory(t *testing.T) {
	s := newRepository(t, "top.py", "services/api/a.py", "services/api/requirements.txt=pytest", "services/web/b.py")
	src := s.in("services/api").snapshot(Options{})
	s.want(src, "top.py", "services/api/a.py", "services/api/requirements.txt", "services/web/b.py")
	if src.Sub != "services/api" || src.Root != s.dir {
		t.Errorf("Sub %q, Root %q", src.Sub, src.Root)
	}
	got, err := src.Read(t.Context(), []string{"requirements.txt"})
	if err != nil || string(got["requirements.txt"]) != "pytest" {
		t.Errorf("Read: %q, %v", got, err)
	}
}

func TestRead(t *testing.T) {
	s := newRepository(t, "requirements/a.txt=A", "requirements/b.txt=B", "requirements/deep/c.txt=C", "uv.lock=U")
	if err := os.Symlink("requirements/a.txt", filepath.Join(s.dir, "requirements.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(s.dir, "outside.txt")); err != nil {
		t.Fatal(err)
	}
	src := s.snapshot(Options{})
	got, err := src.Read(t.Context(), []string{"requirements/*.txt", "./uv.lock", "requirements.txt"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{
		"requirements/a.txt": []byte("A"), "requirements/b.txt": []byte("B"), "uv.lock": []byte("U"), "requirements.txt": []byte("A"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{"poetry.lock": "not in the source tree", "outside.txt": "out of the tree", "[": "syntax error"} {
		if _, err := src.Read(t.Context(), []string{name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read %s: %v, want %q", name, err, want)
		}
	}
	s.write("uv.lock=changed")
	if _, err := src.Read(t.Context(), []string{"uv.lock"}); !errors.Is(err, ErrChanged) {
		t.Errorf("Read of a changed file: %v, want ErrChanged", err)
	}
}

func TestInclude(t *testing.T) {
	s := newRepository(t, "app/a.py", ".gitignore=generated/\n*.so\n.env*\n")
	s.write("app/generated/x.py", "app/generated/deep/y.py", "app/generated/skip.py", "app/ext.so", "app/lib/deep/e.so", "other/ext.so", "app/.env.test")
	base := []string{".gitignore", "app/a.py"}
	for name, test := range map[string]struct {
		include []string
		want    []string
		err     string
	}{
		"a directory":         {[]string{"generated"}, []string{"app/generated/deep/y.py", "app/generated/skip.py", "app/generated/x.py"}, ""},
		"with an exception":   {[]string{"generated", "!generated/skip.py"}, []string{"app/generated/deep/y.py", "app/generated/x.py"}, ""},
		"a pattern":           {[]string{"**/*.so"}, []string{"app/ext.so", "app/lib/deep/e.so"}, ""},
		"a file":              {[]string{".env.test"}, []string{"app/.env.test"}, ""},
		"pattern, no match":   {[]string{"nothing/*.py"}, nil, ""},
		"what is there twice": {[]string{"a.py", "*.py"}, nil, ""},
		"missing":             {[]string{"missing.py"}, nil, "missing.py does not exist"},
		"outside":             {[]string{"../other"}, nil, "outside of the project"},
		"absolute":            {[]string{"/etc/passwd"}, nil, "outside of the project"},
	} {
		t.Run(name, func(t *testing.T) {
			src, err := Snapshot(t.Context(), s.in("app").dir, Options{Include: test.include})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("%v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sandbox{t, s.dir}.want(src, append(slices.Clone(base), test.want...)...)
		})
	}
}

func TestOutsideGit(t *testing.T) {
	s := newSandbox(t)
	s.write("pkg/a.py", "tests/test_a.py", ".hidden", "pkg/__pycache__/a.pyc", ".pytest_cache/x", "env/pyvenv.cfg", "env/lib/x.py",
		".tox/x", "node_modules/x", ".venv/x", "data/big.bin", "data/small.txt", ".shardyardignore=data/*\n!data/small.txt\n# comment\n", ".coverage")
	if err := os.MkdirAll(filepath.Join(s.dir, "empty/inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	src := s.snapshot(Options{Include: []string{"data/big.bin"}})
	s.want(src, "pkg/a.py", "tests/test_a.py", ".hidden", "data/small.txt", ".shardyardignore", "empty/inside", "data/big.bin")
	if src.Git || src.Commit != "" || src.Dirty {
		t.Errorf("snapshot says %+v", src)
	}
	if info, err := os.Stat(filepath.Join(s.extract(src).dir, "empty/inside")); err != nil || !info.IsDir() {
		t.Errorf("the empty directory: %v, %v", info, err)
	}
	if _, err := Snapshot(t.Context(), s.dir, Options{Rev: "HEAD"}); err == nil || !strings.Contains(err.Error(), "needs a git repository") {
		t.Errorf("--rev outside git: %v", err)
	}
}

func TestWithoutGitBinary(t *testing.T) {
	s := newRepository(t, "a.py")
	plain := newSandbox(t)
	plain.write("a.py")
	t.Setenv("PATH", t.TempDir())
	if _, err := Snapshot(t.Context(), s.dir, Options{}); err == nil || !strings.Contains(err.Error(), "install git") {
		t.Errorf("a repository without git: %v", err)
	}
	plain.want(plain.snapshot(Options{}), "a.py")
}

func TestUnreadableFile(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("SKIPPED: root can read every file")
	}
	s := newRepository(t, "a.py")
	if err := os.Chmod(filepath.Join(s.dir, "a.py"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Snapshot(t.Context(), s.dir, Options{}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "make it readable") {
		t.Errorf("Snapshot: %v", err)
	}
}
