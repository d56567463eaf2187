package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docker/docker/api/types"
	imagetypes "github.com/docker/docker/api/types/image"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Usage implements [engine.Keeper].
func (e *Engine) Usage(ctx context.Context) ([]engine.Kept, error) {
	usage, err := e.cli.DiskUsage(ctx, types.DiskUsageOptions{Types: []types.DiskUsageObject{types.ImageObject, types.VolumeObject}})
	if err != nil {
		return nil, fmt.Errorf("ask the engine what it keeps: %w", err)
	}
	s := sweeper{e: e}
	var list []engine.Kept
	for _, v := range usage.Volumes {
		if !e.mine(v.Labels) {
			continue
		}
		k := engine.Kept{Name: v.Name, Kind: v.Labels[labelRole], Size: -1, Used: s.keepsake(v.Name, v.CreatedAt, v.Labels).used}
		if v.UsageData != nil {
			k.Size = v.UsageData.Size
		}
		list = append(list, k)
	}
	for _, i := range usage.Images {
		if !e.mine(i.Labels) {
			continue
		}
		name := names(*i)[0]
		created := time.Unix(i.Created, 0).Format(time.RFC3339)
		list = append(list, engine.Kept{Name: name, Kind: i.Labels[labelRole], Size: i.Size, Used: s.keepsake(name, created, i.Labels).used})
	}
	return list, nil
}

// ClearAll implements [engine.Keeper].
func (e *Engine) ClearAll(ctx context.Context) error {
	if err := e.lock.alone(e.opts.Project); err != nil {
		return err
	}
	s := sweeper{e: e, lives: map[string]life{}}
	if err := errors.Join(s.look(ctx), s.containers(ctx), s.networks(ctx)); err != nil {
		return err
	}
	if s.busy {
		return errors.New("a run still has containers on the engine; try again when it has ended")
	}
	others, err := e.lock.others()
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
		if kept[v.Name] {
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
	used := s.keepsake(names(i)[0], time.Unix(i.Created, 0).Format(time.RFC3339), i.Labels).used
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

// untagged is how the engine calls an image without a tag in lists.
const untagged = "<none>:<none>"

// forget drops what was remembered of things that are removed.
func (e *Engine) forget() {
	e.once.volumes.clear()
	e.once.images.clear()
	e.once.foundations.clear()
	e.once.derived.clear()
	e.once.agents.clear()
}
