package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// layerName names the image of a sealed layer: by its key alone, whichever
// project built it. It is made on a foundation, and of no use to workers that
// need a newer one.
func layerName(key string) string { return "shardyard/layer:" + tag(key+"-on-"+foundationVersion) }

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
		way, err := e.placing(ctx)
		if err != nil {
			return "", false, err
		}
		if _, mounts := way.(overlay); !mounts {
			return "", false, nil
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
func (i *instance) sealLabels(kind string) map[string]string {
	labels := labelsWith(i.e.kept(kind), map[string]string{labelTree: "", labelUpper: "", labelEnv: i.leaked(), labelHere: i.e.here})
	if kind == kindPrepared {
		labels[labelTree] = string(i.b.Spec.Tree)
		labels[labelUpper] = i.upper
	}
	return labels
}

// leaked names the variables that were given to the builder, and to those
// before it: an image keeps them, and workers must not see them.
func (i *instance) leaked() string {
	names := slices.Collect(maps.Keys(i.b.Spec.Env))
	names = append(names, i.b.Unset...)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}
