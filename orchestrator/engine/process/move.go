package process

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// The parts of a bundle: a layer's directory, and the package cache.
const (
	partLayer    = "layer"
	partPackages = "packages"
)

// Export implements [cache.Mover].
func (e *Engine) Export(ctx context.Context, b cache.Bundle, packages bool, out *cache.BundleWriter) error {
	release, err := e.share(ctx, kindLayer, b.Key)
	if err != nil {
		return err
	}
	defer release()
	switch _, err := readSeal(e.layerDir(b.Key)); {
	case errors.Is(err, fs.ErrNotExist):
		return cache.ErrNotKept
	case err != nil:
		return err
	}
	if err := exportDir(ctx, out, partLayer, e.layerDir(b.Key)); err != nil || !packages {
		return err
	}
	return exportDir(ctx, out, partPackages, e.packages)
}

func exportDir(ctx context.Context, out *cache.BundleWriter, part, dir string) error {
	return engine.Piped(func(w io.Writer) error { return archive(ctx, dir, w) }, func(r io.Reader) error { return out.Part(part, r) })
}

// archive writes the files, links and folders of a directory, but not itself.
func archive(ctx context.Context, dir string, w io.Writer) error {
	tw := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == "." || d.Type()&^(fs.ModeDir|fs.ModeSymlink) != 0 {
			return err // sockets and the like are left out
		}
		return add(tw, filepath.ToSlash(rel), name, d)
	})
	return errors.Join(err, tw.Close())
}

func add(tw *tar.Writer, name, file string, d fs.DirEntry) (err error) {
	info, err := d.Info()
	if err != nil {
		return err
	}
	var target string
	if d.Type()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(file); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name, h.Format = name, tar.FormatPAX // whose times are to the nanosecond
	if err := tw.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(tw, f)
	return errors.Join(err, f.Close())
}

// Import implements [cache.Mover]. The layer becomes this project's, as if it had been
// built here.
func (e *Engine) Import(ctx context.Context, in *cache.BundleReader) (did cache.Imported, err error) {
	layer := in.Part(partLayer)
	if layer == nil {
		return did, &cache.BundleError{Why: "it holds no environment"}
	}
	if did.Environment, err = e.importLayer(ctx, in.Key, layer); err != nil {
		return did, err
	}
	if packages := in.Part(partPackages); packages != nil {
		did.Packages, err = e.importPackages(ctx, packages)
	}
	return did, err
}

func (e *Engine) importLayer(ctx context.Context, key string, layer io.Reader) (kept bool, err error) {
	unlock, err := e.exclude(ctx, kindLayer, key, nil)
	if err != nil {
		return false, err
	}
	defer unlock()
	if _, err := readSeal(e.layerDir(key)); err == nil {
		_, err := io.Copy(io.Discard, layer)
		return false, err
	}
	err = whole(e.dir("layers"), e.layerDir(key), func(work string) error {
		if err := extract(ctx, layer, work); err != nil {
			return err
		}
		s, err := readSeal(work)
		if err != nil || s.Key != key {
			return &cache.BundleError{Why: "the environment that it names is not in it"}
		}
		damage, known, err := inspect(ctx, work, true)
		if err != nil {
			return err
		}
		if !known || len(damage) > 0 {
			return &cache.BundleError{Why: "its environment is not as it was sealed: " + cache.Some(damage)}
		}
		s.Project = e.project
		return writeSeal(work, s)
	})
	return err == nil, err
}

// importPackages fills the package cache, unless there is one.
func (e *Engine) importPackages(ctx context.Context, packages io.Reader) (filled bool, err error) {
	if err := os.Remove(e.packages); err != nil && !errors.Is(err, fs.ErrNotExist) { // it is not empty
		_, err = io.Copy(io.Discard, packages)
		return false, err
	}
	err = whole(e.dir("trees"), e.packages, func(work string) error {
		return errors.Join(os.Chmod(work, 0o755), extract(ctx, packages, work))
	})
	return err == nil, err
}
