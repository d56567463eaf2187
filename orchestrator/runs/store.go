// Package runs keeps the results of runs: a directory for each run in
// .shardyard/runs of a project, and latest, which names the newest that ended.
// It makes, finds, lists, reads and removes them. What is in a run's files is
// package report's.
package runs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// own is shardyard's directory in a project.
const own = ".shardyard"

// latest is what points at the newest run in a store.
const latest = "latest"

// An UnknownError reports that no run has this name, or that several do: a mistake of
// the user's.
type UnknownError string

func (e UnknownError) Error() string { return string(e) }

func unknown(format string, args ...any) error { return UnknownError(fmt.Sprintf(format, args...)) }

// A Store holds the runs of one project.
type Store struct{ project string }

// Of returns the store of the project in dir. It touches nothing.
func Of(project string) Store { return Store{project} }

// Nearest returns the store of the project that dir is in: the nearest
// directory upwards that has runs. It stops at a directory for which top says
// that no project goes beyond it, and returns the store of dir when it found
// none.
func Nearest(dir string, top func(dir string) bool) Store {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(Of(at).Dir()); err == nil {
			return Of(at)
		}
		if filepath.Dir(at) == at || top(at) {
			return Of(dir)
		}
	}
}

// Project returns the directory of the project.
func (s Store) Project() string { return s.project }

// Dir returns the directory with the runs. It may not be there yet.
func (s Store) Dir() string { return filepath.Join(s.project, own, "runs") }

// Make makes the directory of a run, and keeps git from seeing it.
func (s Store) Make(id string) (*Run, error) {
	if err := os.MkdirAll(s.Dir(), 0o755); err != nil {
		return nil, fmt.Errorf("make a place for results: %w; the project's directory must be writable", err)
	}
	r := &Run{Dir: filepath.Join(s.Dir(), id), store: &s}
	if err := os.Mkdir(r.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a place for results: %w", err)
	}
	if err := s.ignore(); err != nil {
		return nil, err
	}
	return r, nil
}

// Keep writes a file of shardyard's own beside the runs, whole or not at all,
// and returns its path relative to the project, with slashes.
func (s Store) Keep(name string, data []byte) (path string, err error) {
	dir := filepath.Join(s.project, own)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make %s: %w; the project's directory must be writable", dir, err)
	}
	if err := replace(filepath.Join(dir, name), data); err != nil {
		return "", fmt.Errorf("write %s: %w", filepath.Join(dir, name), err)
	}
	return own + "/" + name, s.ignore()
}

// ignore keeps git from seeing shardyard's directory. A file that is there
// already is the user's.
func (s Store) ignore() error {
	file := filepath.Join(s.project, own, ".gitignore")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := replace(file, []byte("# made by shardyard: results of runs\n*\n")); err != nil {
		return fmt.Errorf("keep results out of git: %w", err)
	}
	return nil
}

// List returns the ids of the runs, newest first. It returns none when the
// store is not there.
func (s Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.Dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			ids = append(ids, e.Name())
		}
	}
	slices.Reverse(ids) // ids begin with the time
	return ids, nil
}

// Find returns a run: by its id, by the beginning of its id, or by "latest". The
// error is an UnknownError when there is none, or more than one.
func (s Store) Find(id string) (*Run, error) {
	if id == latest {
		return s.latest()
	}
	ids, err := s.List()
	if err != nil {
		return nil, err
	}
	if slices.Contains(ids, id) {
		return s.run(id), nil
	}
	if len(ids) == 0 {
		return nil, s.none()
	}
	fits := slices.DeleteFunc(slices.Clone(ids), func(one string) bool { return !strings.HasPrefix(one, id) })
	switch len(fits) {
	case 1:
		return s.run(fits[0]), nil
	case 0:
		return nil, unknown("there is no run %q in %s: the newest are %s", id, s.Dir(), first(ids))
	}
	return nil, unknown("%q is the beginning of %d runs: %s", id, len(fits), first(fits))
}

func (s Store) run(id string) *Run { return &Run{Dir: filepath.Join(s.Dir(), id), store: &s} }

func (s Store) none() error {
	return unknown("there is no run in %s: shardyard run makes one", s.Dir())
}

// first returns the first three of a list, for a sentence.
func first(ids []string) string { return strings.Join(ids[:min(3, len(ids))], ", ") }

// latest returns the run that latest names, or a newer one that was cut off; the
// newest where nothing is named.
func (s Store) latest() (*Run, error) {
	at := filepath.Join(s.Dir(), latest)
	id, err := os.Readlink(at)
	if err != nil {
		// Windows: a file that names the run; see point.
		var text []byte
		text, err = os.ReadFile(at)
		id = strings.TrimSpace(string(text))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("find the latest run: %w", err)
	case filepath.Base(id) != id || strings.HasPrefix(id, ".") || id == latest:
		return nil, unknown("%s names no run", at)
	default:
		if info, err := os.Stat(filepath.Join(s.Dir(), id)); err == nil && info.IsDir() {
			if r, err := s.newer(id); r != nil || err != nil {
				return r, err
			}
			return s.run(id), nil
		}
	}
	ids, err := s.List()
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, s.none()
	}
	return s.run(ids[0]), nil
}

// point makes latest name a run, in one step: a reader finds this run or the
// one before, never none. It is a link; on Windows, where links want a
// privilege, a file with the run's id.
func (s Store) point(id string) error {
	at := filepath.Join(s.Dir(), latest)
	if runtime.GOOS == "windows" {
		return replace(at, []byte(id+"\n"))
	}
	next := filepath.Join(s.Dir(), "."+latest+"."+id)
	if err := os.Symlink(id, next); err != nil {
		return err
	}
	if err := os.Rename(next, at); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return nil
}
