package docker

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	imagetypes "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// cleanUpFor bounds clean-up, which goes on when the caller was cancelled.
const cleanUpFor = 60 * time.Second

// fillAt is where a volume is mounted while it is filled or read.
const fillAt = "v"

// ensureVolume makes sure that a kept volume exists and is full. fill writes
// its content below the folder fillAt; it is called only when it must be.
func (e *Engine) ensureVolume(ctx context.Context, name string, labels map[string]string, fill func(*tar.Writer) error) error {
	_, err := e.once.volumes.do(ctx, name, func() (struct{}, error) {
		return struct{}{}, e.fullVolume(ctx, name, labels, fill)
	})
	return err
}

func (e *Engine) fullVolume(ctx context.Context, name string, labels map[string]string, fill func(*tar.Writer) error) (err error) {
	unlock, err := e.lockName(ctx, name, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	switch v, err := e.cli.VolumeInspect(ctx, name); {
	case err == nil:
		if m, _ := e.getMark(name); m.Fill != "" && m.Fill == v.Labels[labelFill] {
			return e.setMark(name, m)
		}
		// Left half full, or made by hand.
		if err := e.cli.VolumeRemove(ctx, name, false); err != nil {
			return fmt.Errorf("remove volume %s, which is not known to be complete: %w", name, err)
		}
	case !cerrdefs.IsNotFound(err):
		return fmt.Errorf("look up volume %s: %w", name, err)
	}
	full := mark{Fill: rand.Text()}
	labels = labelsWith(labels, map[string]string{labelHere: e.here, labelFill: full.Fill})
	if _, err := e.newVolume(ctx, name, labels, fill); err != nil {
		return err
	}
	return e.setMark(name, full)
}

// emptyVolume makes a volume, and returns the path of its content on the engine's
// machine.
func (e *Engine) emptyVolume(ctx context.Context, name string, labels map[string]string) (folder string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	// Not cancelled half-way: the engine would go on, and leave a volume.
	ctx, cancel := undisturbed(ctx)
	defer cancel()
	v, err := e.cli.VolumeCreate(ctx, volume.CreateOptions{Name: name, Driver: "local", Labels: labels})
	if err != nil {
		return "", fmt.Errorf("make volume %s: %w", name, err)
	}
	return v.Mountpoint, nil
}

// newVolume makes a volume and fills it; it leaves none behind on an error. It returns
// the path of its content on the engine's machine.
func (e *Engine) newVolume(ctx context.Context, name string, labels map[string]string, fill func(*tar.Writer) error) (folder string, err error) {
	where, err := e.emptyVolume(ctx, name, labels)
	if err != nil {
		return "", err
	}
	err = e.withFiller(ctx, name, func(id string) error { return e.copyIn(ctx, id, "/", fill) })
	if err != nil {
		return "", errors.Join(fmt.Errorf("fill volume %s: %w", name, err), e.removeVolume(ctx, name))
	}
	return where, nil
}

// ensureCache makes sure that a cache volume exists; fill writes what is in a new one.
// Its content is never thrown away here.
func (e *Engine) ensureCache(ctx context.Context, name string, fill func(*tar.Writer) error) error {
	_, err := e.once.volumes.do(ctx, name, func() (struct{}, error) {
		_, err := e.cli.VolumeInspect(ctx, name)
		if err == nil {
			return struct{}{}, e.setMark(name, mark{})
		}
		if !cerrdefs.IsNotFound(err) {
			return struct{}{}, fmt.Errorf("look up volume %s: %w", name, err)
		}
		_, err = e.newVolume(ctx, name, e.kept(kindCache), fill)
		if err == nil {
			err = e.setMark(name, mark{})
		}
		return struct{}{}, err
	})
	return err
}

// withFiller calls use with a container that has the volume at /v, and is
// never started.
func (e *Engine) withFiller(ctx context.Context, volume string, use func(id string) error) (err error) {
	void, err := e.void(ctx)
	if err != nil {
		return err
	}
	return e.withIdle(ctx, void, []mount.Mount{{
		Type: mount.TypeVolume, Source: volume, Target: "/" + fillAt,
		VolumeOptions: &mount.VolumeOptions{NoCopy: true},
	}}, use)
}

// withIdle calls use with a container that is created, never started, and
// removed afterwards.
func (e *Engine) withIdle(ctx context.Context, image string, mounts []mount.Mount, use func(id string) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	create, cancel := undisturbed(ctx)
	defer cancel()
	c, err := e.cli.ContainerCreate(create,
		&container.Config{Image: image, Entrypoint: []string{"none"}, Labels: e.owned("", kindFiller), NetworkDisabled: true},
		&container.HostConfig{NetworkMode: "none", Mounts: mounts, LogConfig: container.LogConfig{Type: "none"}}, nil, nil, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.removeContainer(ctx, c.ID)) }()
	return use(c.ID)
}

// copyIn writes an archive into a container's folder dir.
func (e *Engine) copyIn(ctx context.Context, id, dir string, write func(*tar.Writer) error) error {
	return engine.Piped(func(w io.Writer) error {
		tw := tar.NewWriter(w)
		if err := write(tw); err != nil {
			return err
		}
		return tw.Close()
	}, func(r io.Reader) error {
		return e.cli.CopyToContainer(ctx, id, dir, r, container.CopyToContainerOptions{})
	})
}

// undisturbed returns a context for a step that must not be left half done.
func undisturbed(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanUpFor)
}

// void returns an image without anything in it but the folder for uppers.
func (e *Engine) void(ctx context.Context) (string, error) {
	name := e.imageName(kindVoid + "-" + foundationVersion)
	return name, e.ensureImport(ctx, name, kindVoid, upperFolder)
}

// ensureImport makes an image out of an archive unless it is there.
func (e *Engine) ensureImport(ctx context.Context, name, kind string, write func(*tar.Writer) error) error {
	_, err := e.once.images.do(ctx, name, func() (image, error) {
		found, err := e.inspect(ctx, name)
		if err == nil {
			return found, e.setMark(name, mark{})
		}
		if !cerrdefs.IsNotFound(err) {
			return found, err
		}
		if err := e.importImage(ctx, name, e.kept(kind), write); err != nil {
			return image{}, err
		}
		return e.inspect(ctx, name)
	})
	return err
}

func (e *Engine) importImage(ctx context.Context, name string, labels map[string]string, write func(*tar.Writer) error) error {
	var b strings.Builder
	tw := tar.NewWriter(&b)
	if err := errors.Join(write(tw), tw.Close()); err != nil {
		return err
	}
	out, err := e.cli.ImageImport(ctx, imagetypes.ImportSource{Source: strings.NewReader(b.String()), SourceName: "-"}, name,
		imagetypes.ImportOptions{Changes: []string{labelChange(labels)}})
	if err != nil {
		return fmt.Errorf("make image %s: %w", name, err)
	}
	if err := errors.Join(streamError(out), out.Close()); err != nil {
		return fmt.Errorf("make image %s: %w", name, err)
	}
	return nil
}

func (e *Engine) removeContainer(ctx context.Context, id string) error {
	ctx, cancel := undisturbed(ctx)
	defer cancel()
	err := e.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	switch {
	case err == nil, cerrdefs.IsNotFound(err):
		return nil
	case cerrdefs.IsConflict(err): // somebody else removes it right now
		if err = e.await(ctx, id, container.WaitConditionRemoved); err == nil {
			return nil
		}
	}
	return fmt.Errorf("remove container %s: %w", id, err)
}

// await waits until a container has come so far, or is gone altogether.
func (e *Engine) await(ctx context.Context, id string, until container.WaitCondition) error {
	done, failed := e.cli.ContainerWait(ctx, id, until)
	select {
	case <-done:
		return nil
	case err := <-failed:
		if cerrdefs.IsNotFound(err) {
			return nil
		}
		return err
	}
}

func (e *Engine) removeVolume(ctx context.Context, name string) error {
	ctx, cancel := undisturbed(ctx)
	defer cancel()
	if err := e.cli.VolumeRemove(ctx, name, false); err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("remove volume %s: %w", name, err)
	}
	return nil
}

// folder returns an archive's entry for a folder.
func folder(name string, mode int64, uid, gid int) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(path.Clean(name), "/") + "/", Mode: mode, Uid: uid, Gid: gid}
}

// file writes a file into an archive.
func file(tw *tar.Writer, name string, mode int64, content []byte) error {
	if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path.Clean(name), "/"), Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := tw.Write(content)
	return err
}
