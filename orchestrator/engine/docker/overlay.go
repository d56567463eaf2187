package docker

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
)

// overlay is the placing of Overlay. The engine mounts, as a volume of its
// local driver, an overlay whose lower folder is the volume with the tree
// (under it, where the project was prepared, what the preparer wrote), and
// whose upper and work folders are volumes of its own. The worker needs no privilege
// for it. A mounted lower folder is never written to.
type overlay struct{}

func (overlay) place(ctx context.Context, e *Engine, i *instance, layer image) error {
	spec, who := i.b.Spec, i.b.Who
	volume, err := e.ownedTree(ctx, spec.Tree, who)
	if err != nil {
		return err
	}
	tree, err := e.folderOf(ctx, volume)
	if err != nil {
		return err
	}
	lower := []string{tree}
	if upper := layer.Labels[labelUpper]; upper != "" {
		prepared, err := e.folderOf(ctx, upper)
		if err != nil {
			return err
		}
		lower = []string{prepared, tree}
	}
	above, work, err := e.scratch(ctx, i)
	if err != nil {
		return err
	}
	i.b.Tree = &treeMount{Volume: i.b.Name, Options: overlayOptions(lower, above, work)}
	return nil
}

// overlayOptions are those of a volume that is an overlay; without an upper folder it can
// be read only.
func overlayOptions(lower []string, upper, work string) map[string]string {
	o := "lowerdir=" + strings.Join(lower, ":")
	if upper != "" {
		o += ",upperdir=" + upper + ",workdir=" + work
	}
	return map[string]string{"type": "overlay", "device": "overlay", "o": o}
}

// folderOf returns where the engine keeps a volume's content, on its own machine.
func (e *Engine) folderOf(ctx context.Context, volume string) (string, error) {
	v, err := e.cli.VolumeInspect(ctx, volume)
	if err != nil {
		return "", fmt.Errorf("look up volume %s: %w", volume, err)
	}
	if strings.ContainsAny(v.Mountpoint, ":,\\") {
		return "", fmt.Errorf("volume %s is at %s, which cannot be named in an overlay's options", volume, v.Mountpoint)
	}
	return v.Mountpoint, nil
}

// scratch makes the upper and the work folder of an instance's overlay, each a
// volume of its own. The upper folder becomes the root of the tree, so it must
// belong to the user of the tests. An empty volume that the engine mounts gets the
// owner of the image's folder, which is the default user, at no cost; for another
// user it is filled.
func (e *Engine) scratch(ctx context.Context, i *instance) (upper, work string, err error) {
	spec, who := i.b.Spec, i.b.Who
	name := func(kind string) string {
		return e.volumeName(kind, runName(spec.Run), slug(spec.Name), short(rand.Text()))
	}
	aside := name(kindWork)
	i.upper, i.others = name(kindUpper), append(i.others, aside)
	if who == defaultUser {
		i.b.Upper = i.upper
		upper, err = e.emptyVolume(ctx, i.upper, e.ownedBy(i.owner, spec.Run, kindUpper))
	} else {
		upper, err = e.newVolume(ctx, i.upper, e.ownedBy(i.owner, spec.Run, kindUpper), func(tw *tar.Writer) error {
			return tw.WriteHeader(folder(fillAt, 0o755, who.UID, who.GID))
		})
	}
	if err != nil {
		return "", "", err
	}
	work, err = e.emptyVolume(ctx, aside, e.ownedBy(i.owner, spec.Run, kindWork))
	return upper, work, err
}
