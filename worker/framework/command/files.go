package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/shardyard/shardyard/worker/framework/cases"
)

// matching returns the regular files below dir that a pattern matches, as paths
// relative to it with slashes, in lexical order. ** stands for any number of
// directories.
func matching(dir string, patterns []string) (found []string, err error) {
	for _, pattern := range patterns {
		match, err := patternmatcher.New([]string{pattern})
		if err != nil {
			return nil, fmt.Errorf("read the pattern %s: %w", pattern, err)
		}
		err = filepath.WalkDir(filepath.Join(dir, filepath.FromSlash(fixedPart(pattern))), func(full string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // also a file that is removed while it is looked for
			case err != nil:
				return err
			case !e.Type().IsRegular():
				return nil
			}
			rel, err := filepath.Rel(dir, full)
			if err != nil {
				return err
			}
			ok, err := match.MatchesOrParentMatches(rel)
			if ok {
				found = append(found, filepath.ToSlash(rel))
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", pattern, err)
		}
	}
	return found, nil
}

// fixedPart returns the directories of a pattern before the first that is not
// fixed.
func fixedPart(pattern string) string {
	i := strings.IndexAny(pattern, `*?[\`)
	if i < 0 {
		return pattern
	}
	return path.Dir(pattern[:i] + "x")
}

// checkPattern is an error for a pattern that is not below the project.
func checkPattern(pattern string) error {
	if _, err := patternmatcher.New([]string{pattern}); err != nil {
		return fmt.Errorf("%s: %w", pattern, err)
	}
	if pattern == "" || !filepath.IsLocal(pattern) || strings.HasPrefix(pattern, "!") {
		return fmt.Errorf("%q is not a pattern of files below the project's directory", pattern)
	}
	return nil
}

// remove removes files, so that files found later are new.
func remove(dir string, files []string) error {
	for _, f := range files {
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(f))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an old result: %w", err)
		}
	}
	return nil
}

// readJUnit reads files whole or not at all; one that is not there has nothing.
// broken is the reason why the first of them cannot be read; "" if all can.
func readJUnit(dir string, files []string) (list []cases.Case, broken string) {
	for _, name := range files {
		own, err := readOne(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil && broken == "" && !errors.Is(err, fs.ErrNotExist) {
			broken = fmt.Sprintf("its JUnit file %s cannot be read: %v", path.Base(name), err)
		}
		list = append(list, own...)
	}
	return list, broken
}

func readOne(file string) (list []cases.Case, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	err = errors.Join(cases.Read(f, func(c cases.Case) error {
		list = append(list, c)
		return nil
	}), f.Close())
	if err != nil {
		return nil, err
	}
	return list, nil
}
