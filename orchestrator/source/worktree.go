package source

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// worktree takes the files as they are in the working tree.
func (r *repository) worktree(ctx context.Context, dir string, o Options) (*Source, error) {
	sub, err := below(r.root, dir)
	if err != nil {
		return nil, err
	}
	s := &Source{Root: r.root, Sub: sub, Git: true, Commit: r.commit, Branch: r.branch, tempIn: o.Temp}
	var files listing
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		files, err = list(groupCtx, r.root, "")
		return err
	})
	group.Go(func() (err error) {
		s.Dirty, err = r.dirty(groupCtx)
		return err
	})
	group.Go(func() (err error) {
		s.Subject, s.Author, err = r.about(groupCtx, s.Commit)
		return err
	})
	var extra []string
	group.Go(func() (err error) {
		extra, err = include(groupCtx, r.root, sub, o.Include)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	s.Notes = files.notes
	if s.Files, err = scan(ctx, r.root, o.without(r.root, unique(files.paths, extra))); err != nil {
		return nil, err
	}
	for i := range s.Files {
		s.Files[i].tracked = !files.untracked[s.Files[i].Path]
	}
	s.Notes = append(s.Notes, pointers(s.Files)...)
	return s, s.finish(ctx, r, o)
}

// dirty reports whether the working tree differs from the commit. Untracked files
// count: the commit alone does not give this tree.
func (r *repository) dirty(ctx context.Context) (bool, error) {
	out, err := r.output(ctx, "status", "--porcelain", "-z", "--untracked-files=normal")
	return len(out) > 0, err
}

// about returns the first line of a commit's message, and who wrote it.
func (g git) about(ctx context.Context, commit string) (subject, author string, err error) {
	if commit == "" {
		return "", "", nil
	}
	out, err := g.output(ctx, "show", "--no-patch", "--no-show-signature", "--format=%s%x00%an", commit)
	subject, author, _ = strings.Cut(strings.TrimRight(string(out), "\n"), "\x00")
	return strings.ToValidUTF8(subject, "?"), strings.ToValidUTF8(author, "?"), err
}

// A listing is the files of a working tree, by path below the root.
type listing struct {
	paths     []string
	untracked map[string]bool // of paths
	notes     []string
}

// list returns a repository's tracked files, and untracked ones that it does not
// ignore. It goes on into submodules and into repositories that are nested
// without being submodules. Files deleted from the working tree may be listed.
func list(ctx context.Context, root, prefix string) (listing, error) {
	g := git(filepath.Join(root, filepath.FromSlash(prefix)))
	l := listing{untracked: map[string]bool{}}
	tracked, err := g.output(ctx, "ls-files", "-z", "--stage")
	if err != nil {
		return l, err
	}
	untracked, err := g.output(ctx, "ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return l, err
	}
	var nested []string
	for _, record := range fields(tracked) {
		info, name, ok := strings.Cut(record, "\t")
		if !ok {
			return l, fmt.Errorf("git ls-files printed %q", record)
		}
		if strings.HasPrefix(info, "160000 ") {
			nested = append(nested, name)
			continue
		}
		l.paths = append(l.paths, path.Join(prefix, name))
	}
	for _, name := range fields(untracked) {
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			nested = append(nested, dir)
			continue
		}
		l.paths = append(l.paths, path.Join(prefix, name))
		l.untracked[path.Join(prefix, name)] = true
	}
	for _, name := range nested {
		dir := path.Join(prefix, name)
		if _, err := os.Lstat(filepath.Join(root, filepath.FromSlash(dir), ".git")); err != nil {
			l.notes = append(l.notes, absent(dir))
			continue
		}
		inner, err := list(ctx, root, dir)
		if err != nil {
			return l, fmt.Errorf("submodule %s: %w", dir, err)
		}
		l.paths = append(l.paths, inner.paths...)
		maps.Copy(l.untracked, inner.untracked)
		l.notes = append(l.notes, inner.notes...)
	}
	return l, nil
}

// unique joins lists of paths without duplicates (a file in conflict is
// tracked three times) and without what earlier runs wrote.
func unique(lists ...[]string) []string {
	seen := map[string]bool{}
	var all []string
	for _, list := range lists {
		for _, p := range list {
			if !seen[p] && !ours(p) {
				seen[p] = true
				all = append(all, p)
			}
		}
	}
	return all
}

// without returns the paths below root but for those that the options leave out.
func (o Options) without(root string, paths []string) []string {
	var own []string
	for _, dir := range o.Own {
		if rel, err := filepath.Rel(root, dir); err == nil && filepath.IsLocal(rel) && rel != "." {
			own = append(own, filepath.ToSlash(rel)+"/")
		}
	}
	below := func(p string) bool {
		return slices.ContainsFunc(own, func(dir string) bool { return strings.HasPrefix(p, dir) })
	}
	return slices.DeleteFunc(paths, func(p string) bool { return slices.Contains(o.Exclude, p) || below(p) })
}

// ours reports whether a path belongs to the results of a shardyard run.
func ours(p string) bool {
	return strings.HasPrefix(p, ".shardyard/runs/") || strings.Contains(p, "/.shardyard/runs/")
}
