package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// overlay is the placing of Overlay. The engine mounts, as a volume of its
// local driver, an overlay whose lower folder is the volume with the tree
// (under it, where the project was prepared, what the preparer wrote), and
// whose upper folder is one of the run's slots. The worker needs no privilege
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
	if upper := layer.Labels[labelUpper]; upper != "" && layer.Labels[labelTree] == string(spec.Tree) {
		prepared, err := e.folderOf(ctx, upper)
		if err != nil {
			return err
		}
		lower = []string{prepared + "/0/upper", tree}
	}
	slot, err := e.slot(ctx, i)
	if err != nil {
		return err
	}
	i.b.Tree = &treeMount{
		Volume:  i.b.Name,
		Options: overlayOptions(lower, slot+"/upper", slot+"/work"),
	}
	return nil
}

func overlayOptions(lower []string, upper, work string) map[string]string {
	return map[string]string{
		"type": "overlay", "device": "overlay",
		"o": "lowerdir=" + strings.Join(lower, ":") + ",upperdir=" + upper + ",workdir=" + work,
	}
}

// folderOf is where the engine keeps a volume's content, on its own machine.
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

// slotsAtOnce is how many slots are made together: it costs what one costs.
const slotsAtOnce = 64

// slots are pairs of folders for overlays, in a volume of a run.
type slots struct {
	volume string
	folder string

	mu   sync.Mutex
	next int
}

func (s *slots) take() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == slotsAtOnce {
		return "", false
	}
	s.next++
	return path.Join(s.folder, fmt.Sprint(s.next-1)), true
}

// slot gives an instance its pair of folders. A preparer's outlives the run
// when it is sealed, so it is alone in its volume.
func (e *Engine) slot(ctx context.Context, i *instance) (string, error) {
	spec := i.b.Spec
	if spec.Role == engine.Preparer {
		i.upper = e.volumeName(kindUpper, runName(spec.Run), slug(spec.Name))
		s, err := e.newSlots(ctx, i.upper, e.owned("", kindUpper), i.b.Who, 1)
		if err != nil {
			return "", err
		}
		folder, _ := s.take()
		return folder, nil
	}
	for n := 0; ; n++ {
		name := e.volumeName(kindSlots, runName(spec.Run), i.b.Who.slug(), fmt.Sprint(n))
		e.hold(name)
		s, err := e.once.slots.do(ctx, name, func() (*slots, error) {
			return e.newSlots(ctx, name, e.owned(spec.Run, kindSlots), i.b.Who, slotsAtOnce)
		})
		if err != nil {
			return "", errors.Join(err, e.letGo(ctx, name))
		}
		if folder, ok := s.take(); ok {
			i.release = append(i.release, func(ctx context.Context) error { return e.letGo(ctx, name) })
			return folder, nil
		}
		if err := e.letGo(ctx, name); err != nil {
			return "", err
		}
	}
}

func (id identity) slug() string { return fmt.Sprintf("%d-%d", id.UID, id.GID) }

// hold and letGo count the users of a run's slots: the last one removes them.
func (e *Engine) hold(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users[name]++
}

func (e *Engine) letGo(ctx context.Context, name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users[name]--; e.users[name] > 0 {
		return nil
	}
	delete(e.users, name)
	e.once.slots.forget(name)
	return e.removeVolume(ctx, name)
}

func (e *Engine) newSlots(ctx context.Context, name string, labels map[string]string, who identity, n int) (*slots, error) {
	if _, err := e.cli.VolumeInspect(ctx, name); !cerrdefs.IsNotFound(err) {
		return nil, errors.Join(fmt.Errorf("volume %s exists already: is another run called the same?", name), err)
	}
	_, err := e.newVolume(ctx, name, labels, func(tw *tar.Writer) error {
		for slot := range n {
			dir := path.Join(fillAt, fmt.Sprint(slot))
			for _, h := range []*tar.Header{
				folder(dir, 0o755, 0, 0),
				folder(dir+"/upper", 0o755, who.UID, who.GID),
				folder(dir+"/work", 0o755, who.UID, who.GID),
			} {
				if err := tw.WriteHeader(h); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	where, err := e.folderOf(ctx, name)
	if err != nil {
		return nil, errors.Join(err, e.removeVolume(ctx, name))
	}
	return &slots{volume: name, folder: where}, nil
}
