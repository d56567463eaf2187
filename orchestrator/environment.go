package orchestrator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// An installer makes the layers of a site.
type installer struct {
	*ground
	req   *Request
	rec   *recorder
	facts facts
	built time.Duration             // spent on building layers
	asked map[framework.Remote]bool // hosts that were looked for
	// The keys of the layers; "" for one that is not made.
	envKey, preparedKey string
	// loose says what of the environment nothing pins; "" for nothing.
	loose string
}

// environment returns the layer in which the suite's dependencies are
// installed: the sealed one with this key, or a new one.
func (i *installer) environment(ctx context.Context) (layer engine.Layer, err error) {
	if i.req.Setup.empty() && i.req.Prepare.empty() {
		return "", nil
	}
	files, err := i.src.Read(ctx, i.req.Setup.Key)
	if err != nil {
		return "", err
	}
	made := cache.Environment{
		Base: i.base.ID, Platform: i.info.Platform, Commands: i.req.Setup.Commands, Ensure: i.req.Setup.Ensure, Files: files,
		Settings: i.req.Builder.Settings,
	}
	pinned, why := framework.Pins(files, slices.Concat(i.req.Setup.Commands, i.req.Prepare.Commands), slices.Concat(i.req.Setup.Ensure, i.req.Prepare.Ensure))
	i.loose = why
	var synced *cache.Synced
	if pinned == framework.Locked {
		synced = made.Synced()
	}
	layer, i.envKey, err = i.layer(ctx, layerStep{
		name: "environment", registry: i.req.registry(), role: engine.Builder, generations: true, ages: i.req.Refresh.ages(pinned, why), anew: i.req.Refresh.Anew,
		keys: func(s cache.Scope) []layerKey {
			made.Scope = s
			return []layerKey{{cache.EnvironmentKey(made), made.Parts()}}
		},
		build:  func(ctx context.Context, b *builder) error { return b.setup(ctx, i.req.Setup, files) },
		synced: synced,
	})
	if err == nil && synced != nil && i.trusted() && i.facts.latest(ctx, i.info.Name) != i.envKey {
		err = i.facts.setLatest(ctx, i.info.Name, i.envKey)
	}
	return layer, err
}

func (i *installer) trusted() bool { return i.req.Scope != cache.Untrusted }

// older finds the environment of the latest trusted run, if one that is made of packages
// can be begun with it instead of with nothing. What an untrusted run has installed might have
// written anything into its own.
func (i *installer) older(ctx context.Context, synced *cache.Synced) (layer engine.Layer, said string, err error) {
	key := i.facts.latest(ctx, i.info.Name)
	if key == "" {
		return "", "", nil
	}
	layer, ok, err := i.engine.Find(ctx, key)
	var damaged *engine.DamagedError
	if errors.As(err, &damaged) {
		i.rec.note(report.Warning, "%s; the environment is made without it", damaged.Error())
		return "", "", nil
	}
	if err != nil || !ok {
		return "", "", err
	}
	about, err := i.engine.About(ctx, layer)
	if err != nil {
		return "", "", err
	}
	differ, ok := synced.From(about.Synced)
	if !ok {
		return "", "", nil
	}
	synced.Depth = about.Synced.Depth + 1
	return layer, fmt.Sprintf("begun with the one before, of which %s", report.Count(differ, "package differs", "packages differ")), nil
}

// prepared returns the layer in which the project itself is installed: one of this
// tree, or of another one in which the same is read to install it.
func (i *installer) prepared(ctx context.Context, env engine.Layer, tree engine.Tree) (layer engine.Layer, err error) {
	if i.req.Prepare.empty() {
		return env, nil
	}
	made := cache.Prepared{
		Environment: i.envKey, Dir: i.src.Sub, Place: i.info.Name + "/" + i.treeName(), Commands: i.req.Prepare.Commands, Ensure: i.req.Prepare.Ensure,
	}
	read, err := footprintOf(ctx, i.src, i.req.Session.Toolchain.Reads, i.req.Prepare.Commands)
	if err != nil {
		return "", err
	}
	layer, i.preparedKey, err = i.layer(ctx, layerStep{
		name: "prepare", role: engine.Preparer, from: env, tree: tree,
		keys: func(s cache.Scope) (keys []layerKey) {
			for _, made.Tree = range read.trees(i.src.ID) {
				made.Scope = s
				keys = append(keys, layerKey{cache.PreparedKey(made), made.Parts()})
			}
			return keys
		},
		build: func(ctx context.Context, b *builder) error { return b.prepare(ctx, i.req.Prepare) },
		holds: read.holds,
	})
	return layer, err
}

// A layerStep is a layer that is found by its key in a scope that the run reads, or
// else built, under a lock, and sealed under its key in the run's own scope.
type layerStep struct {
	name string
	keys func(cache.Scope) []layerKey // the widest first: the last one always holds
	// generations: there may be several layers of a key, of which the newest will do.
	generations bool
	// ages says how old the layer may be; it is sealed in generations if that is bounded,
	// or if it is built anew, though there is one.
	ages age
	anew bool
	// registry has layers that are not here; "" for none.
	registry string
	role     engine.Role
	from     engine.Layer
	tree     engine.Tree
	// synced is what an environment is made of that may be begun with an older one; nil
	// for others.
	synced *cache.Synced
	build  func(context.Context, *builder) error
	// holds reports whether a layer may have its widest key, by what was written into
	// the tree. Nil where there is only one.
	holds func(worker.Changed) bool
}

// A layerKey is a key, and what it is made of.
type layerKey struct {
	name  string
	parts cache.Parts
}

// layer returns a layer, and the key under which it is kept.
func (i *installer) layer(ctx context.Context, s layerStep) (layer engine.Layer, key string, err error) {
	var keys, own []layerKey
	var outdated string // why what there is will not do
	var begun string    // with what it was begun, if not with nothing
	for _, scope := range i.req.Scope.Reads() {
		own = s.keys(scope)
		keys = append(keys, own...)
	}
	under := own[len(own)-1]
	step := i.rec.step(s.name)
	before := i.facts.parts(ctx, i.info.Name, s.name)
	defer func() {
		if err == nil && !maps.Equal(before, under.parts) {
			err = i.facts.setParts(ctx, i.info.Name, s.name, under.parts)
		}
		if !step.cached {
			step.detail = cmp.Or(outdated, under.parts.Why(before))
			if begun != "" {
				step.detail += "; " + begun
			}
		}
		took := i.rec.elapsed() - step.began
		if step.cached {
			step.saved = max(0, i.facts.time(ctx, s.name)-took)
		} else {
			i.built += took
			if err == nil {
				err = i.facts.setTime(ctx, s.name, took)
			}
		}
		step.end(err)
	}()
	find := func() (layer engine.Layer, ok bool, err error) {
		for _, k := range keys {
			name, old, err := i.current(ctx, s, k.name)
			outdated = cmp.Or(outdated, old)
			if err != nil {
				return "", false, err
			}
			if name == "" {
				continue
			}
			var damaged *engine.DamagedError
			if layer, ok, err = i.engine.Find(ctx, name); errors.As(err, &damaged) {
				i.rec.note(report.Warning, "%s; it is built anew", damaged.Error())
				outdated = "what was kept was damaged"
				continue
			}
			if err != nil {
				return "", false, err
			}
			if ok {
				under = layerKey{name, k.parts}
				break
			}
		}
		return layer, ok, err
	}
	layer, found, err := find()
	if err != nil || found {
		step.cached = found
		return layer, under.name, err
	}
	waits := i.rec.elapsed()
	unlock, err := i.engine.Lock(ctx, own[0].name, func() { step.does("waiting for another run's install") })
	if err != nil {
		return "", under.name, err
	}
	step.waited = i.rec.elapsed() - waits
	defer unlock()
	if layer, found, err = find(); err != nil || found {
		step.cached = found
		return layer, under.name, err
	}
	if s.registry != "" && !s.anew && i.pull(ctx, s, own[0].name, step) {
		if layer, found, err = find(); err != nil || found {
			step.cached, step.detail = found, "pulled from "+s.registry
			return layer, under.name, err
		}
	}
	if s.ages.most > 0 || s.anew {
		own = []layerKey{{cache.Generation(own[0].name, i.rec.now()), own[0].parts}}
	}
	if !s.anew && s.synced != nil {
		if s.from, begun, err = i.older(ctx, s.synced); err != nil {
			return "", under.name, err
		}
	}
	layer, under, err = i.build(ctx, s, own, step)
	return layer, under.name, err
}

// pull brings a layer from the registry, if that has it, and reports whether it did. That
// it could not is a warning: the layer is built then.
func (i *installer) pull(ctx context.Context, s layerStep, key string, step *step) (there bool) {
	sharer, ok := i.engine.(cache.Sharer)
	if !ok {
		i.rec.note(report.Info, "cache.registry is for images, which the %s engine has none of", i.info.Name)
		return false
	}
	step.does("looking for it in " + s.registry)
	keyOf := func(about cache.About) string {
		if s.ages.most > 0 {
			return cache.Generation(key, about.Built)
		}
		return key
	}
	there, err := sharer.Pull(ctx, s.registry, key, keyOf, step.say)
	if err != nil && ctx.Err() == nil {
		i.rec.note(report.Warning, "cache.registry: %v; the environment is built here", err)
	}
	return there && err == nil
}

// current returns the key of the generation that will do; "" for none, and then why what
// there is will not.
func (i *installer) current(ctx context.Context, s layerStep, base string) (key, outdated string, err error) {
	if !s.generations {
		return base, "", nil
	}
	all, err := i.engine.Keys(ctx, base)
	if err != nil {
		return "", "", err
	}
	key, built, ok := cache.Newest(base, all)
	switch {
	case !ok:
		return "", "", nil
	case s.anew && built.UnixMilli() < i.rec.began.UnixMilli():
		return "", "--refresh asks for a new one", nil
	case s.ages.most > 0 && i.rec.now().Sub(built) > s.ages.most:
		return "", fmt.Sprintf("it was older than %s, and nothing pins %s", report.Age(s.ages.most), s.ages.why), nil
	}
	return key, "", nil
}

// build builds a layer and seals it under the widest of the keys that holds.
func (i *installer) build(ctx context.Context, s layerStep, keys []layerKey, step *step) (layer engine.Layer, under layerKey, err error) {
	under = keys[len(keys)-1]
	defer i.reach(ctx)()
	step.does("starting a " + string(s.role))
	p, err := begin(ctx, i.engine, i.spec(s), 0)
	if err != nil {
		return "", under, err
	}
	defer func() { err = errors.Join(err, p.end(ctx)) }()
	tools := i.req.Session.Toolchain
	b := &builder{
		client: p.client, layout: p.layout, base: i.base, tools: tools, fill: fill(tools, i.base, p.layout), runs: i.info.Platform, sub: i.src.Sub,
		env: i.req.Builder.environ(tools, i.base, p.layout), say: step.say, does: step.does, note: i.rec.note,
		begun: s.synced != nil && s.from != "",
	}
	if why := i.req.Builder.Why; len(why) > 0 {
		step.say("builders get " + strings.Join(why, "; "))
	}
	if err := s.build(ctx, b); err != nil {
		return "", under, fmt.Errorf("%s failed, nothing of it is kept: %w", s.name, err)
	}
	if len(keys) > 1 {
		wrote, err := p.client.Changes(ctx, worker.Changes{Dir: p.layout.Source, Keep: []string{"*"}})
		if err != nil {
			return "", under, fmt.Errorf("ask what %s wrote: %w", s.name, err)
		}
		if s.holds(wrote) {
			under = keys[0]
		}
	}
	about := cache.About{Built: i.rec.now().UTC().Truncate(time.Second)}
	if i.trusted() {
		about.Synced = s.synced
	}
	if about.Packages, err = b.packages(ctx); err != nil {
		return "", under, err
	}
	if err := p.client.Quit(ctx); err != nil {
		return "", under, fmt.Errorf("end %s: %w", s.role, err)
	}
	step.does("sealing it")
	layer, err = p.inst.Seal(ctx, under.name, about)
	return layer, under, err
}

// spec returns the place in which a layer is built.
func (i *installer) spec(s layerStep) engine.Spec {
	spec := i.ground.spec(s.role, string(s.role))
	spec.Layer, spec.Tree = s.from, s.tree
	return spec
}
