package docker

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// overlay is the placing of Overlay. The engine mounts, as a volume of its
// local driver, an overlay whose lower folder is the volume with the tree
// (under it, where the project was prepared, what the preparer wrote), and
// whose upper folder is a slot of its own. The worker needs no privilege
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

// slots are pairs of folders for overlays, in one volume.
type slots struct {
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
// when it is sealed, so it is alone in its volume; the others' go when the
// Engine is closed.
func (e *Engine) slot(ctx context.Context, i *instance) (string, error) {
	spec, who := i.b.Spec, i.b.Who
	if spec.Role == engine.Preparer {
		i.upper = e.volumeName(kindUpper, runName(spec.Run), slug(spec.Name), short(rand.Text()))
		s, err := e.newSlots(ctx, i.upper, kindUpper, who, 1)
		if err != nil {
			return "", err
		}
		folder, _ := s.take()
		return folder, nil
	}
	for n := 0; ; n++ {
		s, err := e.slots(ctx, who, n)
		if err != nil {
			return "", err
		}
		if folder, ok := s.take(); ok {
			return folder, nil
		}
	}
}

// slots are the nth ones of this Engine for a user.
func (e *Engine) slots(ctx context.Context, who identity, n int) (*slots, error) {
	name := e.volumeName(kindSlots, short(e.lock.owner()), who.slug(), fmt.Sprint(n))
	return e.once.slots.do(ctx, name, func() (*slots, error) {
		return e.newSlots(ctx, name, kindSlots, who, slotsAtOnce)
	})
}

// makeSlotsAhead makes the first slots while a run does other things. A
// failure is seen by who needs them, and tries again.
func (e *Engine) makeSlotsAhead(ctx context.Context) {
	e.ahead.Go(func() {
		ctx, cancel := undisturbed(ctx)
		defer cancel()
		if way, err := e.placing(ctx); err == nil && way == (overlay{}) {
			_, _ = e.slots(ctx, defaultUser, 0)
		}
	})
}

// removeSlots removes those of this Engine. None of its workers lives then.
func (e *Engine) removeSlots() error {
	e.ahead.Wait()
	var errs []error
	for _, name := range e.once.slots.keys() {
		errs = append(errs, e.removeVolume(context.Background(), name))
	}
	return errors.Join(errs...)
}

func (id identity) slug() string { return fmt.Sprintf("%d-%d", id.UID, id.GID) }

func (e *Engine) newSlots(ctx context.Context, name, kind string, who identity, n int) (*slots, error) {
	_, err := e.newVolume(ctx, name, e.owned("", kind), func(tw *tar.Writer) error {
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
	return &slots{folder: where}, nil
}
