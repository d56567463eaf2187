package docker

import (
	"archive/tar"
	"context"
	"path"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// packages says which package cache a role has: builders and preparers one that outlives
// them, workers that ask for it what is in that, in their own view. Where the engine mounts
// no overlays there is none for workers, and the others write theirs in place.
func (e *Engine) packages(ctx context.Context, b *blueprint) error {
	role := b.Spec.Role
	if role == engine.Finisher || role == engine.Worker && !b.Spec.OwnCache {
		return nil
	}
	overlays, err := e.overlays(ctx)
	if err != nil {
		return err
	}
	switch {
	case overlays && role == engine.Worker:
		b.Packages, err = e.generationOfRun(ctx)
	case overlays:
		b.Packages, err = e.generationToExtend(ctx)
	case role != engine.Worker:
		who := b.Who
		if role == engine.Builder {
			who = identity{}
		}
		var volume string
		volume, err = e.cache(ctx, who)
		b.Cache = &treeMount{Volume: volume}
	}
	return err
}

// cache makes sure that the scope's cache for one user exists, of this project. Users do
// not share one: installers refuse a cache that belongs to someone else, or fail on one
// that it cannot write.
func (e *Engine) cache(ctx context.Context, who identity) (string, error) {
	return e.cacheWith(ctx, who, func(tw *tar.Writer) error { return tw.WriteHeader(folder(fillAt, 0o755, who.UID, who.GID)) })
}

// cacheWith is cache, where fill writes what is in a new one below the folder fillAt.
func (e *Engine) cacheWith(ctx context.Context, who identity, fill func(*tar.Writer) error) (string, error) {
	scope := e.opts.Project
	if e.opts.Builder.Scope == cache.Untrusted {
		scope += "-" + string(cache.Untrusted)
	}
	name := "shardyard-cache-" + slug(scope) + "-" + short(scope)
	if who.UID != 0 {
		name += "-" + who.slug()
	}
	return name, e.ensureCache(ctx, name, fill)
}

// ca makes sure that the engine holds the CA bundle, and returns its volume;
// "" when none was configured.
func (e *Engine) ca(ctx context.Context) (string, error) {
	pem := e.opts.Builder.CA
	if len(pem) == 0 {
		return "", nil
	}
	name := e.volumeName(kindCA, hash(string(pem))[:12], e.here)
	return name, e.ensureVolume(ctx, name, e.kept(kindCA), func(tw *tar.Writer) error {
		if err := tw.WriteHeader(folder(fillAt, 0o755, 0, 0)); err != nil {
			return err
		}
		return file(tw, path.Join(fillAt, path.Base(caFile)), 0o444, pem)
	})
}
