package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestAddress(t *testing.T) {
	for want, forms := range map[string][]string{
		"github.com/org/repo": {
			"https://github.com/org/repo", "https://github.com/org/repo.git", "https://github.com/org/repo/", "https://github.com/org/repo.git/",
			"https://user:secret@GitHub.com/org/repo.git", "git@github.com:org/repo.git", "github.com:org/repo", "ssh://git@github.com/org/repo.git",
			"ssh://git@github.com:22/org/repo", "git://github.com:9418/org/repo", "https://github.com:443/org//repo", "git+ssh://git@github.com/org/repo",
		},
		"git.example.com/team/x":      {"ssh://git@git.example.com:2222/team/x.git", "https://git.example.com/team/x.git"},
		"git.example.com:8443/team/x": {"https://git.example.com:8443/team/x.git"},
		"github.com/Org/repo":         {"https://github.com/Org/repo"}, // paths have case
		"/srv/repos/x":                {"/srv/repos/x", "/srv/repos/x.git", "/srv/repos/x/.git", "file:///srv/repos/x.git", "/srv/repos/x/", "../../srv/repos/x"},
		"/work/here/a:b":              {"./a:b"},
	} {
		for _, form := range forms {
			if got := address(form, "/work/here"); got != want {
				t.Errorf("%s is %s, want %s", form, got, want)
			}
		}
	}
}

// A repo runs git in a directory.
func repo(t *testing.T, dir string, commands ...[]string) {
	t.Helper()
	for _, args := range commands {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
}

func identify(t *testing.T, dir, name string) Project {
	t.Helper()
	p, err := Identify(t.Context(), dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestIdentify(t *testing.T) {
	tmp, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(tmp, name) }
	for _, dir := range []string{"plain", "first/sub"} {
		if err := os.MkdirAll(at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if p := identify(t, at("plain"), ""); p.ID != at("plain") || len(p.Before) > 0 {
		t.Errorf("outside of a repository: %+v", p)
	}
	if err := os.WriteFile(at("first/sub/a"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	repo(t, at("first"), []string{"init", "-q"}, []string{"add", "."}, []string{"commit", "-q", "-m", "a"})
	first := identify(t, at("first/sub"), "")
	if want := at("first") + "//sub"; first.ID != want || !slices.Equal(first.Before, []string{at("first/sub")}) {
		t.Errorf("without a remote: %+v, want %s", first, want)
	}

	// A clone of a repository on this machine is that project.
	repo(t, tmp, []string{"clone", "-q", "first", "second"})
	if p := identify(t, at("second/sub"), ""); p.ID != first.ID {
		t.Errorf("a clone is %s, not %s", p.ID, first.ID)
	}

	// Clones, however their remote is written, a worktree, and a checkout that
	// was moved.
	repo(t, at("first"), []string{"remote", "add", "fork", "https://example.com/fork/x"}, []string{"remote", "add", "origin", "git@example.com:org/x.git"}, []string{"worktree", "add", "-q", at("tree")})
	repo(t, at("second"), []string{"remote", "set-url", "origin", "https://me:pw@EXAMPLE.com/org/x"})
	if err := os.Rename(at("second"), at("moved")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"first", "tree", "moved"} {
		if p := identify(t, at(dir), ""); p.ID != "example.com/org/x" || p.Name() != "x" || !slices.Equal(p.Before, []string{at(dir)}) {
			t.Errorf("%s: %+v", dir, p)
		}
		p := identify(t, at(dir+"/sub"), "")
		if p.ID != "example.com/org/x//sub" || p.Hash() == identify(t, at(dir), "").Hash() {
			t.Errorf("%s/sub: %+v", dir, p)
		}
	}

	// A hook's variables do not win over the directory.
	t.Setenv("GIT_DIR", at("first/.git"))
	if p := identify(t, at("plain"), ""); p.ID != at("plain") {
		t.Errorf("with GIT_DIR: %+v", p)
	}
	// The config has the first word.
	if p := identify(t, at("first/sub"), "team/x"); p.ID != "team/x" || !slices.Equal(p.Before, []string{at("first/sub"), at("first") + "//sub"}) {
		t.Errorf("with a name: %+v", p)
	}
}
