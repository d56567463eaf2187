package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Files is a Store of files: one for each key, in a directory of the project's
// own beside those of other projects. A file appears whole or not at all, and
// its time of modification is when it was used last.
type Files struct {
	Dir  string        // the project's; made when something is kept
	Kind string        // of what is kept
	For  time.Duration // how long a file is kept that no run uses
	Now  func() time.Time
}

var _ Store = Files{}

// partial begins the names of files that are not whole yet.
const partial = ".new-"

func (f Files) path(key string) string { return filepath.Join(f.Dir, key) }

// Find returns the file with this key, and marks it as used now. There may be
// none; one that is there may be replaced any time, and stays what it is for
// who has it open.
func (f Files) Find(key string) (file *os.File, ok bool, err error) {
	file, err = os.Open(f.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	now := f.Now()
	_ = os.Chtimes(file.Name(), now, now) // another run may just have replaced it
	return file, true, nil
}

// Keep writes the file with this key, in place of the one before, which stays if
// write returns false: there is nothing to keep.
func (f Files) Keep(key string, write func(io.Writer) (bool, error)) error {
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(f.Dir, partial+"*")
	if err != nil {
		return err
	}
	keep, err := write(file)
	if err = errors.Join(err, file.Close()); err == nil && keep {
		now := f.Now()
		return errors.Join(os.Chtimes(file.Name(), now, now), os.Rename(file.Name(), f.path(key)))
	}
	return errors.Join(err, os.Remove(file.Name()))
}

// Expire removes what no run has used for long, of every project, and of this
// project's keys that begin with group all but the most that were used last.
func (f Files) Expire(group string, most int) error {
	all, err := filepath.Glob(filepath.Join(filepath.Dir(f.Dir), "*", "*"))
	if err != nil {
		return fmt.Errorf("list %s: %w", f.Kind, err)
	}
	used := map[string]time.Time{}
	var old, mine []string
	for _, path := range all {
		info, err := os.Stat(path)
		if err != nil {
			continue // another run has just removed or replaced it
		}
		used[path] = info.ModTime()
		switch {
		case f.Now().Sub(info.ModTime()) > f.For:
			old = append(old, path)
		case filepath.Dir(path) == f.Dir && strings.HasPrefix(filepath.Base(path), group) && !strings.HasPrefix(filepath.Base(path), partial):
			mine = append(mine, path)
		}
	}
	slices.SortFunc(mine, func(a, b string) int { return used[b].Compare(used[a]) })
	for _, path := range append(old, mine[min(most, len(mine)):]...) {
		if e := os.Remove(path); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Usage implements Store.
func (f Files) Usage(_ context.Context, whose Whose) (list []Kept, err error) {
	dirs := []string{f.Dir}
	if whose == Everyones {
		if dirs, err = filepath.Glob(filepath.Join(filepath.Dir(f.Dir), "*")); err != nil {
			return nil, fmt.Errorf("list %s: %w", f.Kind, err)
		}
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list %s: %w", f.Kind, err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && !strings.HasPrefix(e.Name(), partial) { // else it has just been replaced
				list = append(list, Kept{Name: e.Name(), Kind: f.Kind, Project: filepath.Base(dir), Size: info.Size(), Used: info.ModTime()})
			}
		}
	}
	return list, nil
}

// Drop implements Store. Runs that live have what they need of it.
func (f Files) Drop(_ context.Context, things []Kept) (dropped []Kept, err error) {
	for _, k := range things {
		e := os.Remove(filepath.Join(filepath.Dir(f.Dir), k.Project, k.Name))
		if e == nil {
			dropped = append(dropped, k)
		} else if !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("remove %s: %w", f.Kind, e))
		}
	}
	return dropped, err
}

// ClearAll implements Store. Runs that live have what they need of it.
func (f Files) ClearAll(context.Context) error {
	if err := os.RemoveAll(f.Dir); err != nil {
		return fmt.Errorf("remove %s: %w", f.Kind, err)
	}
	return nil
}
