package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	imagetypes "github.com/docker/docker/api/types/image"
	"github.com/moby/sys/atomicwriter"

	"github.com/shardyard/shardyard/cache"
)

// digest reads the environment in a container that does not run, and returns the digest
// of its manifest.
func (e *Engine) digest(ctx context.Context, id string) (digest string, err error) {
	archive, _, err := e.cli.CopyFromContainer(ctx, id, envDir)
	if cerrdefs.IsNotFound(err) {
		return cache.Manifest{}.Digest(), nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", envDir, err)
	}
	m, err := cache.ListTar(archive)
	if err = errors.Join(err, archive.Close()); err != nil {
		return "", fmt.Errorf("read %s: %w", envDir, err)
	}
	return m.Digest(), nil
}

// A digestNote is what LockDir knows of an environment's contents: a digest of its
// manifest, of the image that had the name then.
type digestNote struct {
	Image  string `json:"image"`
	Digest string `json:"digest"`
}

func (e *Engine) digestFile(name string) string {
	return filepath.Join(e.opts.LockDir, "digest-"+hash(name))
}

// noteDigest reads an environment that was just sealed, while the run goes on with it, and
// notes its digest. One whose reading came to no end, as when the run was killed, has no
// digest, and cannot be verified.
func (e *Engine) noteDigest(ctx context.Context, name string) {
	e.digesting.Go(func() {
		if err := e.readDigest(ctx, name); err != nil && ctx.Err() == nil {
			e.log.Warn("no digest of the environment is noted: `cache verify` says nothing of it", "image", name, "error", err)
		}
	})
}

func (e *Engine) readDigest(ctx context.Context, name string) error {
	found, err := e.inspect(ctx, name)
	if err != nil {
		return err
	}
	note := digestNote{Image: found.ID}
	err = e.withIdle(ctx, found.ID, nil, func(id string) error {
		note.Digest, err = e.digest(ctx, id)
		return err
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(note)
	if err != nil {
		return err
	}
	return atomicwriter.WriteFile(e.digestFile(name), text, 0o644)
}

// digestOf returns the digest that an environment had when it was kept; "" where none was
// noted.
func (e *Engine) digestOf(name string, found image) (string, error) {
	if was := found.Labels[labelDigest]; was != "" {
		return was, nil
	}
	e.digesting.Wait()
	var note digestNote
	text, err := os.ReadFile(e.digestFile(name))
	if err == nil {
		err = json.Unmarshal(text, &note)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the digest of image %s: %w", name, err)
	}
	if note.Image != found.ID {
		return "", nil
	}
	return note.Digest, nil
}

// Verify implements [cache.Verifier]. The environment of a sealed image is read whole;
// what is mounted over it, and trees, are not.
func (e *Engine) Verify(ctx context.Context, k cache.Kept) (damage []string, known bool, err error) {
	if k.Kind != kindSealed || aside(k.Name) {
		return nil, false, nil
	}
	found, err := e.inspect(ctx, k.Name)
	if cerrdefs.IsNotFound(err) {
		return nil, false, nil // it has gone since it was listed
	}
	if err != nil {
		return nil, false, err
	}
	was, err := e.digestOf(k.Name, found)
	if err != nil || was == "" {
		return nil, false, err
	}
	err = e.withIdle(ctx, k.Name, nil, func(id string) error {
		is, err := e.digest(ctx, id)
		if err == nil && is != was {
			damage = []string{"its files are not those that were sealed"}
		}
		return err
	})
	if err != nil {
		return nil, true, fmt.Errorf("verify image %s: %w", k.Name, err)
	}
	return damage, true, nil
}

// SetAside implements [cache.Verifier].
func (e *Engine) SetAside(ctx context.Context, k cache.Kept) (where string, err error) {
	if k.Kind != kindSealed && k.Kind != kindPrepared {
		return "", fmt.Errorf("set %s %s aside: only environments can be", k.Kind, k.Name)
	}
	_, tag, _ := strings.Cut(k.Name, ":")
	where = asideRepository + tag
	if err := e.cli.ImageTag(ctx, k.Name, where); err != nil {
		return "", fmt.Errorf("set image %s aside: %w", k.Name, err)
	}
	e.forget()
	if _, err := e.cli.ImageRemove(ctx, k.Name, imagetypes.RemoveOptions{}); !gone(err) {
		return "", fmt.Errorf("set image %s aside: %w", k.Name, err)
	}
	return where, errors.Join(e.dropMark(k.Name), e.setMark(where, mark{}))
}

// asideRepository begins the names of images that were set aside. Sweep removes them as
// it does those whose name another one took.
const asideRepository = "shardyard/damaged:"

func aside(name string) bool { return strings.HasPrefix(name, asideRepository) }
