package docker

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// transplant copies an archive's entries below the folder dir of another
// archive, owned by uid and gid. strip is the number of leading elements of
// each name that are left out. So is what an overlay says was deleted. Every
// folder comes before what is in it, whether the archive names it or not.
func transplant(r io.Reader, tw *tar.Writer, dir string, strip, uid, gid int) error {
	known := map[string]bool{}
	var ensure func(name string) error
	ensure = func(name string) error {
		if known[name] {
			return nil
		}
		if name != dir {
			if err := ensure(path.Dir(name)); err != nil {
				return err
			}
		}
		known[name] = true
		return tw.WriteHeader(folder(name, 0o755, uid, gid))
	}
	if err := ensure(dir); err != nil {
		return err
	}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		name, ok := inside(h.Name, strip)
		if !ok || h.Typeflag == tar.TypeChar {
			continue // the root, or what an overlay says was deleted
		}
		h.Name = path.Join(dir, name)
		if err := ensure(path.Dir(h.Name)); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeDir {
			known[h.Name] = true
			h.Name += "/"
		}
		if h.Typeflag == tar.TypeLink {
			target, ok := inside(h.Linkname, strip)
			if !ok {
				return fmt.Errorf("read archive: %s is a hard link to a folder", name)
			}
			h.Linkname = path.Join(dir, target)
		}
		h.Uid, h.Gid, h.Uname, h.Gname = uid, gid, "", ""
		h.Format = tar.FormatUnknown // whatever can hold it
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("write archive: %s: %w", name, err)
		}
		if _, err := io.Copy(tw, tr); err != nil {
			return fmt.Errorf("write archive: %s: %w", name, err)
		}
	}
}

// inside returns name, which may not lead out of the root, less its first
// elements. It is false for the root itself.
func inside(name string, strip int) (string, bool) {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	for range strip {
		_, rest, found := strings.Cut(name, "/")
		if !found {
			return "", false
		}
		name = rest
	}
	return name, name != ""
}
