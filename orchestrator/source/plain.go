package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// IgnoreFile names what a snapshot outside git leaves out, in the syntax of
// .dockerignore.
const IgnoreFile = ".shardyardignore"

// caches are the names of directories that a snapshot outside git leaves out,
// wherever they are.
var caches = map[string]bool{
	".git": true, ".hg": true, ".svn": true, ".jj": true,
	"__pycache__": true, ".pytest_cache": true, ".mypy_cache": true, ".ruff_cache": true, ".hypothesis": true,
	".venv": true, ".tox": true, ".nox": true, "node_modules": true,
	".shardyard": true, ".coverage": true, "htmlcov": true, ".DS_Store": true,
}

// Caches are patterns of what tools write beside the sources for themselves: no
// sources, and no results.
func Caches() []string {
	names := []string{"*.pyc", ".coverage*", ".testmondata*", ".benchmarks", ".cache", ".nyc_output", ".gradle", "pytest-cache-files-*"}
	for name := range caches {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// plain takes a snapshot of a directory that is in no repository.
func plain(ctx context.Context, dir string, o Options) (*Source, error) {
	ignored, err := ignoreFile(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	err = walk(ctx, dir, func(name string, entry fs.DirEntry) (bool, error) {
		if caches[entry.Name()] {
			return false, nil
		}
		if entry.IsDir() && isVenv(filepath.Join(dir, name)) {
			return false, nil
		}
		if ignored == nil {
			return true, nil
		}
		skip, err := ignored.MatchesOrParentMatches(name)
		if err != nil {
			return false, fmt.Errorf("%s: %w", IgnoreFile, err)
		}
		// With "!" patterns something below may come back.
		return !skip || entry.IsDir() && ignored.Exclusions(), nil
	}, func(name string) error {
		if ignored != nil {
			if skip, err := ignored.MatchesOrParentMatches(name); err != nil || skip {
				return err
			}
		}
		paths = append(paths, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		return nil, err
	}
	extra, err := include(ctx, dir, "", o.Include)
	if err != nil {
		return nil, err
	}
	s := &Source{Root: dir}
	if s.Files, err = scan(ctx, dir, o.without(dir, unique(paths, extra))); err != nil {
		return nil, err
	}
	s.identify()
	return s, nil
}

// walk visits the entries of dir. enter reports whether to take an entry, or to go
// into a directory; visit gets the files, links and empty directories.
func walk(ctx context.Context, dir string, enter func(string, fs.DirEntry) (bool, error), visit func(string) error) error {
	var into func(rel string) error
	into = func(rel string) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		entries, err := os.ReadDir(filepath.Join(dir, rel))
		if err != nil {
			if errors.Is(err, fs.ErrPermission) {
				return fmt.Errorf("%w: make it readable, or name it in %s", err, IgnoreFile)
			}
			return err
		}
		if len(entries) == 0 && rel != "" {
			return visit(rel)
		}
		for _, entry := range entries {
			name := filepath.Join(rel, entry.Name())
			wanted, err := enter(name, entry)
			switch {
			case err != nil:
				return err
			case !wanted:
				continue
			case entry.IsDir():
				err = into(name)
			default:
				err = visit(name)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return into("")
}

func isVenv(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "pyvenv.cfg"))
	return err == nil
}

func ignoreFile(dir string) (*patternmatcher.PatternMatcher, error) {
	f, err := os.Open(filepath.Join(dir, IgnoreFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", IgnoreFile, err)
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", IgnoreFile, err)
	}
	return m, nil
}

// include lists the files that Options.Include names, below root.
func include(ctx context.Context, root, sub string, patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	project := filepath.Join(root, filepath.FromSlash(sub))
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("source.include: %w", err)
	}
	var found []string
	for _, pattern := range patterns {
		start, literal := fixed(pattern)
		if strings.HasPrefix(pattern, "!") {
			continue
		}
		if start == ".." || strings.HasPrefix(start, "../") || filepath.IsAbs(start) {
			return nil, fmt.Errorf("source.include: %s is outside of the project", pattern)
		}
		begin := filepath.Join(project, filepath.FromSlash(start))
		info, err := os.Lstat(begin)
		switch {
		case gone(err) && literal:
			return nil, fmt.Errorf("source.include: %s does not exist in %s", pattern, project)
		case gone(err):
			continue
		case err != nil:
			return nil, fmt.Errorf("source.include: %w", err)
		}
		take := func(rel string) error {
			name := filepath.Join(filepath.FromSlash(start), rel)
			if ok, err := m.MatchesOrParentMatches(name); err != nil || !ok {
				return err
			}
			found = append(found, filepath.ToSlash(filepath.Join(filepath.FromSlash(sub), name)))
			return nil
		}
		if !info.IsDir() {
			if err := take(""); err != nil {
				return nil, err
			}
			continue
		}
		enter := func(_ string, e fs.DirEntry) (bool, error) {
			return e.Name() != ".git" && e.Name() != "__pycache__", nil
		}
		if err := walk(ctx, begin, enter, take); err != nil {
			return nil, fmt.Errorf("source.include: %w", err)
		}
	}
	return found, nil
}

// fixed returns the part of a pattern before its first element with a wildcard,
// and whether that is all of it.
func fixed(pattern string) (string, bool) {
	clean := filepath.ToSlash(filepath.Clean(pattern))
	elements := strings.Split(clean, "/")
	for i, e := range elements {
		if strings.ContainsAny(e, `*?[\`) {
			return strings.Join(elements[:i], "/"), false
		}
	}
	return clean, true
}
