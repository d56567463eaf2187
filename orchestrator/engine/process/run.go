package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

const (
	// maxPrepared and maxTrees are how many prepared environments and trees are
	// kept: each state of the source makes one, and they are full copies.
	maxPrepared = 3
	maxTrees    = 10
	// settled is how long one has to be unused before it can be too many: a run
	// that has just found it may not have started a worker with it yet.
	settled = time.Hour
	// halfMade is the age at which nobody can still be writing a copy.
	halfMade = 24 * time.Hour
)

// A run is a directory for what its workers need, with a lock that is held as
// long as this process lives and the run has instances.
type run struct {
	id   string
	dir  string
	lock *flock.Flock
	size int // instances, under Engine.mu
}

// join enters a run, which begins with its first instance. Each success needs a quit.
func (e *Engine) join(id string) (*run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.runs[id]
	if r == nil {
		r = &run{id: id, dir: filepath.Join(e.dir("runs"), id), lock: e.lock("run", id)}
		ok, err := r.lock.TryLock()
		if err == nil && !ok {
			err = errors.New("another process holds it; a run's id must be its own")
		}
		if err == nil {
			err = os.MkdirAll(r.dir, 0o700)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock run %s: %w", id, err), r.lock.Close())
		}
		e.runs[id] = r
	}
	r.size++
	return r, nil
}

// quit leaves a run, which ends with its last instance.
func (e *Engine) quit(r *run) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.size--
	if r.size > 0 {
		return nil
	}
	delete(e.runs, r.id)
	// The run's id never comes again, so that nobody else waits for this lock.
	return errors.Join(removeRun(r.dir), os.Remove(r.lock.Path()), r.lock.Close())
}

// Sweep implements engine.Engine.
func (e *Engine) Sweep(ctx context.Context) (removed []string, err error) {
	var errs []error
	for _, sweep := range []func(context.Context) ([]string, error){e.sweepRuns, e.sweepBefore, e.sweepOwnPackages, e.sweepLayers, e.sweepTrees} {
		names, err := sweep(ctx)
		removed = append(removed, names...)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return removed, fmt.Errorf("sweep: %w", err)
	}
	return removed, nil
}

// ClearAll implements engine.Keeper.
func (e *Engine) ClearAll(ctx context.Context) error {
	if _, err := e.sweepRuns(ctx); err != nil {
		return fmt.Errorf("clear: %w", err)
	}
	if own, err := os.ReadDir(e.dir("runs")); err != nil {
		return fmt.Errorf("clear: %w", err)
	} else if len(own) > 0 {
		return fmt.Errorf("clear: run %s lives; try again when it has ended", own[0].Name())
	}
	var errs []error
	for _, kind := range []string{kindLayer, kindTree, kindSlot} {
		entries, err := os.ReadDir(e.dir(kind + "s"))
		errs = append(errs, err)
		for _, entry := range entries {
			path := filepath.Join(e.dir(kind+"s"), entry.Name())
			if kind == kindLayer && !e.owns(path) {
				continue
			}
			_, err := e.unused(kind, entry.Name(), func() error { return removeAll(path) })
			errs = append(errs, err)
		}
	}
	live, err := e.living()
	if errs = append(errs, err); len(live) == 0 { // else another project's builder may use it
		errs = append(errs, e.dropPackages())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("clear: %w", err)
	}
	return nil
}

// sweepRuns removes runs that nobody holds, with processes that they left.
func (e *Engine) sweepRuns(ctx context.Context) (removed []string, err error) {
	entries, err := os.ReadDir(e.dir("runs"))
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, entry := range entries {
		dir := filepath.Join(e.dir("runs"), entry.Name())
		gone, err := e.unused("run", entry.Name(), func() error {
			if err := killMarked(ctx, dir); err != nil {
				return err
			}
			return errors.Join(removeRun(dir), os.Remove(e.lock("run", entry.Name()).Path()))
		})
		errs = append(errs, err)
		if gone {
			removed = append(removed, "run "+entry.Name())
		}
	}
	return removed, errors.Join(errs...)
}

// sweepBefore removes what is kept under names that the project had, unless a
// run of them lives.
func (e *Engine) sweepBefore(ctx context.Context) (removed []string, err error) {
	var errs []error
	for _, name := range e.before {
		old := e.of(name)
		_, err := old.sweepRuns(ctx)
		live, _ := os.ReadDir(old.dir("runs")) // none where there is no such directory
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		if len(live) > 0 {
			continue
		}
		for _, dir := range []string{old.state, old.cache} {
			if _, err := os.Lstat(dir); err == nil {
				errs = append(errs, removeAll(dir))
				removed = append(removed, dir)
			}
		}
	}
	return removed, errors.Join(errs...)
}

// sweepOwnPackages gives the package cache that the project had for itself to all, if they
// have none yet, or else removes it.
func (e *Engine) sweepOwnPackages(context.Context) (removed []string, err error) {
	own := filepath.Join(e.cache, kindPackages)
	if _, err := os.Lstat(own); err != nil {
		return nil, nil //nolint:nilerr // there is none
	}
	if os.Remove(e.packages) == nil { // it was empty
		return nil, os.Rename(own, e.packages)
	}
	return []string{own}, removeAll(own)
}

// A shelf is where layers or trees are kept.
type shelf struct {
	kind string // of the lock
	// used is when one was used last.
	used func(dir string) (time.Time, error)
	// most is how many of those that counts says are kept.
	most   int
	counts func(dir string) bool
}

func (e *Engine) sweepLayers(ctx context.Context) ([]string, error) {
	return e.sweepShelf(ctx, shelf{
		kind: kindLayer,
		used: func(dir string) (time.Time, error) { return modified(filepath.Join(dir, sealFile)) },
		most: maxPrepared,
		// Those of others are not too many because this project has many.
		counts: func(dir string) bool { _, err := os.Lstat(filepath.Join(dir, "src")); return err == nil && e.owns(dir) },
	})
}

func (e *Engine) sweepTrees(ctx context.Context) ([]string, error) {
	return e.sweepShelf(ctx, shelf{kind: kindTree, used: modified, most: maxTrees, counts: func(string) bool { return true }})
}

// sweepShelf removes layers or trees that were not used for long, those beyond
// the most that are kept, and what was left half-made.
func (e *Engine) sweepShelf(ctx context.Context, s shelf) (removed []string, err error) {
	entries, err := os.ReadDir(e.dir(s.kind + "s"))
	if err != nil {
		return nil, err
	}
	type book struct {
		dir string
		at  time.Time
	}
	var books []book
	var errs []error
	for _, entry := range entries {
		dir := filepath.Join(e.dir(s.kind+"s"), entry.Name())
		if strings.HasPrefix(entry.Name(), tempPrefix) {
			if at, err := modified(dir); err == nil && time.Since(at) > halfMade {
				errs = append(errs, removeAll(dir))
			}
			continue
		}
		at, err := s.used(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		books = append(books, book{dir, at})
	}
	slices.SortFunc(books, func(a, b book) int { return b.at.Compare(a.at) })
	counted := 0
	for _, b := range books {
		if s.counts(b.dir) {
			counted++
		}
		age := time.Since(b.at)
		surplus := s.counts(b.dir) && counted > s.most && age > settled
		if ctx.Err() != nil || age <= e.expiry && !surplus {
			continue
		}
		gone, err := e.unused(s.kind, filepath.Base(b.dir), func() error { return removeAll(b.dir) })
		errs = append(errs, err)
		if gone {
			removed = append(removed, s.kind+" "+filepath.Base(b.dir))
		}
	}
	return removed, errors.Join(append(errs, ctx.Err())...)
}

// unused calls remove while it holds a lock, unless somebody else does.
func (e *Engine) unused(kind, key string, remove func() error) (done bool, err error) {
	lock := e.lock(kind, key)
	ok, err := lock.TryLock()
	if ok {
		err = remove()
	}
	return ok && err == nil, errors.Join(err, lock.Close())
}

func modified(path string) (time.Time, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}
