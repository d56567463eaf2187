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

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Kinds of what is kept, as Usage calls them and as their locks are named.
const (
	kindLayer    = "layer"
	kindTree     = "tree"
	kindSlot     = "slot"
	kindPackages = "packages"
)

// justFound is how long what was found stays in any case: its run may be
// about to begin.
const justFound = 10 * time.Second

// Usage implements engine.Keeper.
func (e *Engine) Usage(ctx context.Context, whose cache.Whose) ([]engine.Kept, error) {
	projects := []*Engine{e}
	if whose == cache.Everyones {
		var err error
		if projects, err = e.everyone(); err != nil {
			return nil, fmt.Errorf("list what is kept: %w", err)
		}
	}
	list, err := e.keptLayers(ctx, whose)
	for _, p := range projects {
		for _, kind := range []string{kindTree, kindSlot} {
			more, e := p.keptIn(ctx, kind)
			list, err = append(list, more...), errors.Join(err, e)
		}
	}
	packages, failed := e.measure(ctx, kindPackages, e.packages)
	if err = errors.Join(err, failed); packages.Size > 0 {
		list = append(list, packages)
	}
	if err != nil {
		return nil, fmt.Errorf("list what is kept: %w", err)
	}
	return list, nil
}

func (e *Engine) keptLayers(ctx context.Context, whose cache.Whose) (list []engine.Kept, err error) {
	all, err := e.keptIn(ctx, kindLayer)
	for _, k := range all {
		dir := filepath.Join(e.layers, k.Name)
		if whose == cache.Own && !e.owns(dir) {
			continue
		}
		k.Used, _ = modified(filepath.Join(dir, sealFile)) // it is touched whenever the layer is used
		if s, err := readSeal(dir); err == nil {
			k.Project = s.Project
		}
		list = append(list, k)
	}
	return list, err
}

// keptIn measures all of one kind.
func (e *Engine) keptIn(ctx context.Context, kind string) (list []engine.Kept, err error) {
	entries, err := os.ReadDir(e.dir(kind + "s"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), tempPrefix) {
			continue
		}
		k, e := e.measure(ctx, kind, filepath.Join(e.dir(kind+"s"), entry.Name()))
		list, err = append(list, k), errors.Join(err, e)
	}
	return list, err
}

// measure measures a directory. What goes away meanwhile counts nothing.
func (e *Engine) measure(ctx context.Context, kind, dir string) (engine.Kept, error) {
	k := engine.Kept{Name: filepath.Base(dir), Kind: kind, Project: e.project}
	k.Used, _ = modified(dir)
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				k.Size += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return errors.Join(err, ctx.Err())
	})
	return k, err
}

// of returns what another project's engine would be, in the same directories.
func (e *Engine) of(project string) *Engine {
	return &Engine{
		project: project, state: filepath.Join(filepath.Dir(e.state), project), cache: filepath.Join(filepath.Dir(e.cache), project),
		layers: e.layers, packages: e.packages, shared: e.shared, log: e.log,
	}
}

// everyone returns the engines of all projects that keep something.
func (e *Engine) everyone() (all []*Engine, err error) {
	seen := map[string]bool{filepath.Base(e.layers): true, filepath.Base(e.packages): true, filepath.Base(e.shared): true}
	for _, root := range []string{filepath.Dir(e.state), filepath.Dir(e.cache)} {
		entries, e2 := os.ReadDir(root)
		err = errors.Join(err, e2)
		for _, entry := range entries {
			if !seen[entry.Name()] && entry.IsDir() {
				seen[entry.Name()] = true
				all = append(all, e.of(entry.Name()))
			}
		}
	}
	return all, err
}

// lives reports whether a run of the project lives.
func (e *Engine) lives() (bool, error) {
	entries, err := os.ReadDir(e.dir("runs"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, entry := range entries {
		dead, err := e.unused("run", entry.Name(), func() error { return nil })
		if err != nil || !dead {
			return !dead, err
		}
	}
	return false, err
}

// living returns the projects of which a run lives.
func (e *Engine) living() (live map[string]bool, err error) {
	live = map[string]bool{}
	projects, err := e.everyone()
	for _, p := range projects {
		lives, failed := p.lives()
		err = errors.Join(err, failed)
		if lives {
			live[p.project] = true
		}
	}
	return live, err
}

// Drop implements engine.Keeper.
func (e *Engine) Drop(ctx context.Context, things []engine.Kept) (dropped []engine.Kept, err error) {
	live, err := e.living()
	if err != nil {
		return nil, fmt.Errorf("remove what is kept: %w", err)
	}
	var errs []error
	for _, k := range things {
		if err := ctx.Err(); err != nil {
			return dropped, err
		}
		shared := k.Kind == kindPackages || k.Kind == kindLayer && time.Since(k.Used) < settled
		if live[k.Project] || len(live) > 0 && shared {
			continue
		}
		gone, err := e.of(k.Project).drop(k)
		if err != nil {
			errs = append(errs, fmt.Errorf("remove %s %s: %w", k.Kind, k.Name, err))
		} else if gone {
			dropped = append(dropped, k)
		}
	}
	return dropped, errors.Join(errs...)
}

func (e *Engine) dropPackages() error {
	return errors.Join(removeAll(e.packages), os.MkdirAll(e.packages, 0o755))
}

// drop removes one thing of the project, unless somebody uses it, or has found it
// since it was listed.
func (e *Engine) drop(k engine.Kept) (gone bool, err error) {
	if k.Kind == kindPackages { // only builders of live runs use it
		return true, e.dropPackages()
	}
	dir := filepath.Join(e.dir(k.Kind+"s"), k.Name)
	used := dir
	if k.Kind == kindLayer {
		used = filepath.Join(dir, sealFile)
	}
	switch at, err := modified(used); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	case err == nil && (at.After(k.Used) || time.Since(at) < justFound):
		return false, nil
	}
	if _, err := os.Lstat(dir); err != nil {
		return false, nil //nolint:nilerr // it has gone already
	}
	return e.unused(k.Kind, k.Name, func() error { return removeAll(dir) })
}
