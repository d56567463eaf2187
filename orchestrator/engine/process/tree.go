package process

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

func (e *Engine) treeDir(t engine.Tree) string {
	return filepath.Join(e.dir("trees"), element(string(t)))
}

// Load implements engine.Trees.
func (e *Engine) Load(ctx context.Context, id string, write func(io.Writer) error) (engine.Tree, error) {
	if err := e.load(ctx, id, write); err != nil {
		return "", fmt.Errorf("load tree %s: %w", id, err)
	}
	return engine.Tree(id), nil
}

func (e *Engine) load(ctx context.Context, id string, write func(io.Writer) error) (err error) {
	if id == "" {
		return errors.New("it has no id")
	}
	dir := e.treeDir(engine.Tree(id))
	// Workers of a live run share the lock of a tree that is there.
	release, err := e.share(ctx, "tree", id)
	if err != nil {
		return err
	}
	found := touch(dir)
	release()
	if found {
		return nil
	}
	unlock, err := e.exclude(ctx, "tree", id, nil)
	if err != nil {
		return err
	}
	defer unlock()
	if touch(dir) {
		return nil // somebody else was quicker
	}
	return whole(e.dir("trees"), dir, func(work string) error {
		if err := os.Chmod(work, 0o755); err != nil {
			return err
		}
		err := engine.Piped(write, func(r io.Reader) error { return extract(ctx, r, work) })
		if err == nil {
			touch(work)
		}
		return err
	})
}

// touch marks a tree as used now, if it is there.
func touch(dir string) bool {
	now := time.Now()
	return os.Chtimes(dir, now, now) == nil
}

// extract unpacks a tar archive beneath dir. Nothing in it can leave dir.
func extract(ctx context.Context, r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	type stamp struct {
		name string
		at   time.Time
	}
	var dirs []stamp // their times last: writing into them changes them
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		name := path.Clean(header.Name)
		if name == "." {
			continue
		}
		if err := unpack(root, name, header, archive); err != nil {
			return fmt.Errorf("unpack %s: %w", header.Name, err)
		}
		switch header.Typeflag {
		case tar.TypeDir:
			dirs = append(dirs, stamp{name, header.ModTime})
		case tar.TypeReg:
			if err := root.Chtimes(name, header.ModTime, header.ModTime); err != nil {
				return err
			}
		}
	}
	for _, d := range dirs {
		if err := root.Chtimes(d.name, d.at, d.at); err != nil {
			return err
		}
	}
	// What follows the archive's end is padding, and the writer waits for it to be read.
	_, err = io.Copy(io.Discard, r)
	return err
}

func unpack(root *os.Root, name string, header *tar.Header, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	mode := header.FileInfo().Mode().Perm()
	switch header.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(name, 0o755); err != nil {
			return err
		}
		return root.Chmod(name, mode|0o700)
	case tar.TypeReg:
		file, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		return errors.Join(err, file.Chmod(mode), file.Close())
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name)
	case tar.TypeLink:
		return root.Link(path.Clean(header.Linkname), name)
	case tar.TypeXGlobalHeader:
		return nil
	default:
		return fmt.Errorf("a file of type %q has no place in a source tree", header.Typeflag)
	}
}
