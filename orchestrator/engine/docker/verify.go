package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	imagetypes "github.com/docker/docker/api/types/image"

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
	was := found.Labels[labelDigest]
	if was == "" {
		return nil, false, nil // sealed by an earlier version
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
