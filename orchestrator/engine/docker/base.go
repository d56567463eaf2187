package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	imagetypes "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker/framework"
)

// Base implements [engine.Bases]. It also makes the image that workers start
// from, so that the first of them need not.
func (e *Engine) Base(ctx context.Context, image string, tools framework.Toolchain, notify func(string)) (engine.Base, error) {
	if notify == nil {
		notify = func(string) {}
	}
	base, err := e.resolve(ctx, image, tools, notify)
	if err != nil {
		return engine.Base{}, err
	}
	if _, err := e.foundation(ctx, base); err != nil {
		return engine.Base{}, err
	}
	return base, nil
}

func (e *Engine) resolve(ctx context.Context, name string, tools framework.Toolchain, notify func(string)) (engine.Base, error) {
	switch name {
	case "host":
		return e.hostBase(ctx, tools)
	case "", "auto":
		return e.autoBase(ctx, tools, notify)
	}
	base, err := e.localBase(ctx, name, tools)
	if !cerrdefs.IsNotFound(err) {
		return base, err
	}
	if err := e.pull(ctx, name, notify); err != nil {
		return engine.Base{}, e.unpullable(ctx, name, tools, err)
	}
	return e.localBase(ctx, name, tools)
}

// localBase takes an image that the engine has.
func (e *Engine) localBase(ctx context.Context, name string, tools framework.Toolchain) (engine.Base, error) {
	i, err := e.inspect(ctx, name)
	if err != nil {
		return engine.Base{}, err
	}
	return engine.Base{Image: name, ID: i.ID, Program: tools.Program}, nil
}

// autoBase takes the image that the toolchain means, or this machine.
func (e *Engine) autoBase(ctx context.Context, tools framework.Toolchain, notify func(string)) (engine.Base, error) {
	want := tools.Image
	if want == "" {
		return e.hostBase(ctx, tools)
	}
	base, err := e.localBase(ctx, want, tools)
	if !cerrdefs.IsNotFound(err) {
		return base, err
	}
	pulled := e.pull(ctx, want, notify)
	if pulled == nil {
		return e.localBase(ctx, want, tools)
	}
	if ctx.Err() != nil {
		return engine.Base{}, pulled
	}
	base, err = e.hostBase(ctx, tools)
	if err != nil {
		return engine.Base{}, errors.Join(e.unpullable(ctx, want, tools, pulled), fmt.Errorf("nor can this machine be its own image: %w", err))
	}
	e.log.Debug("pull", "image", want, "error", pulled)
	base.Note = fmt.Sprintf("%s cannot be pulled, so `host` is taken, with this machine's %s: %v", want, cmp.Or(base.Program, "own programs"), pulled)
	return base, nil
}

// pull asks the image's registry for it, with the credentials that the docker
// command would use.
func (e *Engine) pull(ctx context.Context, name string, notify func(string)) error {
	auth, err := e.authFor(name)
	if err != nil {
		return err
	}
	notify("pulling " + name)
	out, err := e.cli.ImagePull(ctx, name, imagetypes.PullOptions{RegistryAuth: auth})
	if err != nil {
		return err
	}
	return errors.Join(showProgress(out, notify), out.Close())
}

// Docker's public registry is known to credential stores by another name than
// the one in references.
const (
	hubDomain = "docker.io"
	hubServer = "https://index.docker.io/v1/"
)

func credentials(named reference.Named) (string, error) {
	host := reference.Domain(named)
	if host == hubDomain {
		host = hubServer
	}
	found, err := config.LoadDefaultConfigFile(io.Discard).GetAuthConfig(host)
	if err != nil {
		return "", err
	}
	return registry.EncodeAuthConfig(registry.AuthConfig{
		Username: found.Username, Password: found.Password, Auth: found.Auth,
		ServerAddress: found.ServerAddress, IdentityToken: found.IdentityToken, RegistryToken: found.RegistryToken,
	})
}

// unpullable is the error of an image that is not here and cannot be had. It
// names what would do instead.
func (e *Engine) unpullable(ctx context.Context, name string, tools framework.Toolchain, cause error) error {
	from := "its registry"
	if named, err := reference.ParseNormalizedNamed(name); err == nil {
		from = "the registry " + reference.Domain(named)
	}
	advice := []string{}
	if local := e.localImages(ctx, tools.Name); len(local) > 0 {
		advice = append(advice, "take an image that is here (image: "+strings.Join(local, ", ")+")")
	}
	if p, err := e.probe(ctx); err == nil && p.Local {
		advice = append(advice, "this machine's own programs (image: host)")
	}
	advice = append(advice, "or no containers (--engine process)")
	return fmt.Errorf("image %s is not here, and %s did not give it: %w; instead, %s", name, from, cause, strings.Join(advice, ", "))
}

// localImages returns some images of the engine that are not ours, those with
// the toolchain's name in theirs first.
func (e *Engine) localImages(ctx context.Context, like string) []string {
	list, err := e.cli.ImageList(ctx, imagetypes.ListOptions{})
	if err != nil {
		return nil // only advice
	}
	var names []string
	for _, i := range list {
		if i.Labels[labelProject] != "" {
			continue
		}
		names = append(names, i.RepoTags...)
	}
	names = slices.DeleteFunc(names, func(s string) bool { return s == "<none>:<none>" })
	slices.SortStableFunc(names, func(a, b string) int {
		return strings.Compare(rank(a, like)+a, rank(b, like)+b)
	})
	return names[:min(len(names), 3)]
}

func rank(name, like string) string {
	if like != "" && strings.Contains(name, like) {
		return "0"
	}
	return "1"
}
