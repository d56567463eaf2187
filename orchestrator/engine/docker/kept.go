package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	imagetypes "github.com/docker/docker/api/types/image"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Usage implements [engine.Keeper]. An image counts without those that it is made
// from, and with the volume of what its preparer wrote into the tree.
func (e *Engine) Usage(ctx context.Context, whose cache.Whose) ([]engine.Kept, error) {
	usage, err := e.diskUsage(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the engine what it keeps: %w", err)
	}
	s := sweeper{e: e}
	var list []engine.Kept
	members, err := e.free(memberPrefix)
	if err != nil {
		return nil, err
	}
	sizes, uppers := map[string]int64{}, map[string]bool{}
	for _, i := range usage.Images {
		sizes[i.ID], uppers[i.Labels[labelUpper]] = i.Size, true
	}
	for _, v := range usage.Volumes {
		k := s.kept(v.Name, v.CreatedAt, v.Labels)
		if v.UsageData != nil {
			k.Size = v.UsageData.Size
		}
		if at := slices.IndexFunc(members, func(m member) bool { return v.Labels[labelOwner] == e.lock.host+":"+m.path }); at >= 0 {
			members[at].size += max(k.Size, 0)
		} else if uppers[v.Name] {
			sizes[v.Name] = max(k.Size, 0)
		} else if e.lists(v.Labels, whose) {
			list = append(list, k)
		}
	}
	for _, m := range members {
		if whose == cache.Everyones || m.Project == e.opts.Project {
			list = append(list, m.kept())
		}
	}
	for _, i := range usage.Images {
		if !e.lists(i.Labels, whose) {
			continue
		}
		k := s.kept(names(*i)[0], created(*i), i.Labels)
		k.Size = max(i.Size-sizes[i.ParentID], 0) + sizes[i.Labels[labelUpper]]
		list = append(list, k)
	}
	return list, nil
}

// askAgainFor is how long an engine is asked again that refuses to say what it keeps.
const askAgainFor = time.Minute

// diskUsage asks what is kept. Engines before 23 count for one who asks at a time, and
// give all others an internal error meanwhile.
func (e *Engine) diskUsage(ctx context.Context) (types.DiskUsage, error) {
	for until, wait := time.Now().Add(askAgainFor), 50*time.Millisecond; ; wait = min(2*wait, time.Second) {
		usage, err := e.cli.DiskUsage(ctx, types.DiskUsageOptions{Types: []types.DiskUsageObject{types.ImageObject, types.VolumeObject}})
		if !cerrdefs.IsInternal(err) || time.Now().After(until) {
			return usage, err
		}
		select {
		case <-ctx.Done():
			return usage, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// lists reports whether Usage lists something with these labels.
func (e *Engine) lists(labels map[string]string, whose cache.Whose) bool {
	if whose == cache.Own {
		return e.mine(labels)
	}
	return labels[labelProject] != ""
}

func (s *sweeper) kept(name, created string, labels map[string]string) engine.Kept {
	return engine.Kept{Name: name, Kind: labels[labelRole], Project: labels[labelProject], Size: -1, Used: s.keepsake(name, created, labels).used}
}

// Drop implements [engine.Keeper]. It leaves what the engine says is in use, and what
// belongs to another LockDir, whose marks of use cannot be seen.
func (e *Engine) Drop(ctx context.Context, things []engine.Kept) (dropped []engine.Kept, err error) {
	e.digesting.Wait()
	s := sweeper{e: e, lives: map[string]life{}, everyones: true}
	if err := errors.Join(s.look(ctx), s.containers(ctx)); err != nil {
		return nil, err
	}
	rooms := map[string]droppable{}
	for _, v := range s.vols {
		if v.Labels[labelOwner] == "" {
			k := s.keepsake(v.Name, v.CreatedAt, v.Labels)
			rooms[v.Name] = droppable{k, v.Labels, s.used[v.Name] || s.used[k.tree] && k.tree != "", s.dropVolume}
		}
	}
	for _, i := range s.images {
		k := s.keepsake(names(i)[0], created(i), i.Labels)
		rooms[k.name] = droppable{k, i.Labels, s.used[i.ID] || s.used[k.tree] && k.tree != "", s.dropImage}
	}
	members, err := e.free(memberPrefix)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		rooms[m.Name] = droppable{keepsake{name: m.Name}, map[string]string{labelProject: m.Project}, false, func(ctx context.Context, k keepsake) error {
			err := e.dropMembers(ctx, []member{m})
			s.note(err, "container", k.name)
			return err
		}}
	}
	// What others are made from can go only after them: they were made later, and may
	// have been used less lately.
	for again := true; again; {
		again = false
		var left []engine.Kept
		for _, k := range things {
			gone, err := s.dropOne(ctx, rooms, k)
			if err != nil {
				return dropped, err
			}
			if gone {
				dropped, again = append(dropped, k), true
			} else {
				left = append(left, k)
			}
		}
		things = left
	}
	e.forget()
	return dropped, nil
}

// dropOne removes one thing, with the volume that belongs to it, unless somebody needs it.
func (s *sweeper) dropOne(ctx context.Context, rooms map[string]droppable, k engine.Kept) (gone bool, err error) {
	d, there := rooms[k.Name]
	if !there || d.used || d.foreign {
		return false, nil
	}
	if needed, err := s.e.neededBy(d, k); err != nil || needed {
		return false, err
	}
	n := len(s.removed)
	if err := d.drop(ctx, d.keepsake); err != nil || len(s.removed) == n {
		return false, err
	}
	if upper := d.labels[labelUpper]; upper != "" {
		return true, s.e.removeVolume(ctx, upper)
	}
	return true, nil
}

// A droppable is something kept, and how it is removed.
type droppable struct {
	keepsake
	labels map[string]string
	used   bool // by a container
	drop   func(context.Context, keepsake) error
}

// neededBy reports whether a run that lives may need a thing, which was listed as it was then.
func (e *Engine) neededBy(d droppable, listed engine.Kept) (bool, error) {
	if _, used := e.getMark(d.name); used.After(listed.Used) {
		return true, nil
	}
	if alive, err := e.lock.alive(d.labels[labelProject]); err != nil || alive {
		return true, err
	}
	kind := d.labels[labelRole]
	if kind != kindSealed && kind != kindPrepared && kind != kindPackages || e.now().Sub(d.keepsake.used) >= settleFor {
		return false, nil
	}
	return e.lock.anyone()
}

// ClearAll implements [engine.Keeper].
func (e *Engine) ClearAll(ctx context.Context) error {
	e.digesting.Wait()
	if err := e.lock.alone(e.opts.Project); err != nil {
		return err
	}
	members, err := e.free(e.memberPrefix())
	if err := errors.Join(err, e.dropMembers(ctx, members)); err != nil {
		return err
	}
	s := sweeper{e: e, lives: map[string]life{}}
	if err := errors.Join(s.look(ctx), s.containers(ctx), s.networks(ctx)); err != nil {
		return err
	}
	if s.busy {
		return errors.New("a run still has containers on the engine; try again when it has ended")
	}
	others, err := e.lock.anyone()
	if err != nil {
		return err
	}
	e.forget()
	kept := map[string]bool{} // volumes
	s.images = slices.DeleteFunc(s.images, func(i imagetypes.Summary) bool {
		keep := others && s.wanted(i)
		kept[i.Labels[labelUpper]] = kept[i.Labels[labelUpper]] || keep
		return keep
	})
	var errs []error
	for _, v := range s.vols {
		if !e.mine(v.Labels) {
			continue
		}
		// Another project's worker may see what is in the package cache, and its run may be
		// about to start one.
		if kept[v.Name] || s.used[v.Name] || others && v.Labels[labelRole] == kindPackages {
			continue
		}
		errs = append(errs, e.removeVolume(ctx, v.Name), e.dropMark(v.Name))
	}
	for _, i := range s.newestFirst() {
		for _, name := range names(i) {
			_, err := e.cli.ImageRemove(ctx, name, imagetypes.RemoveOptions{PruneChildren: true})
			if !gone(err) {
				errs = append(errs, fmt.Errorf("remove image %s: %w", name, err))
			}
			errs = append(errs, e.dropMark(name))
		}
	}
	return errors.Join(errs...)
}

// wanted reports whether a layer may be what another project's run found just
// now, and is about to start workers on.
func (s *sweeper) wanted(i imagetypes.Summary) bool {
	kind := i.Labels[labelRole]
	if kind != kindSealed && kind != kindPrepared {
		return false
	}
	used := s.keepsake(names(i)[0], created(i), i.Labels).used
	return s.used[i.ID] || s.e.now().Sub(used) < settleFor
}

// newestFirst orders images so that none comes before those made from it.
func (s *sweeper) newestFirst() []imagetypes.Summary {
	list := slices.Clone(s.images)
	slices.SortStableFunc(list, func(a, b imagetypes.Summary) int { return cmp.Compare(b.Created, a.Created) })
	return list
}

// names returns an image's tags, or its id when it has none.
func names(i imagetypes.Summary) []string {
	tags := slices.DeleteFunc(slices.Clone(i.RepoTags), func(s string) bool { return s == untagged })
	if len(tags) == 0 {
		return []string{i.ID}
	}
	return tags
}

// created returns when an image was made, as the engine writes it of a volume.
func created(i imagetypes.Summary) string { return time.Unix(i.Created, 0).Format(time.RFC3339) }

// untagged is how the engine calls an image without a tag in lists.
const untagged = "<none>:<none>"

// forget drops what was remembered of things that are removed.
func (e *Engine) forget() {
	e.once.volumes.clear()
	e.once.images.clear()
	e.once.foundations.clear()
	e.once.derived.clear()
	e.once.agents.clear()
	e.once.generations.clear()
}
