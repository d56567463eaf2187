package source

import (
	"bytes"
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
	"sort"
	"strings"
)

// Options choose what a snapshot holds.
type Options struct {
	// Rev is a commit, tag or branch whose content is taken instead of the
	// working tree's. "" is the working tree.
	Rev string
	// Include are patterns, relative to the project's directory, of files
	// that git ignores and the tests need. A directory includes what is in
	// it; "!" before a pattern excludes again.
	Include []string
	// Exclude are files, by their paths below Root, that are left out.
	Exclude []string
	// Own are shardyard's own directories, absolute: what is below them is no
	// source, also where a project is somebody's home.
	Own []string
	// Git asks for a small .git in the tree, for builds that derive a version
	// from git and tests that look at it. It has no effect outside git.
	Git bool
	// Temp is where a commit is checked out, and git's objects are packed,
	// until Close; "" is the system's directory for temporary files.
	Temp string
}

// A Source is a snapshot of a source tree. It can be read concurrently, until
// it is closed.
type Source struct {
	// ID is the tree id: a SHA-256, in hexadecimal, over every file's path,
	// mode and content. Equal ids mean equal trees.
	ID string
	// Root is the absolute directory that the tree was taken from.
	Root string
	// Sub is the project's directory below Root, with slashes; "" for Root.
	Sub string
	// Files are sorted by path.
	Files []File
	// Git is true if the tree was taken from a repository.
	Git bool
	// Commit is the full id of the commit checked out or asked for; "" outside
	// git and before the first commit.
	Commit string
	// Branch is "" outside git and on a detached head.
	Branch string
	// Subject and Author are the first line of the commit's message and who wrote it.
	Subject, Author string
	// Dirty is true if the tree differs from Commit.
	Dirty bool
	// Notes tell the user which files were left out, and why.
	Notes []string

	tempIn  string // where temp is made
	temp    string // holds a checkout and packs; "" for none
	version string // identifies the .git in the tree; "" for none
}

// Close removes what the snapshot kept on the disk for itself. The manifest
// stays valid, contents can no longer be read.
func (s *Source) Close() error {
	if s.temp == "" {
		return nil
	}
	return os.RemoveAll(s.temp)
}

// A File is one entry of the manifest.
type File struct {
	Path string      // relative to Root, with slashes
	Mode fs.FileMode // 0644, 0755, fs.ModeSymlink|0777, or fs.ModeDir|0755 for an empty directory
	Size int64       // bytes; of a link, the length of its target
	Hash [sha256.Size]byte
	body body
	// tracked is false if git does not know the file, or there is no git.
	tracked bool
	// pointer is true if the content only stands for a file of Git LFS.
	pointer bool
}

// A body is the source of a file's content.
type body interface {
	open(ctx context.Context) (io.ReadCloser, error)
}

// disk is a file of the working tree.
type disk string

func (d disk) open(context.Context) (io.ReadCloser, error) { return os.Open(string(d)) }

// link is a symbolic link's target.
type link string

func (l link) open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(string(l))), nil
}

// memory is content that was made here.
type memory []byte

func (m memory) open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m)), nil
}

// String describes the snapshot for a person: "main 1a2b3c4d5e with changes, 512 files, 3.1 MB".
func (s *Source) String() string {
	var parts []string
	if s.Branch != "" {
		parts = append(parts, s.Branch)
	}
	if len(s.Commit) >= 10 {
		parts = append(parts, s.Commit[:10])
	}
	if s.Dirty {
		parts = append(parts, "with changes")
	}
	var size int64
	for _, f := range s.Files {
		size += f.Size
	}
	files := fmt.Sprintf("%d files, %.1f MB", len(s.Files), float64(size)/1e6)
	if len(parts) == 0 {
		return files
	}
	return strings.Join(parts, " ") + ", " + files
}

// Read returns the content of files by their paths relative to the project's
// directory. A name may be a glob pattern (path.Match). A name that matches no
// file is an error.
func (s *Source) Read(ctx context.Context, names []string) (map[string][]byte, error) {
	found := map[string][]byte{}
	for _, name := range names {
		matched := false
		for i := range s.Files {
			f := &s.Files[i]
			rel, below := s.relative(f.Path)
			if !below {
				continue
			}
			ok, err := path.Match(path.Clean(name), rel)
			if err != nil {
				return nil, fmt.Errorf("key file %q: %w", name, err)
			}
			if !ok {
				continue
			}
			matched = true
			if found[rel], err = s.Content(ctx, f); err != nil {
				return nil, fmt.Errorf("read key file %s: %w", rel, err)
			}
		}
		if !matched {
			return nil, fmt.Errorf("key file %s is not in the source tree of %s: "+
				"git may ignore it; commit it, name it under source.include, or take it out of key", name, filepath.Join(s.Root, s.Sub))
		}
	}
	return found, nil
}

// Hash returns the SHA-256, in hexadecimal, of a regular file's content; false
// when there is none of this name, a path relative to the project's directory.
func (s *Source) Hash(name string) (string, bool) {
	p := path.Join(s.Sub, name)
	i := sort.Search(len(s.Files), func(i int) bool { return s.Files[i].Path >= p })
	if i == len(s.Files) || s.Files[i].Path != p || !s.Files[i].Mode.IsRegular() {
		return "", false
	}
	return hex.EncodeToString(s.Files[i].Hash[:]), true
}

// relative returns a path below the project's directory.
func (s *Source) relative(p string) (string, bool) {
	if s.Sub == "" {
		return p, true
	}
	return strings.CutPrefix(p, s.Sub+"/")
}

// Content returns what is in a file of s.Files, through links that stay inside the tree.
func (s *Source) Content(ctx context.Context, f *File) ([]byte, error) {
	for hops := 0; f.Mode&fs.ModeSymlink != 0; hops++ {
		target := path.Join(path.Dir(f.Path), string(f.body.(link)))
		i := sort.Search(len(s.Files), func(i int) bool { return s.Files[i].Path >= target })
		if hops > 8 || i == len(s.Files) || s.Files[i].Path != target {
			return nil, fmt.Errorf("link to %s leads out of the tree", f.body.(link))
		}
		f = &s.Files[i]
	}
	r, err := f.body.open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(data) != f.Hash {
		return nil, f.changed()
	}
	return data, nil
}

// finish adds the .git that the options ask for, and identifies the tree.
func (s *Source) finish(ctx context.Context, r *repository, o Options) error {
	if o.Git {
		if err := s.addGit(ctx, r, o.Rev); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	s.identify()
	return nil
}

// identify sorts the files and computes the tree id. The form hashed is one
// line for each file: mode in octal, content hash, length of the path, path. Of
// a .git that was made for the tree, one line stands for all: git does not
// pack the same objects in the same way twice.
func (s *Source) identify() {
	sort.Slice(s.Files, func(i, j int) bool { return s.Files[i].Path < s.Files[j].Path })
	s.ID = s.Digest(func(*File) bool { return true })
}

// Digest is the tree id of a tree in which only some files have content: of the
// others, path and mode count.
func (s *Source) Digest(content func(*File) bool) string {
	h := sha256.New()
	fmt.Fprintf(h, "shardyard tree 1\n")
	for i := range s.Files {
		f := &s.Files[i]
		if s.version != "" && strings.HasPrefix(f.Path, ".git/") {
			continue
		}
		hash := f.Hash
		if !content(f) {
			hash = [sha256.Size]byte{}
		}
		fmt.Fprintf(h, "%o %x %d %s\n", uint32(f.Mode), hash, len(f.Path), f.Path)
	}
	if s.version != "" {
		fmt.Fprintf(h, "git %s\n", s.version)
	}
	return hex.EncodeToString(h.Sum(nil))
}
