package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shardyard/shardyard/cache"
)

// manifestFile is beside a layer's seal, and lists what is in its folders.
const manifestFile = "manifest.json"

// manifestOf lists a layer's folders: env, and src where there is one.
func manifestOf(ctx context.Context, dir string, read bool) (cache.Manifest, error) {
	all := cache.Manifest{}
	for _, folder := range []string{"env", "src"} {
		part, err := cache.ListDir(ctx, filepath.Join(dir, folder), read)
		if errors.Is(err, fs.ErrNotExist) {
			if _, gone := os.Lstat(filepath.Join(dir, folder)); errors.Is(gone, fs.ErrNotExist) {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		for name, e := range part {
			all[folder+"/"+name] = e
		}
	}
	return all, nil
}

func writeManifest(ctx context.Context, dir string, read bool) error {
	m, err := manifestOf(ctx, dir, read)
	if err != nil {
		return err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, manifestFile), text, 0o644)
}

// inspect says what of a layer is not as it was sealed. Contents are read only if it is
// told to: without, sizes, permissions and times tell. known is false where there is no
// manifest.
func inspect(ctx context.Context, dir string, read bool) (damage []string, known bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil // sealed by an earlier version
	}
	if err != nil {
		return nil, false, err
	}
	was := cache.Manifest{}
	if json.Unmarshal(text, &was) != nil {
		return []string{manifestFile + " cannot be read"}, true, nil //nolint:nilerr // that is the damage
	}
	is, err := manifestOf(ctx, dir, read)
	if err != nil {
		return nil, true, err
	}
	return was.Differences(is), true, nil
}

// setAside renames a layer so that it is found no more. Runs that use it have their own
// copies. Sweep removes it, as it does what was left half-made.
func (e *Engine) setAside(key string) (where string, err error) {
	now := time.Now()
	where = filepath.Join(e.layers, tempPrefix+"damaged-"+element(key)+now.UTC().Format("-20060102-150405.000000"))
	if err := os.Rename(e.layerDir(key), where); err != nil {
		return "", err
	}
	return where, os.Chtimes(where, now, now)
}

// Verify implements [cache.Verifier].
func (e *Engine) Verify(ctx context.Context, k cache.Kept) (damage []string, known bool, err error) {
	if k.Kind != kindLayer {
		return nil, false, nil
	}
	release, err := e.share(ctx, kindLayer, k.Name)
	if err != nil {
		return nil, false, fmt.Errorf("verify environment %s: %w", k.Name, err)
	}
	defer release()
	if damage, known, err = inspect(ctx, e.layerDir(k.Name), true); err != nil {
		return nil, known, fmt.Errorf("verify environment %s: %w", k.Name, err)
	}
	return damage, known, nil
}

// SetAside implements [cache.Verifier].
func (e *Engine) SetAside(_ context.Context, k cache.Kept) (where string, err error) {
	if k.Kind != kindLayer || strings.HasPrefix(k.Name, tempPrefix) {
		return "", fmt.Errorf("set %s %s aside: only environments can be", k.Kind, k.Name)
	}
	if where, err = e.setAside(k.Name); err != nil {
		return "", fmt.Errorf("set environment %s aside: %w", k.Name, err)
	}
	return where, nil
}
