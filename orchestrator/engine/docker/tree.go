package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// A TreeWay is a way of giving each worker a writable copy of the source.
type TreeWay string

const (
	// Overlay mounts, for each worker, an overlay file system over the one
	// volume that holds the tree. It needs an engine whose local volume driver
	// may mount overlays.
	Overlay TreeWay = "overlay"
	// ImageLayer copies the tree into an image, once for each layer that is
	// used with it. It works everywhere.
	ImageLayer TreeWay = "layer"
)

// A placing gives one instance its copy of the tree. There are two, one for
// each TreeWay.
type placing interface {
	place(ctx context.Context, e *Engine, i *instance, layer image) error
}

// Load implements [engine.Trees]: the tree becomes a volume.
func (e *Engine) Load(ctx context.Context, id string, write func(io.Writer) error) (engine.Tree, error) {
	if err := e.lock.begin(); err != nil {
		return "", err
	}
	err := e.ensureVolume(ctx, e.treeVolume(id, defaultUser), e.treeLabels(id), func(tw *tar.Writer) error {
		return engine.Piped(write, func(r io.Reader) error {
			return transplant(r, tw, fillAt, 0, defaultUser.UID, defaultUser.GID)
		})
	})
	if err != nil {
		return "", fmt.Errorf("load tree %s: %w", id, err)
	}
	return engine.Tree(id), nil
}

// treeVolume names the volume of a tree whose files belong to who.
func (e *Engine) treeVolume(id string, who identity) string {
	return e.volumeName(kindTree, hash(id)[:16], fmt.Sprint(who.UID), e.here)
}

// treeLabels name the tree, so that it is not removed while a container uses it.
func (e *Engine) treeLabels(id string) map[string]string {
	return labelsWith(e.kept(kindTree), map[string]string{labelTree: id})
}

// ownedTree returns the volume of a loaded tree, with files that belong to who.
func (e *Engine) ownedTree(ctx context.Context, id engine.Tree, who identity) (string, error) {
	loaded := e.treeVolume(string(id), defaultUser)
	if _, err := e.cli.VolumeInspect(ctx, loaded); err != nil {
		return "", fmt.Errorf("tree %s is not loaded: %w", id, err)
	}
	if who == defaultUser {
		return loaded, nil
	}
	name := e.treeVolume(string(id), who)
	return name, e.ensureVolume(ctx, name, e.treeLabels(string(id)), func(tw *tar.Writer) error {
		return e.readVolume(ctx, loaded, func(r io.Reader) error {
			return transplant(r, tw, fillAt, 1, who.UID, who.GID)
		})
	})
}

// readVolume calls read with an archive of a volume's content; the names in
// it begin with the folder fillAt.
func (e *Engine) readVolume(ctx context.Context, name string, read func(io.Reader) error) error {
	return e.readVolumeAt(ctx, name, "", read)
}

// readVolumeAt calls read with an archive of a folder of a volume, "" for all of it; the
// names in it begin with the folder's.
func (e *Engine) readVolumeAt(ctx context.Context, name, dir string, read func(io.Reader) error) error {
	return e.withFiller(ctx, name, func(id string) (err error) {
		r, _, err := e.cli.CopyFromContainer(ctx, id, path.Join("/", fillAt, dir))
		if err != nil {
			return fmt.Errorf("read volume %s: %w", name, err)
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		return read(r)
	})
}

// placeTree gives an instance its own writable copy of the tree.
func (e *Engine) placeTree(ctx context.Context, i *instance, layer image) error {
	within := layer.Labels[labelTree] != "" && layer.Labels[labelUpper] == ""
	if within && layer.Labels[labelTree] == string(i.b.Spec.Tree) {
		return nil // it is in the layer already
	}
	way, err := e.placing(ctx)
	if err != nil {
		return err
	}
	if within { // one like it: an overlay would hide what was prepared in it
		way = imageLayer{}
	}
	if err := way.place(ctx, e, i, layer); err != nil {
		return fmt.Errorf("give it the tree: %w", err)
	}
	return nil
}

func (e *Engine) placing(ctx context.Context) (placing, error) {
	switch e.opts.Trees {
	case Overlay:
		return overlay{}, nil
	case ImageLayer:
		return imageLayer{}, nil
	case "":
	default:
		return nil, fmt.Errorf("unknown way to place trees %q", e.opts.Trees)
	}
	p, err := e.probe(ctx)
	if err != nil {
		return nil, err
	}
	if p.Overlay {
		return overlay{}, nil
	}
	return imageLayer{}, nil
}

// overlays reports whether the engine mounts overlays, and is to.
func (e *Engine) overlays(ctx context.Context) (bool, error) {
	way, err := e.placing(ctx)
	_, ok := way.(overlay)
	return ok, err
}

// imageLayer is the placing of ImageLayer.
type imageLayer struct{}

func (imageLayer) place(ctx context.Context, e *Engine, i *instance, _ image) error {
	spec, who, target := i.b.Spec, i.b.Who, i.b.source()
	volume, err := e.ownedTree(ctx, spec.Tree, who)
	if err != nil {
		return err
	}
	fill := func(ctx context.Context, id string) error {
		return e.copyIn(ctx, id, "/", func(tw *tar.Writer) error {
			return e.readVolume(ctx, volume, func(r io.Reader) error {
				return transplant(r, tw, strings.TrimPrefix(target, "/"), 1, who.UID, who.GID)
			})
		})
	}
	if spec.Role == engine.Preparer {
		i.fills = append(i.fills, fill) // into the container, and sealed with it
		return nil
	}
	from := i.b.Image
	parent, err := e.image(ctx, from)
	if err != nil {
		return err
	}
	name := e.imageName("tree-" + hash(parent.ID, string(spec.Tree), target, who.String()))
	i.b.Image, err = e.once.derived.do(ctx, name, func() (string, error) {
		if _, err := e.inspect(ctx, name); gone(err) {
			if err == nil {
				return name, e.setMark(name, mark{})
			}
		} else {
			return "", err
		}
		labels := labelsWith(e.kept(kindDerived), map[string]string{labelTree: string(spec.Tree), labelUpper: ""})
		err := e.withIdle(ctx, from, nil, func(id string) error {
			if err := fill(ctx, id); err != nil {
				return err
			}
			_, err := e.commit(ctx, id, name, labels)
			return err
		})
		return name, err
	})
	return err
}
