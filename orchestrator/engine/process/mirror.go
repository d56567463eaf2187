package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// tempPrefix begins the names of layers and trees that are not whole yet.
const tempPrefix = ".new-"

// whole makes a directory that appears with all that fill writes, or not at all.
func whole(parent, dir string, fill func(work string) error) (err error) {
	work, err := os.MkdirTemp(parent, tempPrefix)
	if err != nil {
		return err
	}
	if err = fill(work); err == nil {
		err = os.Rename(work, dir)
	}
	if err != nil {
		err = errors.Join(err, removeAll(work))
	}
	return err
}

// mirror makes the directory to equal to from: content, modes, times of
// modification and symbolic links. Files that are the same already are left
// alone: those of equal size, mode and time of modification, which nobody has
// touched since clean, as the inode's own time of change tells; that one cannot
// be set. With a zero clean everything is copied.
//
// Regular files and links that are in over too are taken from there; "" for none.
//
// It follows no symbolic link, and leaves sockets, pipes and devices out.
func mirror(ctx context.Context, from, over, to string, clean time.Time) error {
	if err := mirrorDir(ctx, from, over, to, clean); err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	return nil
}

func mirrorDir(ctx context.Context, from, over, to string, clean time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := makeDir(to); err != nil {
		return err
	}
	wanted, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	names := make(map[string]bool, len(wanted))
	for _, entry := range wanted {
		names[entry.Name()] = true
	}
	present, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	for _, entry := range present {
		if !names[entry.Name()] {
			if err := removeAll(filepath.Join(to, entry.Name())); err != nil {
				return err
			}
		}
	}
	for _, entry := range wanted {
		above := ""
		if over != "" {
			above = filepath.Join(over, entry.Name())
		}
		if err := mirrorEntry(ctx, filepath.Join(from, entry.Name()), above, filepath.Join(to, entry.Name()), clean); err != nil {
			return err
		}
	}
	if err := os.Chmod(to, info.Mode().Perm()|0o700); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

func mirrorEntry(ctx context.Context, from, over, to string, clean time.Time) error {
	want, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if over != "" && !want.IsDir() {
		if info, err := os.Lstat(over); err == nil && !info.IsDir() {
			from, want = over, info
		}
	}
	switch {
	case want.IsDir():
		return mirrorDir(ctx, from, over, to, clean)
	case want.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if has, err := os.Readlink(to); err == nil && has == target {
			return nil
		}
		if err := removeAll(to); err != nil {
			return err
		}
		return os.Symlink(target, to)
	case !want.Mode().IsRegular():
		return removeAll(to)
	}
	if has, err := os.Lstat(to); err == nil && same(want, has, clean) {
		return nil
	}
	if err := removeAll(to); err != nil {
		return err
	}
	return copyFile(from, to, want)
}

func same(want, has fs.FileInfo, clean time.Time) bool {
	return has.Mode() == want.Mode() && has.Size() == want.Size() &&
		has.ModTime().Equal(want.ModTime()) && worker.ChangeTime(has).Before(clean)
}

// makeDir has path be a directory, which its owner can use.
func makeDir(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.IsDir():
		if info.Mode().Perm()&0o700 == 0o700 {
			return nil
		}
		return os.Chmod(path, 0o755)
	case err == nil:
		if err := os.Remove(path); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.Mkdir(path, 0o755)
}

func copyFile(from, to string, info fs.FileInfo) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // the kernel shares the blocks where it can
	if err := errors.Join(err, out.Chmod(info.Mode().Perm()), out.Close()); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

// removeAll is os.RemoveAll that gets past directories which tests have made
// read-only.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	if err == nil {
		return nil
	}
	walk := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			if chmod := os.Chmod(p, 0o700); chmod != nil {
				return chmod
			}
			if err != nil {
				return removeAll(p) // it could not be listed before
			}
		}
		return nil
	})
	if err := os.RemoveAll(path); err != nil {
		return errors.Join(err, walk)
	}
	return nil
}
