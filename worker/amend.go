package worker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
)

// What makes of one tree another is a tar archive with paths relative to the
// tree. What goes comes first, then directories before what is in them. Each
// entry has these PAX records.
const (
	// AmendWas is what the tree had there, as [Stood] writes it; "" for nothing,
	// and of directories. Where something else is found the tree is not the one
	// that was thought of.
	AmendWas = "SHARDYARD.was"
	// AmendGone is "1" for what goes; a directory goes if nothing is left in it.
	AmendGone = "SHARDYARD.gone"
)

// Stood writes what stands at a path of a tree: the mode and the SHA-256 of a
// file's content, or of a link's target.
func Stood(mode fs.FileMode, hash []byte) string {
	return fmt.Sprintf("%o %s", uint32(mode&(fs.ModeType|fs.ModePerm)), hex.EncodeToString(hash))
}

// amend answers Amend from a goroutine of its own. What is warm knows which
// directories there were: it goes when one comes or goes.
func (a *agent) amend(ctx context.Context, req Amend) {
	a.wg.Go(func() {
		moved, err := amendFrom(ctx, req)
		if moved || err != nil {
			err = errors.Join(err, a.cool())
		}
		a.done(req.ID, err)
	})
}

func amendFrom(ctx context.Context, req Amend) (moved bool, err error) {
	f, err := os.Open(req.Archive)
	if err != nil {
		return false, err
	}
	moved, err = AmendTree(ctx, req.Dir, f)
	return moved, errors.Join(err, f.Close(), os.Remove(req.Archive))
}

// AmendTree makes of the tree in a directory what an archive says, and says whether
// directories came or went. After an error the tree is neither.
func AmendTree(ctx context.Context, dir string, archive io.Reader) (moved bool, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	m := mender{root: root, times: map[string]time.Time{}}
	for r := tar.NewReader(archive); err == nil; {
		var h *tar.Header
		if h, err = r.Next(); errors.Is(err, io.EOF) {
			return m.moved, m.restore()
		}
		if err == nil {
			err = errors.Join(ctx.Err(), m.apply(h, r))
		}
	}
	return m.moved, fmt.Errorf("amend the tree: %w", err)
}

// A mender applies the entries of one archive.
type mender struct {
	root  *os.Root
	times map[string]time.Time // of directories in which something changed, before it did
	moved bool
}

func (m *mender) apply(h *tar.Header, content io.Reader) error {
	name := path.Clean(h.Name)
	if err := m.remember(path.Dir(name)); err != nil {
		return err
	}
	gone := h.PAXRecords[AmendGone] != ""
	if h.Typeflag == tar.TypeDir {
		m.moved = true
		if gone {
			if err := m.root.Remove(name); err != nil && !errors.Is(err, fs.ErrExist) { // which is: not empty
				return err
			}
			delete(m.times, name)
			return nil
		}
		m.times[name] = h.ModTime
		if err := m.root.Mkdir(name, h.FileInfo().Mode().Perm()); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	}
	if err := m.clear(name, h.PAXRecords[AmendWas]); err != nil || gone {
		return err
	}
	if h.Typeflag == tar.TypeSymlink {
		return m.root.Symlink(h.Linkname, name)
	}
	f, err := m.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Chmod(h.FileInfo().Mode().Perm()), f.Close(), m.root.Chtimes(name, h.ModTime, h.ModTime))
}

// clear removes what stands at a path, which must be what the tree had there.
func (m *mender) clear(name, was string) error {
	if was == "" {
		return nil // what stands there all the same, nothing can be made beside
	}
	info, err := m.root.Lstat(name)
	if err != nil {
		return err
	}
	sum := sha256.New()
	switch {
	case info.Mode().IsRegular():
		f, err := m.root.Open(name)
		if err != nil {
			return err
		}
		if _, err = io.Copy(sum, f); errors.Join(err, f.Close()) != nil {
			return err
		}
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := m.root.Readlink(name)
		if err != nil {
			return err
		}
		sum.Write([]byte(target))
	}
	if Stood(info.Mode(), sum.Sum(nil)) != was {
		return fmt.Errorf("%s is not as the tree has it", name)
	}
	return m.root.Remove(name)
}

// remember notes the time of a directory in which something is about to change.
func (m *mender) remember(dir string) error {
	if _, known := m.times[dir]; known {
		return nil
	}
	info, err := m.root.Stat(dir)
	if err == nil {
		m.times[dir] = info.ModTime()
	}
	return err
}

// restore gives directories the times that they have in any tree.
func (m *mender) restore() error {
	for dir, at := range m.times {
		if err := m.root.Chtimes(dir, at, at); err != nil {
			return fmt.Errorf("amend the tree: %w", err)
		}
	}
	return nil
}
