package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// A sealed layer is a directory with an environment in env, the tree as
// prepare left it in src when there was one, and this in layer.json, which is
// touched when the layer is used.
type sealed struct {
	Key string `json:"key"`
	// Project made it, and clears it. Others may use it.
	Project string `json:"project"`
	Slot    string `json:"slot"` // the path at which it was made
	// Tree and TreeName are those of src.
	Tree     engine.Tree `json:"tree,omitempty"`
	TreeName string      `json:"tree_name,omitempty"`
	About    cache.About `json:"about"`
}

const sealFile = "layer.json"

func (e *Engine) layerDir(key string) string { return filepath.Join(e.dir("layers"), element(key)) }

// Find implements engine.Layers.
func (e *Engine) Find(ctx context.Context, key string) (engine.Layer, bool, error) {
	release, err := e.share(ctx, "layer", key)
	if err != nil {
		return "", false, fmt.Errorf("find environment %s: %w", key, err)
	}
	defer release()
	if _, err := e.layer(engine.Layer(key)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", false, nil
		}
		return "", false, fmt.Errorf("find environment %s: %w", key, err)
	}
	damage, _, err := inspect(ctx, e.layerDir(key), false)
	if err != nil {
		return "", false, fmt.Errorf("find environment %s: %w", key, err)
	}
	if len(damage) > 0 {
		where, err := e.setAside(key)
		if err != nil {
			return "", false, fmt.Errorf("set environment %s aside, which is damaged (%s): %w", key, cache.Some(damage), err)
		}
		return "", false, &engine.DamagedError{Key: key, Damage: damage, Where: where}
	}
	return engine.Layer(key), true, nil
}

// Keys implements engine.Layers.
func (e *Engine) Keys(_ context.Context, prefix string) (keys []string, err error) {
	entries, err := os.ReadDir(e.layers)
	if err != nil {
		return nil, fmt.Errorf("list environments: %w", err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), prefix) {
			keys = append(keys, entry.Name())
		}
	}
	return keys, nil
}

// About implements engine.Layers.
func (e *Engine) About(ctx context.Context, layer engine.Layer) (cache.About, error) {
	release, err := e.share(ctx, "layer", string(layer))
	if err != nil {
		return cache.About{}, fmt.Errorf("read environment %s: %w", layer, err)
	}
	defer release()
	s, err := readSeal(e.layerDir(string(layer)))
	if err != nil {
		return cache.About{}, fmt.Errorf("read environment %s: %w", layer, err)
	}
	return s.About, nil
}

// layer reads what a layer says of itself, and marks it as used.
func (e *Engine) layer(l engine.Layer) (sealed, error) {
	dir := e.layerDir(string(l))
	s, err := readSeal(dir)
	if err != nil {
		return s, err
	}
	now := time.Now()
	return s, os.Chtimes(filepath.Join(dir, sealFile), now, now)
}

func readSeal(dir string) (s sealed, err error) {
	path := filepath.Join(dir, sealFile)
	content, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(content, &s); err != nil {
		return s, fmt.Errorf("read %s: %w", path, err)
	}
	return s, nil
}

// owns reports whether the project made a layer, under this name or one before.
// Any project may remove a layer that names no maker.
func (e *Engine) owns(dir string) bool {
	s, err := readSeal(dir)
	return err != nil || s.Project == e.project || slices.Contains(e.before, s.Project)
}

// seal copies a place into a layer. The layer appears whole or not at all;
// when another of the same key is there already, that one is kept.
func (e *Engine) seal(ctx context.Context, p *place, key string, about cache.About, withTree bool) (err error) {
	if _, found, err := e.Find(ctx, key); found || err != nil {
		return err
	}
	unlock, err := e.exclude(ctx, "layer", key, nil)
	if err != nil {
		return err
	}
	defer unlock()
	dir := e.layerDir(key)
	if _, err := readSeal(dir); err == nil {
		return nil
	}
	if err := removeAll(dir); err != nil { // what is left of one that was being removed
		return err
	}
	return whole(e.dir("layers"), dir, func(work string) error {
		s := sealed{Key: key, Project: e.project, Slot: p.slot, About: about}
		if err := mirror(ctx, p.env(), "", filepath.Join(work, "env"), time.Time{}); err != nil {
			return err
		}
		if withTree {
			s.Tree, s.TreeName = p.key.tree, p.key.treeName
			if err := mirror(ctx, p.source(), "", filepath.Join(work, "src"), time.Time{}); err != nil {
				return err
			}
		}
		// A prepared layer is made anew with each change of the sources: its contents are not read.
		if err := writeManifest(ctx, work, !withTree); err != nil {
			return err
		}
		return writeSeal(work, s)
	})
}

func writeSeal(dir string, s sealed) error {
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, sealFile), content, 0o644)
}
