package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Start makes a container, attaches to it, and starts it. It implements
// [engine.Starter].
func (e *Engine) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	i := &instance{e: e, owner: e.lock.owner()}
	if err := e.launch(ctx, spec, i); err != nil {
		return nil, err
	}
	return i, nil
}

// launch starts an instance. When it fails it removes what it has made.
func (e *Engine) launch(ctx context.Context, spec engine.Spec, i *instance) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("start %s: %w", spec.Name, err)
		}
	}()
	defer func() {
		if err != nil {
			err = errors.Join(err, i.Remove(ctx))
		}
	}()
	if err := e.check(spec); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.blueprint(ctx, spec, i); err != nil {
		return err
	}
	return i.start(ctx)
}

func (e *Engine) check(spec engine.Spec) error {
	if spec.Run == "" || spec.Name == "" {
		return errors.New("its Run and its Name must be set")
	}
	if spec.Tree != "" && !fitName(spec.TreeName) {
		return fmt.Errorf("tree name %q: must be the name of one folder", spec.TreeName)
	}
	switch spec.Role {
	case engine.Builder, engine.Preparer, engine.Worker, engine.Finisher:
		return nil
	}
	return fmt.Errorf("unknown role %q", spec.Role)
}

func fitName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\x00")
}

// blueprint prepares everything that a container needs. It records in i at once what
// must be removed with the container, so that i.Remove can undo it.
func (e *Engine) blueprint(ctx context.Context, spec engine.Spec, i *instance) error {
	b, img, err := e.plan(ctx, spec, i.owner)
	if err != nil {
		return err
	}
	b.Stays = i.member != ""
	b.Labels[labelPackages] = strings.Join(b.Packages, ",")
	i.b = b
	if len(b.Packages) > 0 {
		if err := e.placeCache(ctx, i); err != nil {
			return fmt.Errorf("give it the package cache: %w", err)
		}
	}
	if i.b.Who != defaultUser {
		i.fills = append(i.fills, i.settle)
	}
	if spec.Tree == "" {
		i.fills = append(i.fills, i.emptySource)
		return nil
	}
	return e.placeTree(ctx, i, img)
}

// plan returns what a container is made of, but for its tree, and its image. It makes
// nothing that belongs to the container alone.
func (e *Engine) plan(ctx context.Context, spec engine.Spec, owner string) (b blueprint, img image, err error) {
	who, err := parseUser(spec.User)
	if err != nil {
		return b, img, err
	}
	b = blueprint{
		Spec: spec, Who: who, Traits: e.traits, Network: e.opts.Builder.Network,
		Name:   fmt.Sprintf("shardyard-%s-%s-%s", slug(e.opts.ProjectName), runName(spec.Run), slug(spec.Name)),
		Labels: e.ownedBy(owner, spec.Run, string(spec.Role)),
	}
	b.Labels[labelTree] = string(spec.Tree)
	if b.Image = string(spec.Layer); b.Image == "" {
		if b.Image, err = e.foundation(ctx, spec.Base); err != nil {
			return b, img, err
		}
	}
	if img, err = e.image(ctx, b.Image); err != nil {
		return b, img, err
	}
	b.Path = img.path()
	if unset := img.Labels[labelEnv]; unset != "" {
		b.Unset = strings.Split(unset, ",")
	}
	if b.Agent, err = e.agent(ctx); err != nil {
		return b, img, err
	}
	if spec.Base.Host {
		if b.Binds, err = hostBinds(spec.Base.Program, spec.Base.Prefixes); err != nil {
			return b, img, err
		}
	}
	if err := e.supplies(ctx, &b); err != nil {
		return b, img, err
	}
	return b, img, e.join(ctx, &b)
}

// supplies adds what the role is given: caches, and a builder's settings.
func (e *Engine) supplies(ctx context.Context, b *blueprint) (err error) {
	if err := e.packages(ctx, b); err != nil || b.Spec.Role == engine.Worker || b.Spec.Role == engine.Finisher {
		return err
	}
	if b.CA, err = e.ca(ctx); err != nil {
		return err
	}
	if len(e.opts.Builder.Mounts)+len(e.opts.Builder.Offers) == 0 {
		return nil
	}
	p, err := e.probe(ctx)
	if err != nil {
		return err
	}
	if !p.Local && len(e.opts.Builder.Mounts) == 0 {
		return nil
	}
	if !p.Local {
		return fmt.Errorf("the engine is on another machine, where %s cannot be shown to builders", strings.Join(e.opts.Builder.Mounts, ", "))
	}
	for _, m := range slices.Concat(e.opts.Builder.Mounts, e.opts.Builder.Offers) {
		if !covered(b.Binds, m) {
			b.Binds = append(b.Binds, path.Clean(m))
		}
	}
	return nil
}

// covered reports whether one of the folders contains p.
func covered(folders []string, p string) bool {
	return slices.ContainsFunc(folders, func(f string) bool {
		return path.Clean(p) == f || strings.HasPrefix(path.Clean(p), f+"/")
	})
}

// runName returns a run's id, fit for a container's name. The end of an id is
// what tells runs apart.
func runName(run string) string {
	run = strings.Trim(unfit.ReplaceAllString(strings.ToLower(run), "-"), "-")
	if len(run) > 24 {
		run = strings.Trim(run[len(run)-24:], "-")
	}
	return run
}

// start makes the container and starts it, attached.
func (i *instance) start(ctx context.Context) error {
	config, host := convert(i.b)
	cli := i.e.cli
	if err := ctx.Err(); err != nil {
		return err
	}
	create, cancel := undisturbed(ctx)
	defer cancel()
	c, err := cli.ContainerCreate(create, config, host, nil, nil, i.b.Name)
	if err != nil {
		return i.e.explain(err, i.b)
	}
	i.id = c.ID
	for _, w := range c.Warnings {
		i.e.log.Warn("engine warns", "container", i.b.Name, "warning", w)
	}
	for _, fill := range i.fills {
		if err := fill(ctx, c.ID); err != nil {
			return fmt.Errorf("fill the container: %w", err)
		}
	}
	if err := i.attach(ctx); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	// A cancelled context does not end what reads from this connection.
	stop := context.AfterFunc(ctx, i.stream.conn.Close)
	defer stop()
	if err := cli.ContainerStart(ctx, c.ID, container.StartOptions{}); err != nil {
		return i.e.explain(err, i.b)
	}
	return ctx.Err()
}

// emptySource makes the source's folder where there is no tree. It is in a
// volume that goes with the container, so what is put there is not sealed.
func (i *instance) emptySource(ctx context.Context, id string) error {
	return i.e.copyIn(ctx, id, "/", func(tw *tar.Writer) error {
		return tw.WriteHeader(folder(i.b.source(), 0o755, i.b.Who.UID, i.b.Who.GID))
	})
}

// settle gives the container a home and a line in passwd for a user other than the
// foundation's.
func (i *instance) settle(ctx context.Context, id string) error {
	passwd, err := i.e.readIfThere(ctx, id, "/etc/passwd")
	if err != nil {
		return err
	}
	group, err := i.e.readIfThere(ctx, id, "/etc/group")
	if err != nil {
		return err
	}
	return i.e.copyIn(ctx, id, "/", func(tw *tar.Writer) error { return workplace(tw, i.b.Who, passwd, group) })
}

// explain adds to an error of the engine what to do about it.
func (e *Engine) explain(err error, b blueprint) error {
	if cerrdefs.IsConflict(err) {
		return fmt.Errorf("%w: another instance of run %s has this name", err, b.Spec.Run)
	}
	if b.privileged() && strings.Contains(err.Error(), "/bin/sh") {
		return fmt.Errorf("%w: image %s has no shell, and environments cannot be built on it; take an image with /bin/sh", err, b.Spec.Base.Image)
	}
	return err
}

// labelsWith returns labels, changed.
func labelsWith(labels, change map[string]string) map[string]string {
	out := maps.Clone(labels)
	maps.Copy(out, change)
	return out
}
