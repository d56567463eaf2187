package cache

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
	"path/filepath"
	"strings"
)

// A Manifest lists the files and links below a directory, by their path there.
// Directories, owners and what is neither file nor link do not count.
type Manifest map[string]Entry

// An Entry is one file or link.
type Entry struct {
	Mode fs.FileMode `json:"mode,omitempty"` // permissions; 0 for a link
	Size int64       `json:"size,omitempty"`
	Sum  string      `json:"sum,omitempty"` // SHA-256 of the content; "" if it was not read
	Link string      `json:"link,omitempty"`
	Time int64       `json:"time,omitempty"` // of modification, in nanoseconds
}

// ListDir lists what is below a directory. Contents are read only if it is told to.
func ListDir(ctx context.Context, dir string, read bool) (Manifest, error) {
	m := Manifest{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		e, ok, err := entryOf(name, d, read)
		if err != nil || !ok {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		m[filepath.ToSlash(rel)] = e
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	return m, nil
}

func entryOf(name string, d fs.DirEntry, read bool) (e Entry, ok bool, err error) {
	switch {
	case d.Type()&fs.ModeSymlink != 0:
		e.Link, err = os.Readlink(name)
		return e, err == nil, err
	case !d.Type().IsRegular():
		return e, false, nil
	}
	info, err := d.Info()
	if err != nil {
		return e, false, err
	}
	e = Entry{Mode: info.Mode().Perm(), Size: info.Size(), Time: info.ModTime().UnixNano()}
	if read {
		e.Sum, err = sumOf(name)
	}
	return e, err == nil, err
}

func sumOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// ListTar lists what is in an archive, below its first directory. Times are left out: a
// store may round them.
func ListTar(r io.Reader) (Manifest, error) {
	m := Manifest{}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list an archive: %w", err)
		}
		_, name, below := strings.Cut(path.Clean(h.Name), "/")
		if !below {
			continue
		}
		switch h.Typeflag {
		case tar.TypeReg:
			sum := sha256.New()
			if _, err := io.Copy(sum, in); err != nil { //nolint:gosec // it is read, and kept nowhere
				return nil, fmt.Errorf("list an archive: %w", err)
			}
			m[name] = Entry{Mode: fs.FileMode(h.Mode).Perm(), Size: h.Size, Sum: hex.EncodeToString(sum.Sum(nil))} //nolint:gosec // permissions
		case tar.TypeSymlink:
			m[name] = Entry{Link: h.Linkname}
		case tar.TypeLink: // the other name has the content
			_, target, _ := strings.Cut(path.Clean(h.Linkname), "/")
			m[name] = Entry{Link: "= " + target}
		}
	}
}

// Digest is a hash of all that the manifest says, but for times: which name of a hard
// link comes first does not matter.
func (m Manifest) Digest() string {
	k := newKey("manifest")
	for _, name := range sortedKeys(m) {
		e := m[name]
		if target, hard := strings.CutPrefix(e.Link, "= "); hard {
			e = m[target]
		}
		k.field(name, fmt.Sprintf("%o %d %s %s", e.Mode, e.Size, e.Sum, e.Link))
	}
	return k.sum()
}

// Differences says in words what is not as in the manifest any more, sorted:
// "bin/tool changed", "a is gone", "b is new". Contents and times count where both know
// them: contents, if they do, are better than times.
func (m Manifest) Differences(now Manifest) []string { return differences(m, now, Entry.same) }

func (e Entry) same(is Entry) bool {
	switch {
	case e.Mode != is.Mode || e.Size != is.Size || e.Link != is.Link:
		return false
	case e.Sum != "" && is.Sum != "":
		return e.Sum == is.Sum
	}
	return e.Time == 0 || is.Time == 0 || e.Time == is.Time
}

// Some names the first few of several things.
func Some(names []string) string {
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s, and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
