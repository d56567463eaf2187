package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// An instance is a container with the agent in it.
type instance struct {
	e      *Engine
	b      blueprint
	id     string
	stream *stream
	// fills write into the container before it starts.
	fills []filler
	// upper is the volume with what is written over the tree, wrote the one with what is
	// written over the package cache, and not kept; "" for none. others are volumes that go
	// with the instance, as those that overlays need beside.
	upper, wrote string
	others       []string
	// owner is who must live for it to live, as labels have it. member is the name in
	// LockDir of one that waits, or has waited; "" for others.
	owner, member string

	mu      sync.Mutex
	sealed  bool
	removed bool
	exit    *engine.Exit
}

// A filler writes into a container that was not started yet.
type filler func(ctx context.Context, id string) error

func (i *instance) Stream() io.ReadWriteCloser { return i.stream }
func (i *instance) Layout() engine.Layout      { return i.b.layout() }
func (i *instance) Host() string               { return i.e.info.Name }
func (i *instance) Stderr() string             { return i.stream.stderr.String() }

// Wait asks the engine, not the stream: a stream can end for many reasons.
func (i *instance) Wait(ctx context.Context) (engine.Exit, error) {
	if exit := i.known(); exit != nil {
		return *exit, nil
	}
	if err := i.e.await(ctx, i.id, container.WaitConditionNotRunning); err != nil {
		if exit := i.known(); exit != nil { // it was removed meanwhile
			return *exit, nil
		}
		return engine.Exit{}, fmt.Errorf("wait for %s: %w", i.b.Name, err)
	}
	exit, err := i.look(ctx)
	if known := i.known(); known != nil {
		return *known, nil
	}
	if err == nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.exit = &exit
	}
	return exit, err
}

func (i *instance) known() *engine.Exit {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.exit
}

// removedCode is the status of what is killed.
const removedCode = 137

// look reads how the container ended, or is about to by Remove.
func (i *instance) look(ctx context.Context) (engine.Exit, error) {
	c, err := i.e.cli.ContainerInspect(ctx, i.id)
	if cerrdefs.IsNotFound(err) {
		return engine.Exit{Code: removedCode, Error: "somebody else removed the container", At: i.e.now()}, nil
	}
	if err != nil {
		return engine.Exit{}, fmt.Errorf("ask how %s ended: %w", i.b.Name, err)
	}
	if c.State.Running {
		return engine.Exit{Code: removedCode, At: i.e.now()}, nil
	}
	exit := engine.Exit{Code: c.State.ExitCode, OOMKilled: c.State.OOMKilled, Error: c.State.Error}
	if exit.At, err = time.Parse(time.RFC3339Nano, c.State.FinishedAt); err != nil {
		exit.At = i.e.now()
	}
	return exit, nil
}

// Seal commits the container. What a preparer wrote into the tree is in a
// volume, or in the container's own layer together with the tree.
func (i *instance) Seal(ctx context.Context, key string, about cache.About) (engine.Layer, error) {
	kind := map[engine.Role]string{engine.Builder: kindSealed, engine.Preparer: kindPrepared}[i.b.Spec.Role]
	if kind == "" {
		return "", fmt.Errorf("seal %s: a %s cannot be sealed", i.b.Name, i.b.Spec.Role)
	}
	switch exit, err := i.ended(ctx); {
	case err != nil:
		return "", fmt.Errorf("seal %s: %w", i.b.Name, err)
	case exit.Code != 0:
		return "", fmt.Errorf("seal %s: its agent ended with status %d, and what it made may be incomplete; its stderr: %s", i.b.Name, exit.Code, i.Stderr())
	}
	labels, err := i.sealLabels(kind, about)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", i.b.Name, err)
	}
	layer, err := i.e.commit(ctx, i.id, layerName(key), labels)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", i.b.Name, err)
	}
	if kind == kindSealed {
		i.e.noteDigest(ctx, layer)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sealed = true
	if err := i.promote(ctx); err != nil { // the layer is whole without it
		i.e.log.Warn("what was downloaded does not get into the package cache: later builds download it again", "builder", i.b.Name, "error", err)
	}
	return engine.Layer(layer), nil
}

// ended waits for an agent that was told to quit.
func (i *instance) ended(ctx context.Context) (engine.Exit, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cleanUpFor, errors.New("its agent still runs; let it quit first"))
	defer cancel()
	exit, err := i.Wait(ctx)
	if err != nil && ctx.Err() != nil {
		return exit, context.Cause(ctx)
	}
	return exit, err
}

// Remove implements [engine.Instance]. It goes on when ctx is cancelled.
func (i *instance) Remove(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.removed {
		return nil
	}
	ctx, cancel := undisturbed(ctx)
	defer cancel()
	var errs []error
	if i.stream != nil {
		errs = append(errs, i.stream.Close())
	}
	if i.id != "" {
		if i.stream != nil {
			i.linger(ctx)
		}
		if exit, err := i.look(ctx); err == nil && i.exit == nil {
			i.exit = &exit
		}
		errs = append(errs, i.e.removeContainer(ctx, i.id))
	}
	if i.b.Tree != nil {
		errs = append(errs, i.e.removeVolume(ctx, i.b.Tree.Volume))
	}
	if i.upper != "" && !i.sealed {
		errs = append(errs, i.e.removeVolume(ctx, i.upper))
	}
	if i.wrote != "" {
		errs = append(errs, i.e.removeVolume(ctx, i.wrote))
	}
	for _, name := range i.others {
		errs = append(errs, i.e.removeVolume(ctx, name))
	}
	err := errors.Join(errs...)
	if i.member != "" && err == nil {
		if err = os.Remove(i.held()); errors.Is(err, fs.ErrNotExist) {
			err = nil // a sweep has seen that it is gone
		}
	}
	i.removed = err == nil
	return err
}

// lingerFor is how long an agent is given to end by itself, as it does when its
// stdin ends. The engine has more work with one that must be killed.
const lingerFor = time.Second

func (i *instance) linger(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lingerFor)
	defer cancel()
	if err := i.e.await(ctx, i.id, container.WaitConditionNotRunning); err != nil { // it will be killed
		i.e.log.Debug("the agent did not end by itself", "container", i.b.Name, "error", err)
	}
}

// commit keeps a container's own layer as an image.
func (e *Engine) commit(ctx context.Context, id, name string, labels map[string]string) (string, error) {
	_, err := e.cli.ContainerCommit(ctx, id, container.CommitOptions{Reference: name, Config: &container.Config{Labels: labels}})
	if err != nil {
		return "", fmt.Errorf("commit image %s: %w", name, err)
	}
	e.once.images.forget(name)
	return name, e.setMark(name, mark{})
}

// gone reports whether an error means that the thing asked for is not there.
func gone(err error) bool { return err == nil || cerrdefs.IsNotFound(err) }
