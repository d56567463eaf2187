package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Snapshot takes the source tree that the project in dir belongs to. Files are
// read to be hashed, and read again when the tree is written; a file that
// changes between the two is found out then (ErrChanged).
func Snapshot(ctx context.Context, dir string, o Options) (*Source, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("source directory: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("source directory: %w", err)
	}
	s, err := take(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("snapshot of %s: %w", dir, err)
	}
	if len(s.Files) == 0 {
		return nil, fmt.Errorf("snapshot of %s: no files: nothing is tracked by git here, and everything else is ignored", dir)
	}
	return s, nil
}

func take(ctx context.Context, dir string, o Options) (*Source, error) {
	repo, err := locate(ctx, dir)
	switch {
	case errors.Is(err, errNoRepository) && o.Rev != "":
		return nil, &RevisionError{o.Rev, "needs a git repository, and this is none"}
	case errors.Is(err, errNoRepository):
		return plain(ctx, dir, o)
	case err != nil:
		return nil, err
	}
	if o.Rev != "" {
		return repo.revision(ctx, dir, o)
	}
	return repo.worktree(ctx, dir, o)
}

// A repository is the git repository that a project is in.
type repository struct {
	git
	root    string // of the working tree, absolute
	gitDir  string // of this working tree, absolute
	common  string // shared by all working trees, absolute
	shallow bool
	commit  string // "" before the first
	branch  string // "" on a detached head
}

// locate finds the repository of dir. A directory that its repository ignores
// is in none: an archive unpacked below an ignored folder is its own project.
func locate(ctx context.Context, dir string) (*repository, error) {
	if _, err := exec.LookPath("git"); err != nil {
		if _, err := os.Lstat(filepath.Join(git(dir).top(), ".git")); err != nil {
			return nil, errNoRepository
		}
	}
	g := git(dir)
	out, err := g.output(ctx, "rev-parse", "--is-inside-work-tree", "--is-shallow-repository", "--show-toplevel", "--absolute-git-dir", "--git-common-dir")
	if err != nil {
		if strings.Contains(err.Error(), "must be run in a work tree") {
			return nil, errors.New("this is a bare git repository, or the inside of .git: run shardyard in a checkout")
		}
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	if len(lines) != 5 || lines[0] != "true" {
		return nil, errors.New("this is a bare git repository, or the inside of .git: run shardyard in a checkout")
	}
	r := &repository{git: git(lines[2]), root: filepath.FromSlash(lines[2]), gitDir: lines[3], common: lines[4], shallow: lines[1] == "true"}
	if !filepath.IsAbs(r.common) {
		r.common = filepath.Join(dir, r.common)
	}
	if dir != r.root {
		ignored, err := g.ignores(ctx, dir)
		if err != nil {
			return nil, err
		}
		if ignored {
			return nil, errNoRepository
		}
	}
	return r, r.head(ctx)
}

// ignores reports whether the repository ignores dir.
func (g git) ignores(ctx context.Context, dir string) (bool, error) {
	cmd := g.command(ctx, "check-ignore", "-q", dir)
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("git check-ignore: %w", err)
	}
	return true, nil
}

// head finds the commit and the branch that are checked out.
func (r *repository) head(ctx context.Context) error {
	if out, err := r.output(ctx, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil {
		r.branch = strings.TrimSpace(string(out))
	}
	out, err := r.output(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err == nil {
		r.commit = strings.TrimSpace(string(out))
		return nil
	}
	if r.branch == "" {
		return fmt.Errorf("HEAD names no commit: %w", err)
	}
	return ctx.Err() // a repository without commits
}

// below returns a directory's path below the root, with slashes, "" for the root.
func below(root, dir string) (string, error) {
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return "", err
	}
	if rel == "." {
		return "", nil
	}
	if rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", fmt.Errorf("%s is not below %s", dir, root)
	}
	return filepath.ToSlash(rel), nil
}
