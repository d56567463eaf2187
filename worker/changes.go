package worker

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// Bounds of one listing of changed files: what a hostile tree can cost.
const (
	maxChangedFiles = 10_000
	maxChangedNames = 4 << 20 // bytes of all names
	maxOtherNames   = 1000
	maxVisited      = 500_000 // directory entries looked at
	maxDepth        = 64      // of directories
)

// errCut ends a walk that found more than is listed.
var errCut = errors.New("more than is listed")

// Moment is a time before which nothing is written from now on, by the clock
// of the file system itself: its ticks are coarser than the machine's clock.
func Moment() time.Time {
	probe, err := os.CreateTemp("", ".moment-*")
	if err != nil {
		return time.Now().Add(-10 * time.Millisecond)
	}
	info, err := probe.Stat()
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	if err != nil {
		return time.Now().Add(-10 * time.Millisecond)
	}
	return ChangeTime(info)
}

// ListChanged lists the regular files below c.Dir that changed at or after a
// moment. It follows no link, and opens no file.
func ListChanged(ctx context.Context, c Changes, since time.Time) (Changed, error) {
	found := Changed{ID: c.ID}
	keep, err := NewPatterns(c.Keep)
	if err != nil {
		return found, err
	}
	skip, err := NewPatterns(c.Skip)
	if err != nil {
		return found, err
	}
	root, err := os.OpenRoot(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	defer func() { _ = root.Close() }() // it was only read
	l := lister{Changed: &found, keep: keep, skip: skip, since: since}
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return l.visit(name, e, err)
	})
	if errors.Is(err, errCut) {
		found.Cut, err = true, nil
	}
	return found, err
}

// A lister fills one Changed.
type lister struct {
	*Changed
	keep, skip Patterns
	since      time.Time
	visited    int
	bytes      int
}

func (l *lister) visit(name string, e fs.DirEntry, err error) error {
	switch l.visited++; {
	case err != nil && e != nil && e.IsDir() && name != ".":
		return fs.SkipDir // it went away, or is closed to its own owner
	case err != nil:
		return err
	case l.visited > maxVisited:
		return errCut
	case name == ".":
		return nil
	case strings.EqualFold(e.Name(), ".git") && e.IsDir():
		return fs.SkipDir
	case e.IsDir() && strings.Count(name, "/") >= maxDepth:
		l.Cut = true
		return fs.SkipDir
	case e.IsDir() && l.skip.Match(name) && !l.keep.Enter(name):
		return fs.SkipDir
	case !e.Type().IsRegular() || !utf8.ValidString(name):
		return nil // links, pipes, sockets, devices; names that JSON has none for
	}
	info, err := e.Info()
	if err != nil || !info.Mode().IsRegular() || ChangeTime(info).Before(l.since) {
		return nil //nolint:nilerr // a file that is gone by now was not left
	}
	wanted := l.keep.Match(name)
	if !wanted && l.skip.Match(name) {
		return nil
	}
	return l.add(name, info, wanted)
}

func (l *lister) add(name string, info fs.FileInfo, wanted bool) error {
	if !wanted {
		l.Others++
		if len(l.OtherNames) < maxOtherNames && len(name) < maxChangedNames/maxOtherNames/4 {
			l.OtherNames = append(l.OtherNames, name)
		}
		return nil
	}
	if l.bytes += len(name); len(l.Files) >= maxChangedFiles || l.bytes > maxChangedNames {
		return errCut
	}
	l.Files = append(l.Files, ChangedFile{Path: filepath.ToSlash(name), Size: info.Size(), At: ChangeTime(info).UnixNano()})
	return nil
}

// changes answers Changes from a goroutine of its own: a walk takes its time.
func (a *agent) changes(ctx context.Context, c Changes) {
	since := a.opened
	a.wg.Go(func() {
		found, err := ListChanged(ctx, c, since)
		if err != nil {
			found = Changed{ID: c.ID, Error: err.Error()}
		}
		a.emit(Event{Changed: &found})
	})
}

// OpenBelow opens a regular file by its path below a directory: through no link
// that leads out of it, and without waiting for the other end of a pipe.
func OpenBelow(dir, name string) (*os.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // it was only read
	irregular := &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	info, err := root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, irregular
	}
	file, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := file.Stat(); err != nil || !opened.Mode().IsRegular() { // another one than looked at
		return nil, errors.Join(irregular, err, file.Close())
	}
	return file, nil
}
