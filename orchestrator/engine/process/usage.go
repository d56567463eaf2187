package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Usage implements engine.Keeper.
func (e *Engine) Usage(ctx context.Context) ([]engine.Kept, error) {
	var list []engine.Kept
	for _, shelf := range []struct{ kind, dir, mark string }{{"layer", "layers", sealFile}, {"tree", "trees", ""}, {"slot", "slots", ""}} {
		entries, err := os.ReadDir(e.dir(shelf.dir))
		if err != nil {
			return nil, fmt.Errorf("list what is kept: %w", err)
		}
		for _, entry := range entries {
			k, err := e.kept(ctx, shelf.kind, filepath.Join(e.dir(shelf.dir), entry.Name()), shelf.mark)
			if err != nil {
				return nil, fmt.Errorf("list what is kept: %w", err)
			}
			list = append(list, k)
		}
	}
	packages, err := e.kept(ctx, "packages", e.dir("packages"), "")
	if err != nil {
		return nil, fmt.Errorf("list what is kept: %w", err)
	}
	if packages.Size > 0 {
		list = append(list, packages)
	}
	return list, nil
}

// kept measures a directory; the file mark in it, when there is one, is touched
// whenever it is used. What goes away meanwhile counts nothing.
func (e *Engine) kept(ctx context.Context, kind, dir, mark string) (engine.Kept, error) {
	k := engine.Kept{Name: filepath.Base(dir), Kind: kind}
	if info, err := os.Stat(filepath.Join(dir, mark)); err == nil {
		k.Used = info.ModTime()
	}
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
