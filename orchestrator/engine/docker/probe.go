package docker

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/docker/docker/api/types/mount"
	"github.com/moby/sys/atomicwriter"
)

// probed holds the abilities of an engine that must be tried out, since no engine
// tells them.
type probed struct {
	// Local: folders of this machine can be mounted.
	Local bool
	// Overlay: the local volume driver mounts overlays.
	Overlay bool
}

// probe tries out what the engine can do, once for each engine and version of
// it: the answer is kept in LockDir.
func (e *Engine) probe(ctx context.Context) (probed, error) {
	return e.once.probes.do(ctx, "", func() (p probed, err error) {
		name := filepath.Join(e.opts.LockDir, "probe-"+hash(foundationVersion, e.info.ID, e.info.ServerVersion, e.info.Driver, e.info.KernelVersion, e.cli.DaemonHost()))
		if b, err := os.ReadFile(name); err == nil && json.Unmarshal(b, &p) == nil {
			return p, nil
		}
		if p.Local, err = e.probeLocal(ctx); err != nil {
			return p, fmt.Errorf("find out what the engine can do: %w", err)
		}
		if p.Overlay, err = e.probeOverlay(ctx); err != nil {
			return p, fmt.Errorf("find out what the engine can do: %w", err)
		}
		e.log.Debug("probed", "local", p.Local, "overlay", p.Overlay)
		b, err := json.Marshal(p)
		if err != nil {
			return p, err
		}
		return p, atomicwriter.WriteFile(name, b, 0o644)
	})
}

// probeLocal looks whether the engine sees a file of this machine, which it
// does not when it is remote, in a virtual machine, or outside the container
// that this program runs in.
func (e *Engine) probeLocal(ctx context.Context) (local bool, err error) {
	if runtime.GOOS != "linux" || e.info.OSType != "linux" {
		return false, nil
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err != nil || string(kernel) != e.info.KernelVersion+"\n" {
		return false, nil // without it no folder of this machine is the engine's
	}
	nonce := rand.Text()
	dir, err := os.MkdirTemp(e.opts.LockDir, "probe-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "nonce"), []byte(nonce), 0o644); err != nil {
		return false, err
	}
	void, err := e.void(ctx)
	if err != nil {
		return false, err
	}
	bind := mount.Mount{Type: mount.TypeBind, Source: dir, Target: "/" + fillAt, ReadOnly: true}
	tried := e.withIdle(ctx, void, []mount.Mount{bind}, func(id string) error {
		got, err := e.readFile(ctx, id, "/"+fillAt+"/nonce")
		local = string(got) == nonce
		return err
	})
	if tried != nil {
		e.log.Debug("engine is not local", "reason", tried)
	}
	return local && tried == nil, ctx.Err()
}

// probeOverlay mounts an overlay as workers have them, reads through it, writes
// into it, and looks whom it belongs to.
func (e *Engine) probeOverlay(ctx context.Context) (works bool, err error) {
	name := e.volumeName(kindProbe, rand.Text()[:8])
	below, above, work, merged := name, name+"-upper", name+"-work", name+"-merged"
	labels := e.owned("", kindProbe)
	defer func() {
		for _, v := range []string{merged, below, above, work} {
			err = errors.Join(err, e.removeVolume(ctx, v))
		}
	}()
	lowerAt, err := e.newVolume(ctx, below, labels, func(tw *tar.Writer) error {
		return errors.Join(tw.WriteHeader(folder(fillAt, 0o755, defaultUser.UID, defaultUser.GID)), file(tw, filepath.Join(fillAt, "below"), 0o644, []byte(name)))
	})
	if err != nil {
		return false, err
	}
	upperAt, err := e.emptyVolume(ctx, above, labels)
	if err != nil {
		return false, err
	}
	workAt, err := e.emptyVolume(ctx, work, labels)
	if err != nil {
		return false, err
	}
	void, err := e.void(ctx)
	if err != nil {
		return false, err
	}
	mounts := blueprint{
		Labels: labels, Upper: above, Tree: &treeMount{Volume: merged, Options: overlayOptions([]string{lowerAt}, upperAt, workAt)},
	}.treeMounts("/" + fillAt)
	tried := e.withIdle(ctx, void, mounts, func(id string) error {
		if err := e.copyIn(ctx, id, "/"+fillAt, func(tw *tar.Writer) error { return file(tw, "above", 0o644, nil) }); err != nil {
			return err
		}
		got, err := e.readFile(ctx, id, "/"+fillAt+"/below")
		if err != nil {
			return err
		}
		who, err := e.ownerOf(ctx, id, "/"+fillAt)
		works = string(got) == name && who == defaultUser
		return err
	})
	if tried != nil {
		e.log.Debug("engine does not mount overlays", "reason", tried)
	}
	return works && tried == nil, ctx.Err()
}

// ownerOf is who owns a file or folder of a container.
func (e *Engine) ownerOf(ctx context.Context, id, name string) (_ identity, err error) {
	r, _, err := e.cli.CopyFromContainer(ctx, id, name)
	if err != nil {
		return identity{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h, err := tar.NewReader(r).Next()
	if err != nil {
		return identity{}, fmt.Errorf("read %s: %w", name, err)
	}
	return identity{h.Uid, h.Gid}, nil
}

// maxFile bounds what is read of a file inside a container.
const maxFile = 4 << 20

// readFile reads a small file of a container.
func (e *Engine) readFile(ctx context.Context, id, name string) (_ []byte, err error) {
	r, _, err := e.cli.CopyFromContainer(ctx, id, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	tr := tar.NewReader(r)
	if _, err := tr.Next(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return io.ReadAll(io.LimitReader(tr, maxFile))
}
