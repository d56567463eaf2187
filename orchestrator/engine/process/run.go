package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
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
	return errors.Join(removeAll(r.dir), os.Remove(r.lock.Path()), r.lock.Close())
}

// Sweep implements engine.Engine.
func (e *Engine) Sweep(ctx context.Context) (removed []string, err error) {
	var errs []error
	for _, sweep := range []func(context.Context) ([]string, error){e.sweepRuns, e.sweepLayers, e.sweepTrees} {
		names, err := sweep(ctx)
		removed = append(removed, names...)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return removed, fmt.Errorf("sweep: %w", err)
	}
	return removed, nil
}

// ClearAll removes everything that the project keeps: layers, trees, slots and
// the package cache, and what dead runs left. It refuses while a run lives.
func (e *Engine) ClearAll(ctx context.Context) error {
	if _, err := e.sweepRuns(ctx); err != nil {
		return fmt.Errorf("clear: %w", err)
	}
	if live, err := os.ReadDir(e.dir("runs")); err != nil {
		return fmt.Errorf("clear: %w", err)
	} else if len(live) > 0 {
		return fmt.Errorf("clear: run %s lives; try again when it has ended", live[0].Name())
	}
	var errs []error
	for kind, dir := range map[string]string{"layer": "layers", "tree": "trees", "slot": "slots"} {
		entries, err := os.ReadDir(e.dir(dir))
		errs = append(errs, err)
		for _, entry := range entries {
			_, err := e.unused(kind, entry.Name(), func() error { return removeAll(filepath.Join(e.dir(dir), entry.Name())) })
			errs = append(errs, err)
		}
	}
	errs = append(errs, removeAll(e.dir("packages")), os.MkdirAll(e.dir("packages"), 0o755))
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
			return errors.Join(removeAll(dir), os.Remove(e.lock("run", entry.Name()).Path()))
		})
		errs = append(errs, err)
		if gone {
			removed = append(removed, "run "+entry.Name())
		}
	}
	return removed, errors.Join(errs...)
}

func (e *Engine) sweepLayers(ctx context.Context) ([]string, error) {
	return e.sweepExpired(ctx, "layer", func(dir string) (time.Time, error) { return modified(filepath.Join(dir, sealFile)) })
}

func (e *Engine) sweepTrees(ctx context.Context) ([]string, error) {
	return e.sweepExpired(ctx, "tree", modified)
}

// sweepExpired removes layers or trees that were not used for long, and what
// was left half-made a day ago.
func (e *Engine) sweepExpired(ctx context.Context, kind string, used func(dir string) (time.Time, error)) (removed []string, err error) {
	const halfMade = 24 * time.Hour
	parent := e.dir(kind + "s")
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return removed, errors.Join(append(errs, err)...)
		}
		dir := filepath.Join(parent, entry.Name())
		if strings.HasPrefix(entry.Name(), tempPrefix) {
			if at, err := modified(dir); err == nil && time.Since(at) > halfMade {
				errs = append(errs, removeAll(dir))
			}
			continue
		}
		expired := false
		_, err := e.unused(kind, entry.Name(), func() error {
			at, err := used(dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if expired = time.Since(at) > e.expiry; !expired {
				return nil
			}
			return removeAll(dir)
		})
		errs = append(errs, err)
		if expired && err == nil {
			removed = append(removed, kind+" "+entry.Name())
		}
	}
	return removed, errors.Join(errs...)
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
