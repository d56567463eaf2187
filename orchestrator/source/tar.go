package source

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"
)

// ErrChanged means that a file changed between the snapshot and its reading.
var ErrChanged = errors.New("changed while the snapshot was being taken")

// A ChangedError is an ErrChanged that names the file.
type ChangedError struct {
	Path    string // relative to the root
	Tracked bool   // git knows it
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s %v: save your work, then run again", e.Path, ErrChanged)
}

// Unwrap returns ErrChanged.
func (e *ChangedError) Unwrap() error { return ErrChanged }

func (f *File) changed() error { return &ChangedError{f.Path, f.tracked} }

// stamp is the time of every file: after 1980, so that zip archives and wheels
// can hold it, and one for all, so that equal trees give equal archives and no
// generated file is older than its source.
var stamp = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// WriteTar writes the tree as a tar archive with paths relative to its root:
// directories before what is in them, the same bytes for the same id (but for
// the packs of a .git that was made for it). A file
// that changed since the snapshot is a ChangedError, and the archive is then
// unusable; what was only appended to is as it was.
func (s *Source) WriteTar(ctx context.Context, w io.Writer) error {
	tw := tar.NewWriter(w)
	made := map[string]bool{".": true}
	for i := range s.Files {
		f := &s.Files[i]
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := parents(tw, path.Dir(f.Path), made); err != nil {
			return fmt.Errorf("archive %s: %w", f.Path, err)
		}
		if f.Mode.IsDir() {
			if err := parents(tw, f.Path, made); err != nil {
				return fmt.Errorf("archive %s: %w", f.Path, err)
			}
			continue
		}
		if err := f.write(ctx, tw, func(*tar.Header) {}); err != nil {
			return fmt.Errorf("archive %s: %w", f.Path, err)
		}
	}
	return tw.Close()
}

// parents writes the directories above a file that were not written yet.
func parents(tw *tar.Writer, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	if err := parents(tw, path.Dir(dir), made); err != nil {
		return err
	}
	return directory(tw, dir, made)
}

func directory(tw *tar.Writer, dir string, made map[string]bool) error {
	made[dir] = true
	return tw.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: stamp})
}

// write writes a file or a link. mark may add to the header.
func (f *File) write(ctx context.Context, tw *tar.Writer, mark func(*tar.Header)) error {
	if f.Mode&fs.ModeSymlink != 0 {
		h := &tar.Header{Typeflag: tar.TypeSymlink, Name: f.Path, Linkname: string(f.body.(link)), Mode: 0o777, ModTime: stamp}
		mark(h)
		return tw.WriteHeader(h)
	}
	r, err := f.body.open(ctx)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return f.changed()
		}
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Mode: int64(f.Mode.Perm()), Size: f.Size, ModTime: stamp}
	mark(h)
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(tw, sum), io.LimitReader(r, f.Size)) // what was appended since, as to a log, came later
	if err == nil && (n != f.Size || !bytes.Equal(sum.Sum(nil), f.Hash[:])) {
		return f.changed()
	}
	return err
}
