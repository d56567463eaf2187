package docker

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/volume"
	"github.com/moby/sys/atomicwriter"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Where the engine mounts overlays, the package cache belongs to a scope of trust, and is
// made of generations. One is volumes, each with what one builder wrote over those before
// it. A builder or a preparer writes over the generation that it finds; once it is sealed,
// what it wrote is on top of the next one. What was not sealed is removed. No volume is
// written again after that, so whoever mounts a generation sees the same as long as it lives.

const (
	// maxLayers is how many volumes make a generation at most, and twice as many while several
	// builders add theirs: their names must fit into the options of a mount, a page in all.
	maxLayers = 20
	// allOf is the folder of the volumes with what they hold. Its root has the owner that
	// the engine gives to an empty volume; this folder anyone may write.
	allOf = "all"
)

// A generation names volumes, the oldest first.
type generation struct {
	// Under are those of another scope's generation, on which this one was made.
	Under []string `json:"under,omitempty"`
	Own   []string `json:"own"`
}

func (g generation) all() []string { return slices.Concat(g.Under, g.Own) }

func (e *Engine) generationFile(s cache.Scope) string {
	return filepath.Join(e.opts.LockDir, "generation-"+string(s))
}

// readGenerationFile returns what a generation's file says; nothing where there is none.
func readGenerationFile(file string) (g generation, err error) {
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return generation{}, fmt.Errorf("read what the package cache holds: %w", err)
	}
	return g, nil
}

// scope is the run's own.
func (e *Engine) scope() cache.Scope {
	reads := e.opts.Builder.Scope.Reads()
	return reads[len(reads)-1]
}

// generation returns the present one of the run's scope. One of which a volume was removed
// is void, and so is what was made on another one than is there now.
func (e *Engine) generation(ctx context.Context) (g generation, err error) {
	for _, scope := range e.opts.Builder.Scope.Reads() {
		own, err := readGenerationFile(e.generationFile(scope))
		if err != nil {
			return g, err
		}
		g = generation{Under: g.all()}
		if !slices.Equal(own.Under, g.Under) {
			continue
		}
		whole := true
		for _, name := range own.Own {
			_, err := e.cli.VolumeInspect(ctx, name)
			if err != nil && !cerrdefs.IsNotFound(err) {
				return g, fmt.Errorf("look up volume %s: %w", name, err)
			}
			whole = whole && err == nil
		}
		if whole {
			g.Own = own.Own
		}
	}
	return g, nil
}

func (e *Engine) setGeneration(g generation) error {
	text, err := json.Marshal(g)
	if err == nil {
		err = atomicwriter.WriteFile(e.generationFile(e.scope()), text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("note what the package cache holds: %w", err)
	}
	e.once.generations.clear()
	return nil
}

// lockGeneration keeps others from changing the scope's generation.
func (e *Engine) lockGeneration(ctx context.Context) (unlock func() error, err error) {
	return e.lockName(ctx, "generation "+string(e.scope()), nil)
}

// generationOfRun returns the volumes that workers of this run see, the same for all of them.
func (e *Engine) generationOfRun(ctx context.Context) ([]string, error) {
	return e.once.generations.do(ctx, "", func() ([]string, error) {
		g, err := e.generation(ctx)
		if err != nil {
			return nil, err
		}
		return g.all(), e.markAll(g.all())
	})
}

// markAll notes that volumes are used now.
func (e *Engine) markAll(volumes []string) (err error) {
	for _, name := range volumes {
		err = errors.Join(err, e.setMark(name, mark{}))
	}
	return err
}

// generationToExtend returns the volumes that a builder is to write over, of which there is one at
// least, and not too many.
func (e *Engine) generationToExtend(ctx context.Context) (_ []string, err error) {
	unlock, err := e.lockGeneration(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	g, err := e.generation(ctx)
	if err != nil {
		return nil, err
	}
	if n := len(g.all()); n == 0 || n >= maxLayers {
		if g, err = e.flat(ctx, g); err == nil {
			err = e.setGeneration(g)
		}
	}
	return g.all(), errors.Join(err, e.markAll(g.all()))
}

// flat returns a generation of one volume with what another one holds. What an untrusted
// scope has of its own is given up instead.
func (e *Engine) flat(ctx context.Context, g generation) (generation, error) {
	if len(g.Under) > 0 {
		return generation{Under: g.Under}, nil
	}
	name, err := e.firstOfCache(ctx, func(tw *tar.Writer) error {
		if len(g.Own) == 0 {
			return nil
		}
		return e.readGeneration(ctx, g.Own, func(r io.Reader) error { return intoCache(r, tw) })
	})
	return generation{Own: []string{name}}, err
}

// firstOfCache makes the first volume of a generation; fill writes below the folder allOf of fillAt.
func (e *Engine) firstOfCache(ctx context.Context, fill func(*tar.Writer) error) (name string, err error) {
	name = e.cacheVolume()
	_, err = e.newVolume(ctx, name, e.cacheLabels(), func(tw *tar.Writer) error {
		return errors.Join(tw.WriteHeader(folder(fillAt, 0o755, 0, 0)), tw.WriteHeader(folder(path.Join(fillAt, allOf), 0o777, 0, 0)), fill(tw))
	})
	return name, err
}

// cacheVolume names one more volume of the package cache.
func (e *Engine) cacheVolume() string { return "shardyard-" + kindPackages + "-" + short(rand.Text()) }

// cacheLabels are those of what is kept, from the start: labels cannot change once a builder
// is sealed.
func (e *Engine) cacheLabels() map[string]string {
	return labelsWith(e.kept(kindPackages), map[string]string{labelHere: e.here})
}

// readGeneration calls read with an archive of what volumes hold together; the names in it
// begin with the folder allOf.
func (e *Engine) readGeneration(ctx context.Context, volumes []string, read func(io.Reader) error) error {
	if len(volumes) == 1 {
		return e.readVolumeAt(ctx, volumes[0], allOf, read)
	}
	lower, err := e.foldersOf(ctx, volumes)
	if err != nil {
		return err
	}
	return e.withView(ctx, overlayOptions(lower, "", ""), func(view string) error { return e.readVolumeAt(ctx, view, allOf, read) })
}

// foldersOf returns where the engine keeps volumes, in the order of an overlay's: the last
// one first.
func (e *Engine) foldersOf(ctx context.Context, volumes []string) (folders []string, err error) {
	for _, name := range volumes {
		folder, err := e.folderOf(ctx, name)
		if err != nil {
			return nil, err
		}
		folders = slices.Insert(folders, 0, folder)
	}
	return folders, nil
}

// placeCache gives an instance its own view of the generation that its blueprint names. A
// builder's is kept if it is sealed.
func (e *Engine) placeCache(ctx context.Context, i *instance) error {
	lower, err := e.foldersOf(ctx, i.b.Packages)
	if err != nil {
		return err
	}
	name := func(kind string) string {
		return e.volumeName(kindPackages, kind, runName(i.b.Spec.Run), slug(i.b.Spec.Name), short(rand.Text()))
	}
	own := func(kind string) map[string]string { return e.ownedBy(i.owner, i.b.Spec.Run, kind) }
	wrote, labels := name(kindUpper), own(kindUpper)
	if i.b.Spec.Role != engine.Worker {
		wrote, labels = e.cacheVolume(), e.cacheLabels()
	}
	i.wrote = wrote
	upper, err := e.emptyVolume(ctx, wrote, labels)
	if err != nil {
		return err
	}
	aside, view := name(kindWork), name("view")
	i.others = append(i.others, aside, view)
	work, err := e.emptyVolume(ctx, aside, own(kindWork))
	if err != nil {
		return err
	}
	i.b.Cache = &treeMount{Volume: view, Options: overlayOptions(lower, upper, work)}
	return nil
}

// promote has what a builder wrote be on top of the next generation.
func (i *instance) promote(ctx context.Context) (err error) {
	if i.wrote == "" {
		return nil
	}
	unlock, err := i.e.lockGeneration(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	g, err := i.e.generation(ctx)
	if err != nil {
		return err
	}
	top := i.wrote
	if !slices.Equal(g.all(), i.b.Packages) {
		if n := len(g.all()); n == 0 || n >= 2*maxLayers {
			return nil // it was cleared meanwhile, or very many build at once
		}
		if top, err = i.e.over(ctx, g.all(), i.wrote); err != nil {
			return err
		}
	} else {
		i.wrote = "" // it stays
	}
	g.Own = append(slices.Clone(g.Own), top)
	return errors.Join(i.e.setMark(top, mark{}), i.e.setGeneration(g))
}

// over returns a volume to lie on others, with what was written while another builder was
// quicker: folders that an overlay has made hide those beneath, so the files are copied. What
// was deleted is there again.
func (e *Engine) over(ctx context.Context, volumes []string, wrote string) (name string, err error) {
	lower, err := e.foldersOf(ctx, volumes)
	if err != nil {
		return "", err
	}
	name = e.cacheVolume()
	upper, err := e.emptyVolume(ctx, name, e.cacheLabels())
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.removeVolume(ctx, name))
		}
	}()
	aside := e.cacheVolume()
	work, err := e.emptyVolume(ctx, aside, e.owned("", kindWork))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.removeVolume(ctx, aside)) }()
	return name, e.withView(ctx, overlayOptions(lower, upper, work), func(view string) error {
		return e.withFiller(ctx, view, func(id string) error {
			return e.copyIn(ctx, id, "/", func(tw *tar.Writer) error {
				return e.readVolumeAt(ctx, wrote, allOf, func(r io.Reader) error { return intoCache(r, tw) })
			})
		})
	})
}

// intoCache copies an archive of a package cache to where a volume of it is filled.
func intoCache(r io.Reader, tw *tar.Writer) error {
	all := path.Join(fillAt, allOf)
	return errors.Join(transplant(r, tw, all, 1, 0, 0), tw.WriteHeader(folder(all, 0o777, 0, 0)))
}

// withView calls use with a volume that is an overlay, while that is there.
func (e *Engine) withView(ctx context.Context, options map[string]string, use func(volume string) error) (err error) {
	v, err := e.cli.VolumeCreate(ctx, volume.CreateOptions{Name: e.cacheVolume(), Driver: "local", DriverOpts: options, Labels: e.owned("", kindPackages)})
	if err != nil {
		return fmt.Errorf("make a volume of the package cache: %w", err)
	}
	defer func() { err = errors.Join(err, e.removeVolume(ctx, v.Name)) }()
	return use(v.Name)
}

// allGenerations returns the volumes of which the generations of all scopes are made.
func (e *Engine) allGenerations() (map[string]bool, error) {
	used := map[string]bool{}
	files, err := filepath.Glob(e.generationFile("*"))
	for _, file := range files {
		g, failed := readGenerationFile(file)
		err = errors.Join(err, failed)
		for _, name := range g.all() {
			used[name] = true
		}
	}
	return used, err
}
