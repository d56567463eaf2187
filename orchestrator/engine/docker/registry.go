package docker

import (
	"context"
	"errors"
	"fmt"
	"io"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	imagetypes "github.com/docker/docker/api/types/image"

	"github.com/shardyard/shardyard/cache"
)

// imageIn returns the image of a repository that holds the environment of a name.
func imageIn(repository, name string) (string, error) {
	named, err := reference.ParseNormalizedNamed(repository)
	if err != nil || !reference.IsNameOnly(named) {
		return "", fmt.Errorf("%q is not a repository of images: write registry.example.com/team/environments", repository)
	}
	return reference.FamiliarName(named) + ":" + tag(name+onFoundation), nil
}

// Push implements [cache.Sharer].
func (e *Engine) Push(ctx context.Context, key, repository, name string, notify func(string)) (err error) {
	ref, err := imageIn(repository, name)
	if err != nil {
		return err
	}
	err = e.cli.ImageTag(ctx, layerName(key), ref)
	if cerrdefs.IsNotFound(err) {
		return cache.ErrNotKept
	}
	if err != nil {
		return fmt.Errorf("name image %s: %w", ref, err)
	}
	defer func() { err = errors.Join(err, e.untag(ctx, ref)) }()
	auth, err := e.authFor(ref)
	if err != nil {
		return err
	}
	out, err := e.cli.ImagePush(ctx, ref, imagetypes.PushOptions{RegistryAuth: auth})
	if err == nil {
		err = errors.Join(showProgress(out, notify), out.Close())
	}
	if err != nil {
		return fmt.Errorf("push %s: %w", ref, err)
	}
	return nil
}

// Pull implements [cache.Sharer].
func (e *Engine) Pull(ctx context.Context, repository, name string, keyOf func(cache.About) string, notify func(string)) (there bool, err error) {
	ref, err := imageIn(repository, name)
	if err != nil {
		return false, err
	}
	err = e.pull(ctx, ref, notify)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("pull %s: %w", ref, err)
	}
	defer func() { err = errors.Join(err, e.untag(ctx, ref)) }()
	if err := e.adopt(ctx, ref, keyOf); err != nil {
		return false, fmt.Errorf("pull %s: %w", ref, err)
	}
	return true, nil
}

// untag takes a name from an image that has others, or is part of one.
func (e *Engine) untag(ctx context.Context, ref string) error {
	ctx, cancel := undisturbed(ctx)
	defer cancel()
	if _, err := e.cli.ImageRemove(ctx, ref, imagetypes.RemoveOptions{PruneChildren: true}); !gone(err) {
		return fmt.Errorf("remove image %s: %w", ref, err)
	}
	return nil
}

// authFor returns the credentials for an image's registry, as the docker command would
// use them; none is no error.
func (e *Engine) authFor(image string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", fmt.Errorf("image %q: %w", image, err)
	}
	auth, err := credentials(named)
	if err != nil {
		e.log.Warn("cannot read registry credentials", "image", image, "error", err)
	}
	return auth, nil
}

// showProgress reads what the engine says of a pull or push, line by line.
func showProgress(out io.Reader, notify func(string)) error {
	return eachProgress(out, func(p progress) {
		if line := p.String(); line != "" {
			notify(line)
		}
	})
}
