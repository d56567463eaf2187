package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// scan reads the files of a working tree in parallel. It leaves out files that
// were deleted meanwhile, sockets, pipes and devices, and those that this program
// writes its own output to.
func scan(ctx context.Context, root string, paths []string) ([]File, error) {
	files := make([]File, len(paths))
	group, ctx := errgroup.WithContext(ctx)
	own := output()
	readers := min(2*runtime.GOMAXPROCS(0), 16)
	// Neighbours in the list are neighbours on the disk, but a share each would
	// leave one reader with the large files: short runs, dealt in turn.
	const run = 16
	for r := range readers {
		group.Go(func() error {
			buffer := make([]byte, 64<<10)
			for i := r * run; i < len(paths); i += readers * run {
				for j := i; j < min(i+run, len(paths)); j++ {
					if ctx.Err() != nil {
						return context.Cause(ctx)
					}
					f, err := stat(root, paths[j], own, buffer)
					if err != nil {
						return err
					}
					files[j] = f
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	kept := files[:0]
	for _, f := range files {
		if f.body != nil {
			kept = append(kept, f)
		}
	}
	return kept, nil
}

// stat returns the manifest entry of one file. Its body is nil if the file does
// not belong to the tree: it is gone, is one of own, or is a socket, a pipe or a
// device.
func stat(root, name string, own []fs.FileInfo, buffer []byte) (File, error) {
	full := filepath.Join(root, filepath.FromSlash(name))
	info, err := os.Lstat(full)
	if gone(err) {
		return File{}, nil
	}
	if err != nil {
		return File{}, err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(full)
		if err != nil {
			return File{}, err
		}
		return symlink(name, filepath.ToSlash(target)), nil
	case info.IsDir():
		// Where a tracked file was, there may now be a directory; its files are
		// listed by themselves.
		if entries, err := os.ReadDir(full); err != nil || len(entries) > 0 {
			return File{}, err
		}
		return File{Path: name, Mode: fs.ModeDir | 0o755, body: memory(nil)}, nil
	case !info.Mode().IsRegular():
		return File{}, nil
	case slices.ContainsFunc(own, func(o fs.FileInfo) bool { return os.SameFile(o, info) }):
		return File{}, nil
	}
	f := File{Path: name, Mode: mode(info.Mode()), body: disk(full)}
	if err := f.hash(buffer); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return File{}, fmt.Errorf("%w: it is part of the source tree; make it readable, or have git ignore it", err)
		}
		return File{}, err
	}
	return f, nil
}

// output returns the regular files that this program's own output goes to, as with
// `shardyard run > log.txt`.
func output() (files []fs.FileInfo) {
	for _, stream := range []*os.File{os.Stdout, os.Stderr} {
		if info, err := stream.Stat(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	return files
}

func symlink(name, target string) File {
	return File{Path: name, Mode: fs.ModeSymlink | 0o777, Size: int64(len(target)), Hash: sha256.Sum256([]byte(target)), body: link(target)}
}

// mode keeps what git keeps: whether the file can be executed.
func mode(m fs.FileMode) fs.FileMode {
	if m&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

// gone reports whether a path does not exist, also because a parent is now a
// file.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// hash fills in the size and the hash of a file on the disk.
func (f *File) hash(buffer []byte) error {
	r, err := os.Open(string(f.body.(disk)))
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	sum := sha256.New()
	// Hidden behind a plain reader, so that the buffer is used.
	f.Size, err = io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{r}, buffer)
	sum.Sum(f.Hash[:0])
	f.pointer = f.Size < pointerSize && bytes.HasPrefix(buffer[:f.Size], []byte(pointerStart))
	return err
}

// A file of Git LFS that was not brought is a pointer: a small text
// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
const (
	pointerStart = "version https://git-lfs.github.com/spec/"
	pointerSize  = 1024
)

// pointers returns a note on the files of Git LFS that are not there; nil for none.
func pointers(files []File) []string {
	var names []string
	for _, f := range files {
		if f.pointer {
			names = append(names, f.Path)
		}
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		return []string{names[0] + " is a pointer of Git LFS, not the file itself: git lfs pull"}
	}
	return []string{fmt.Sprintf("%s and %d more are pointers of Git LFS, not the files themselves: git lfs pull", names[0], len(names)-1)}
}
