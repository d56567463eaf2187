package source

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// A Manifest is what a tree holds, by path: each entry's mode and the hash of its
// content, as write has them.
type Manifest map[string]string

// Manifest returns what the tree holds. write makes of an entry's mode and hash a text
// that no other entry has unless it is the same.
func (s *Source) Manifest(write func(mode fs.FileMode, hash []byte) string) Manifest {
	m := make(Manifest, len(s.Files))
	for i := range s.Files {
		f := &s.Files[i]
		if f.Mode.IsDir() {
			m[f.Path] = "" // there is one kind of directory
			continue
		}
		m[f.Path] = write(f.Mode, f.Hash[:])
	}
	return m
}

// folders are the directories of the tree.
func (m Manifest) folders() map[string]bool {
	all := map[string]bool{}
	for p, what := range m {
		if what == "" {
			all[p] = true
		}
		for dir := path.Dir(p); dir != "." && !all[dir]; dir = path.Dir(dir) {
			all[dir] = true
		}
	}
	return all
}

// Changes make of a tree another one.
type Changes struct {
	src      *Source
	was, now Manifest
	gone     []string // in the order in which they can go
	folders  []string // that come, likewise
	files    []*File  // that come, or change
}

// Since returns what makes this tree, whose manifest is now, of another one.
func (s *Source) Since(was, now Manifest) *Changes {
	c := &Changes{src: s, was: was, now: now}
	before, after := was.folders(), now.folders()
	var left []string
	for p := range was {
		if now[p] == "" && was[p] != "" {
			c.gone = append(c.gone, p)
		}
	}
	for dir := range before {
		if !after[dir] {
			left = append(left, dir)
		}
	}
	slices.Sort(c.gone)
	slices.Sort(left)
	slices.Reverse(left)
	c.gone = append(c.gone, left...)
	for _, dir := range slices.Sorted(maps.Keys(after)) {
		if !before[dir] {
			c.folders = append(c.folders, dir)
		}
	}
	for i := range s.Files {
		if f := &s.Files[i]; !f.Mode.IsDir() && was[f.Path] != now[f.Path] {
			c.files = append(c.files, f)
		}
	}
	return c
}

// Size returns how many bytes come.
func (c *Changes) Size() (bytes int64) {
	for _, f := range c.files {
		bytes += f.Size
	}
	return bytes
}

// Len returns how many entries come, change or go.
func (c *Changes) Len() int { return len(c.gone) + len(c.folders) + len(c.files) }

// Write writes an archive of the changes: what goes, then directories before what is in
// them, then files. mark adds to an entry's header what the other tree has there, "" for
// nothing and of directories, and whether it goes. A file that changed since the
// snapshot is a ChangedError.
func (c *Changes) Write(ctx context.Context, w io.Writer, mark func(h *tar.Header, was string, gone bool)) error {
	tw := tar.NewWriter(w)
	for _, p := range c.gone {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: p, Mode: 0o644, ModTime: stamp}
		if c.was[p] == "" {
			h.Typeflag, h.Name = tar.TypeDir, p+"/"
		}
		mark(h, c.was[p], true)
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("archive %s: %w", p, err)
		}
	}
	for _, p := range c.folders {
		h := &tar.Header{Typeflag: tar.TypeDir, Name: p + "/", Mode: 0o755, ModTime: stamp}
		mark(h, "", false)
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("archive %s: %w", p, err)
		}
	}
	for _, f := range c.files {
		if err := f.write(ctx, tw, func(h *tar.Header) { mark(h, c.was[f.Path], false) }); err != nil {
			return fmt.Errorf("archive %s: %w", f.Path, err)
		}
	}
	return tw.Close()
}
