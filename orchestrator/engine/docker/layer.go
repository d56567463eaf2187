package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	imagetypes "github.com/docker/docker/api/types/image"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// layerName names the image of a sealed layer: by its key alone, whichever
// project built it. It is made on a foundation, and of no use to workers that
// need a newer one.
func layerName(key string) string { return layerRepository + ":" + tag(key+onFoundation) }

// layerRepository is what all layers' names begin with, onFoundation their end.
const (
	layerRepository = "shardyard/layer"
	onFoundation    = "-on-" + foundationVersion
)

// Keys implements [engine.Layers].
func (e *Engine) Keys(ctx context.Context, prefix string) (keys []string, err error) {
	named := filters.NewArgs(filters.Arg("reference", layerRepository+":"+prefix+"*"))
	images, err := e.cli.ImageList(ctx, imagetypes.ListOptions{Filters: named})
	if err != nil {
		return nil, fmt.Errorf("list layers: %w", err)
	}
	for _, i := range images {
		for _, name := range i.RepoTags { // an image may have other names besides
			tag, of := strings.CutPrefix(name, layerRepository+":")
			if key, here := strings.CutSuffix(tag, onFoundation); of && here && strings.HasPrefix(key, prefix) {
				keys = append(keys, key)
			}
		}
	}
	return keys, nil
}

// About implements [engine.Layers].
func (e *Engine) About(ctx context.Context, layer engine.Layer) (about cache.About, err error) {
	found, err := e.image(ctx, string(layer))
	if err != nil {
		return about, err
	}
	if text := found.Labels[labelAbout]; text != "" {
		if err := json.Unmarshal([]byte(text), &about); err != nil {
			return about, fmt.Errorf("read what image %s says of itself: %w", layer, err)
		}
	}
	return about, nil
}

// Find implements [engine.Layers]. A prepared layer whose part in the tree is
// gone, or was made for the other TreeWay, is not found.
func (e *Engine) Find(ctx context.Context, key string) (engine.Layer, bool, error) {
	name := layerName(key)
	found, err := e.inspect(ctx, name)
	if cerrdefs.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if upper := found.Labels[labelUpper]; upper != "" {
		if overlays, err := e.overlays(ctx); err != nil || !overlays {
			return "", false, err
		}
		if _, err := e.cli.VolumeInspect(ctx, upper); cerrdefs.IsNotFound(err) {
			return "", false, nil
		} else if err != nil {
			return "", false, fmt.Errorf("look up volume %s: %w", upper, err)
		}
	}
	return engine.Layer(name), true, e.setMark(name, mark{})
}

// Lock implements [engine.Layers].
func (e *Engine) Lock(ctx context.Context, key string, notify func()) (func(), error) {
	unlock, err := e.lockName(ctx, "key "+key, notify)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := unlock(); err != nil {
			e.log.Warn("cannot unlock", "key", key, "error", err)
		}
	}, nil
}

// sealLabels returns those of the image that a container becomes. They must undo
// the container's own, which it would inherit.
func (i *instance) sealLabels(kind string, about cache.About) (map[string]string, error) {
	text, err := json.Marshal(about)
	if err != nil {
		return nil, err
	}
	labels := labelsWith(i.e.kept(kind), map[string]string{
		labelTree: "", labelUpper: "", labelEnv: i.leaked(), labelHere: i.e.here, labelAbout: string(text), labelDigest: "",
	})
	if kind == kindPrepared {
		labels[labelTree] = string(i.b.Spec.Tree)
		labels[labelUpper] = i.upper
	}
	return labels, nil
}

// leaked names the variables that were given to the builder, and to those
// before it: an image keeps them, and workers must not see them.
func (i *instance) leaked() string {
	names := slices.Collect(maps.Keys(i.b.Spec.Env))
	names = append(names, i.b.Unset...)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}
