package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// questions are what build backends ask.
var questions = [][]string{
	{"describe", "--dirty", "--tags", "--long", "--match", "*[0-9]*"},
	{"describe", "--tags", "--dirty", "--always", "--long"},
	{"describe", "--tags", "--abbrev=0"},
	{"describe", "--always", "--dirty", "--abbrev=12"},
	{"status", "--porcelain", "--untracked-files=all"},
	{"status", "--porcelain", "--branch"},
	{"rev-parse", "HEAD"},
	{"rev-parse", "--abbrev-ref", "HEAD"},
	{"rev-list", "--count", "HEAD"},
	{"log", "-n", "1", "--format=%H %cI %an"},
	{"tag", "--points-at", "HEAD"},
	{"tag", "--merged"},
	{"log", "--simplify-by-decoration", "--topo-order", "--decorate=full", "HEAD", "--format=%H%d", "--decorate-refs=refs/tags/"},
	{"ls-files"},
	{"diff", "--stat"},
	{"diff", "--cached", "--stat"},
}

// answers asks git everything in a checkout.
func (s sandbox) answers() string {
	var b strings.Builder
	for _, q := range questions {
		cmd := exec.Command("git", q...)
		cmd.Dir = s.dir
		out, err := cmd.CombinedOutput()
		b.WriteString("$ git " + strings.Join(q, " ") + "\n" + string(out))
		if err != nil {
			b.WriteString(err.Error() + "\n")
		}
	}
	return b.String()
}

func tagged(t *testing.T) sandbox {
	s := newRepository(t, "a.py=1\n", ".gitignore=*.egg-info\n", "pkg/b.py")
	s.git("tag", "v0.9")
	s.write("a.py=2\n")
	s.git("commit", "-qam", "second")
	s.git("tag", "-a", "v1.0", "-m", "one")
	s.git("tag", "elsewhere-5", "v0.9")
	s.git("checkout", "-q", "-b", "side")
	s.git("commit", "-q", "--allow-empty", "-m", "side")
	s.git("tag", "v7.7")
	s.git("checkout", "-q", "main")
	s.git("commit", "-q", "--allow-empty", "-m", "third")
	return s
}

func TestGitAnswersInTheTreeAsInTheCheckout(t *testing.T) {
	for name, change := range map[string]func(s sandbox){
		"clean":          func(sandbox) {},
		"on a tag":       func(s sandbox) { s.git("checkout", "-q", "v1.0") },
		"changed":        func(s sandbox) { s.write("a.py=3\n") },
		"deleted":        func(s sandbox) { s.remove("a.py") },
		"untracked":      func(s sandbox) { s.write("new.py", "x.egg-info") },
		"staged":         func(s sandbox) { s.write("a.py=3\n"); s.git("add", "a.py"); s.write("a.py=2\n") },
		"removed, kept":  func(s sandbox) { s.git("rm", "-q", "--cached", "a.py") },
		"mode":           func(s sandbox) { _ = os.Chmod(filepath.Join(s.dir, "a.py"), 0o755) },
		"touched":        func(s sandbox) { s.write("a.py=2\n") },
		"intent to add":  func(s sandbox) { s.write("later.py"); s.git("add", "-N", "later.py") },
		"packed":         func(s sandbox) { s.git("gc", "-q") },
		"locally hidden": func(s sandbox) { s.write(".git/info/exclude=hidden.py\n", "hidden.py") },
		"autocrlf": func(s sandbox) {
			s.git("config", "core.autocrlf", "true")
			s.remove("a.py")
			s.git("checkout", "-q", "a.py")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := tagged(t)
			change(s)
			src := s.snapshot(Options{Git: true})
			want, got := s.answers(), s.extract(src).answers()
			if name == "intent to add" {
				// The index made here has it as an empty file.
				want, got = s.git("describe", "--dirty"), s.extract(src).git("describe", "--dirty")
			}
			if want != got {
				t.Errorf("in the checkout:\n%s\nin the tree:\n%s", want, got)
			}
		})
	}
}

func TestGitInTheTreeOfACommit(t *testing.T) {
	s := tagged(t)
	s.write("a.py=dirty")
	copied := s.extract(s.snapshot(Options{Git: true, Rev: "v1.0"}))
	if got := copied.git("describe", "--dirty", "--tags", "--long"); !strings.HasPrefix(got, "v1.0-0-g") || strings.Contains(got, "dirty") {
		t.Errorf("describe: %s", got)
	}
	if got := copied.git("status", "--porcelain"); got != "" {
		t.Errorf("status: %s", got)
	}
}

func TestGitInTheTreeOfAShallowClone(t *testing.T) {
	origin := tagged(t)
	s := newSandbox(t)
	s.git("clone", "-q", "--depth", "2", "file://"+origin.dir, ".")
	copied := s.extract(s.snapshot(Options{Git: true}))
	if want, got := s.answers(), copied.answers(); strings.ReplaceAll(want, "...origin/main", "") != got {
		t.Errorf("in the checkout:\n%s\nin the tree:\n%s", want, got)
	}
	if _, err := Snapshot(t.Context(), s.dir, Options{Rev: "v0.9"}); err == nil || !strings.Contains(err.Error(), "git fetch --unshallow") {
		t.Errorf("a commit that the clone does not have: %v", err)
	}
}

func TestGitArchiveInTheTree(t *testing.T) {
	s := tagged(t)
	copied := s.extract(s.snapshot(Options{Git: true}))
	cmd := exec.Command("sh", "-c", "git archive HEAD | tar -t")
	cmd.Dir = copied.dir
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != ".gitignore\na.py\npkg/\npkg/b.py\n" {
		t.Errorf("git archive: %s, %v", out, err)
	}
	for _, secret := range []string{"remote", "side", "v7.7"} {
		if out := copied.git("for-each-ref") + copied.git("config", "--local", "--list"); strings.Contains(out, secret) {
			t.Errorf("the tree's git knows %s:\n%s", secret, out)
		}
	}
}

func TestIDFollowsWhatGitWouldSay(t *testing.T) {
	s := tagged(t)
	id := func(o Options) string { return s.snapshot(o).ID }
	bare, versioned := id(Options{}), id(Options{Git: true})
	s.git("gc", "-q")
	if id(Options{Git: true}) != versioned {
		t.Error("packing the repository changed the id")
	}
	s.git("tag", "v2.0")
	if id(Options{}) != bare {
		t.Error("a tag changed the id of a tree that does not ask git")
	}
	tag := id(Options{Git: true})
	if tag == versioned {
		t.Error("a new tag did not change the id")
	}
	s.git("commit", "-q", "--allow-empty", "-m", "fourth")
	if id(Options{Git: true}) == tag {
		t.Error("a new commit did not change the id")
	}
}
