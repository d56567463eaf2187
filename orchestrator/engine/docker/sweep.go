package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	imagetypes "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// How much of what is used no more is kept, and for how long. What was used
// within settleFor may be about to be used by a run that starts.
const (
	settleFor    = time.Hour
	keepTrees    = 3 // of each: loaded trees, prepared layers, derived images
	keepSealed   = 6
	forgetAfter  = 14 * 24 * time.Hour
	keepAnything = 1 << 30
)

// Sweep implements [engine.Engine]. Of other projects it removes places that have waited in
// vain: their own next run may be long in coming. What belongs to a run whose lock nobody
// holds is removed. What another machine's run made is removed when its
// container has ended, or its time has passed. Of what the project keeps, the
// few latest stay.
func (e *Engine) Sweep(ctx context.Context) ([]string, error) {
	s := sweeper{e: e, lives: map[string]life{}}
	err := errors.Join(s.look(ctx), s.containers(ctx), s.networks(ctx))
	if err != nil {
		return s.removed, err // volumes and images of what is still there must stay
	}
	err = errors.Join(s.expireImages(ctx), s.volumes(ctx), e.forgetMembers())
	return s.removed, err
}

// A sweeper removes what nobody needs.
type sweeper struct {
	e *Engine
	// everyones makes it look at what all projects keep.
	everyones bool
	removed   []string
	lives     map[string]life

	all    []container.Summary
	images []imagetypes.Summary
	vols   []*volume.Volume
	used   map[string]bool // trees, images and volumes beneath the package cache, of containers that stay, of any project
	busy   bool            // containers of this project stay
}

func (s *sweeper) look(ctx context.Context) (err error) {
	cli := s.e.cli
	mine := func(labels map[string]string) bool {
		return s.everyones || s.e.mine(labels) || s.e.lock.ofMember(labels)
	}
	// Volumes first: what is made after this is not looked at.
	vols, err := cli.VolumeList(ctx, volume.ListOptions{Filters: ofAny()})
	if err != nil {
		return fmt.Errorf("list volumes: %w", err)
	}
	s.vols = slices.DeleteFunc(vols.Volumes, func(v *volume.Volume) bool { return !mine(v.Labels) })
	if s.images, err = cli.ImageList(ctx, imagetypes.ListOptions{Filters: ofAny()}); err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	s.images = slices.DeleteFunc(s.images, func(i imagetypes.Summary) bool { return !mine(i.Labels) })
	// A layer of this project may be in use by another one.
	if s.all, err = cli.ContainerList(ctx, container.ListOptions{All: true, Filters: ofAny()}); err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	return nil
}

// abandoned reports whether a thing may be removed that belongs to an owner. ended is
// true if its process is known to have ended.
func (s *sweeper) abandoned(labels map[string]string, ended bool) (bool, error) {
	owner := labels[labelOwner]
	l, ok := s.lives[owner]
	if !ok {
		var err error
		if l, err = s.e.lock.lifeOf(owner); err != nil {
			return false, err
		}
		s.lives[owner] = l
	}
	return l == dead || l == elsewhere && (ended || s.expired(labels)), nil
}

func (s *sweeper) expired(labels map[string]string) bool {
	at, err := time.Parse(time.RFC3339, labels[labelExpires])
	return err == nil && s.e.now().After(at)
}

func (s *sweeper) containers(ctx context.Context) error {
	var errs []error
	s.used = map[string]bool{}
	for _, c := range s.all {
		mine := s.e.mine(c.Labels)
		if !mine && !s.e.lock.ofMember(c.Labels) {
			s.uses(c)
			continue
		}
		ended := c.State == container.StateExited || c.State == container.StateDead
		drop, err := s.abandoned(c.Labels, ended)
		if err == nil && drop {
			err = s.e.removeContainer(ctx, c.ID)
			s.note(err, "container", strings.TrimPrefix(strings.Join(c.Names, " "), "/"))
		} else {
			s.uses(c)
			s.busy = s.busy || mine
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// uses notes what a container that stays needs.
func (s *sweeper) uses(c container.Summary) {
	s.used[c.Labels[labelTree]], s.used[c.ImageID] = true, true
	for _, name := range strings.Split(c.Labels[labelPackages], ",") {
		s.used[name] = true
	}
}

func (s *sweeper) networks(ctx context.Context) error {
	list, err := s.e.cli.NetworkList(ctx, network.ListOptions{Filters: ofAny()})
	if err != nil {
		return fmt.Errorf("list networks: %w", err)
	}
	var errs []error
	for _, n := range list {
		if !s.e.mine(n.Labels) {
			continue
		}
		drop, err := s.abandoned(n.Labels, false)
		if err == nil && drop {
			if err = s.e.cli.NetworkRemove(ctx, n.ID); gone(err) {
				err = nil
			}
			s.note(err, "network", n.Name)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// volumes removes those of dead runs, and those kept that have had their time.
func (s *sweeper) volumes(ctx context.Context) error {
	uppers := map[string]bool{}
	for _, i := range s.images {
		uppers[i.Labels[labelUpper]] = true
	}
	generations, err := s.e.allGenerations()
	if err != nil {
		return err
	}
	var errs []error
	kept := map[string][]keepsake{}
	for _, v := range s.vols {
		kind := v.Labels[labelRole]
		if v.Labels[labelOwner] == "" {
			k := s.keepsake(v.Name, v.CreatedAt, v.Labels)
			k.spare = kind == kindPackages && !generations[v.Name]
			kept[kind] = append(kept[kind], k)
			continue
		}
		drop, err := s.abandoned(v.Labels, false)
		if err == nil && drop && !uppers[v.Name] {
			err = s.e.removeVolume(ctx, v.Name)
			s.note(err, "volume", v.Name)
		}
		errs = append(errs, err)
	}
	for kind, list := range kept {
		for _, k := range s.surplus(kind, list) {
			errs = append(errs, s.dropVolume(ctx, k))
		}
	}
	return errors.Join(errs...)
}

func (s *sweeper) dropVolume(ctx context.Context, k keepsake) error {
	err := s.e.cli.VolumeRemove(ctx, k.name, false)
	if cerrdefs.IsConflict(err) {
		return nil // in use
	}
	if !gone(err) {
		return fmt.Errorf("remove volume %s: %w", k.name, err)
	}
	s.note(nil, "volume", k.name)
	return s.e.dropMark(k.name)
}

func (s *sweeper) expireImages(ctx context.Context) error {
	kept := map[string][]keepsake{}
	for _, i := range s.images {
		if s.used[i.ID] {
			continue
		}
		kind, name := i.Labels[labelRole], names(i)[0]
		if name == i.ID || aside(name) {
			kind = kindReplaced
		}
		kept[kind] = append(kept[kind], s.keepsake(name, created(i), i.Labels))
	}
	var errs []error
	for kind, list := range kept {
		for _, k := range s.surplus(kind, list) {
			errs = append(errs, s.dropImage(ctx, k))
		}
	}
	return errors.Join(errs...)
}

func (s *sweeper) dropImage(ctx context.Context, k keepsake) error {
	_, err := s.e.cli.ImageRemove(ctx, k.name, imagetypes.RemoveOptions{})
	if cerrdefs.IsConflict(err) {
		return nil // in use, or another image is made from it
	}
	if !gone(err) {
		return fmt.Errorf("remove image %s: %w", k.name, err)
	}
	s.note(nil, "image", k.name)
	// Its volume goes with it.
	s.images = slices.DeleteFunc(s.images, func(i imagetypes.Summary) bool { return slices.Contains(names(i), k.name) })
	return s.e.dropMark(k.name)
}

// A keepsake is something that the project keeps.
type keepsake struct {
	name    string
	tree    string
	used    time.Time
	expired bool
	foreign bool // kept by another LockDir, whose marks cannot be seen
	spare   bool // nobody will ask for it
}

func (s *sweeper) keepsake(name, created string, labels map[string]string) keepsake {
	_, used := s.e.getMark(name)
	k := keepsake{name: name, tree: labels[labelTree], used: used, expired: s.expired(labels)}
	k.foreign = labels[labelHere] != "" && labels[labelHere] != s.e.here
	if at, err := time.Parse(time.RFC3339, created); err == nil && at.After(k.used) {
		k.used = at
	}
	return k
}

// surplus chooses which of one kind have had their time.
func (s *sweeper) surplus(kind string, list []keepsake) []keepsake {
	most := keepAnything
	switch kind {
	case kindTree, kindPrepared, kindDerived:
		most = keepTrees
	case kindSealed:
		most = keepSealed
	case kindReplaced:
		most = 0
	}
	slices.SortFunc(list, func(a, b keepsake) int { return b.used.Compare(a.used) })
	var out []keepsake
	own := 0
	for _, k := range list {
		if k.foreign {
			if k.expired {
				out = append(out, k)
			}
			continue
		}
		own++
		idle := s.e.now().Sub(k.used)
		if idle > forgetAfter || (own > most || k.spare) && idle > settleFor {
			out = append(out, k)
		}
	}
	return slices.DeleteFunc(out, func(k keepsake) bool { return k.tree != "" && s.used[k.tree] || s.used[k.name] })
}

func (s *sweeper) note(err error, kind, name string) {
	if err == nil {
		s.removed = append(s.removed, kind+" "+name)
	}
}
