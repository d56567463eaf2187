package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A RevisionError reports that there is no such commit.
type RevisionError struct{ Rev, Why string }

func (e *RevisionError) Error() string { return fmt.Sprintf("--rev %s %s", e.Rev, e.Why) }

// revision takes the files of a commit, as a checkout writes them: with line
// ends converted and large files fetched as the repository's attributes say.
// So it is checked out, into a temporary directory that Close removes.
func (r *repository) revision(ctx context.Context, dir string, o Options) (_ *Source, err error) {
	commit, err := r.resolve(ctx, o.Rev)
	if err != nil {
		return nil, err
	}
	sub, err := below(r.root, dir)
	if err != nil {
		return nil, err
	}
	s := &Source{Root: r.root, Sub: sub, Git: true, Commit: commit}
	if s.Subject, s.Author, err = r.about(ctx, commit); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.temp, err = os.MkdirTemp(o.Temp, "shardyard-rev-"); err != nil {
		return nil, fmt.Errorf("directory to check %s out: %w", o.Rev, err)
	}
	if len(o.Include) > 0 {
		s.Notes = append(s.Notes, "source.include has no effect with --rev: the tree is the commit's, and nothing else")
	}
	paths, err := s.checkout(ctx, r.git, "", commit)
	if err != nil {
		return nil, err
	}
	if s.Files, err = scan(ctx, s.tree(), unique(paths)); err != nil {
		return nil, err
	}
	if sub != "" && !s.has(sub) {
		return nil, fmt.Errorf("commit %.10s has no directory %s", commit, sub)
	}
	return s, s.finish(ctx, r, o)
}

// resolve returns the commit that a revision names.
func (r *repository) resolve(ctx context.Context, rev string) (string, error) {
	commit, err := Commit(ctx, string(r.git), rev)
	switch {
	case err == nil:
		return commit, nil
	case ctx.Err() != nil:
		return "", err
	case r.shallow:
		return "", &RevisionError{rev, "names no commit here; the clone is shallow: git fetch --unshallow"}
	}
	return "", &RevisionError{rev, "names no commit of this repository: git fetch may bring it"}
}

// Commit returns the commit that a revision names in the repository that a directory
// is in.
func Commit(ctx context.Context, dir, rev string) (string, error) {
	out, err := git(dir).output(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("find commit %s: %w", rev, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// tree returns where a commit is checked out.
func (s *Source) tree() string { return filepath.Join(s.temp, "tree") }

// checkout writes one commit of one repository below prefix, with an index of
// its own, and lists its files.
func (s *Source) checkout(ctx context.Context, g git, prefix, commit string) ([]string, error) {
	to := filepath.Join(s.tree(), filepath.FromSlash(prefix))
	if err := os.MkdirAll(to, 0o755); err != nil {
		return nil, err
	}
	gitDir, err := g.output(ctx, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return nil, err
	}
	index := filepath.Join(s.temp, strings.ReplaceAll("index-"+prefix, "/", "-"))
	env := []string{"GIT_DIR=" + strings.TrimSpace(string(gitDir)), "GIT_WORK_TREE=" + to, "GIT_INDEX_FILE=" + index}
	_, err = git(to).feed(ctx, nil, env, "-c", "core.sparseCheckout=false", "-c", "submodule.recurse=false",
		"read-tree", "--reset", "-u", "--no-recurse-submodules", commit)
	if err != nil {
		return nil, fmt.Errorf("check %.10s out: %w", commit, err)
	}
	out, err := g.output(ctx, "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, record := range fields(out) {
		info, name, _ := strings.Cut(record, "\t")
		if !strings.HasPrefix(info, "160000 ") {
			paths = append(paths, path.Join(prefix, name))
			continue
		}
		inner, err := s.submodule(ctx, g, prefix, name, info[strings.LastIndexByte(info, ' ')+1:])
		if err != nil {
			return nil, err
		}
		paths = append(paths, inner...)
	}
	return paths, nil
}

// submodule writes a submodule at the commit that its parent recorded.
func (s *Source) submodule(ctx context.Context, parent git, prefix, name, commit string) ([]string, error) {
	full, dir := path.Join(prefix, name), filepath.Join(string(parent), filepath.FromSlash(name))
	if _, err := os.Lstat(filepath.Join(dir, ".git")); err != nil {
		s.Notes = append(s.Notes, absent(full))
		return nil, nil //nolint:nilerr // it is absent, and that is said
	}
	if _, err := git(dir).output(ctx, "cat-file", "-e", commit+"^{commit}"); err != nil {
		return nil, fmt.Errorf("submodule %s does not have commit %.10s: git -C %s fetch", full, commit, dir)
	}
	return s.checkout(ctx, git(dir), full, commit)
}

// absent returns the note on a submodule that is not checked out.
func absent(name string) string {
	return fmt.Sprintf("submodule %s is not checked out, so it is left out: git submodule update --init %s", name, name)
}

// has reports whether a directory is in the tree.
func (s *Source) has(dir string) bool {
	for _, f := range s.Files {
		if strings.HasPrefix(f.Path, dir+"/") {
			return true
		}
	}
	return false
}
