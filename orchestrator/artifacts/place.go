package artifacts

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A Refusal says why an artifact was not placed in the checkout.
type Refusal struct{ Name, Why string }

// A Checkout is where artifacts are placed.
type Checkout struct {
	Dir string // the project's
	// Tracked reports whether a path belongs to the sources.
	Tracked func(path string) bool
	// Own are files that decide how later runs go.
	Own []string
}

// Place copies artifacts from their directory into a checkout, each to its
// name: over a file that an earlier run placed, and never over one of the
// sources, through a link, or over what is no file.
func (c Checkout) Place(dir string, all []Artifact) (placed []string, refused []Refusal, err error) {
	from, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = from.Close() }() // it was only read
	to, err := os.OpenRoot(c.Dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = to.Close() }() // what is written is closed for itself
	for _, a := range all {
		why := c.obstacle(to, a.Name)
		if why == "" {
			if err := replace(from, filepath.FromSlash(a.Name), to, a.Name); err != nil {
				why = err.Error()
			}
		}
		if why != "" {
			refused = append(refused, Refusal{a.Name, why})
			continue
		}
		placed = append(placed, a.Name)
	}
	return placed, refused, nil
}

// Put copies one file to a path of the checkout, relative to it and with
// slashes, by the same rules. It returns why it did not; "" when it did.
func (c Checkout) Put(file, name string) (refused string, err error) {
	from, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return "", err
	}
	defer func() { _ = from.Close() }() // it was only read
	to, err := os.OpenRoot(c.Dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = to.Close() }() // what is written is closed for itself
	if why := c.obstacle(to, name); why != "" {
		return why, nil
	}
	return "", replace(from, filepath.Base(file), to, name)
}

// obstacle says why nothing may be written to a path; "" when it may.
func (c Checkout) obstacle(to *os.Root, name string) string {
	if !Safe(name) || strings.EqualFold(strings.Split(name, "/")[0], ".shardyard") {
		return "nothing is placed there"
	}
	for _, own := range c.Own {
		if strings.EqualFold(own, path.Base(name)) {
			return "it says how later runs go"
		}
	}
	if c.Tracked(name) {
		return "it is one of the sources"
	}
	elements := strings.Split(name, "/")
	for i := range elements {
		info, err := to.Lstat(filepath.FromSlash(path.Join(elements[:i+1]...)))
		last := i == len(elements)-1
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return ""
		case err != nil:
			return err.Error()
		case !last && !info.IsDir(), last && !info.Mode().IsRegular():
			return "what is there is a link, or no file"
		}
	}
	return ""
}

// replace copies a file from one root to another. It appears whole.
func replace(from *os.Root, file string, to *os.Root, name string) error {
	local := filepath.FromSlash(name)
	dir, base := filepath.Split(local)
	temp := filepath.Join(dir, ".shardyard-"+base)
	src, err := from.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // it was only read
	if dir != "" {
		if err := to.MkdirAll(filepath.Clean(dir), 0o755); err != nil {
			return err
		}
	}
	if err := to.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // a run that was killed left it, or somebody made it
	}
	dst, err := to.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Close()); err == nil {
		err = to.Rename(temp, local)
	}
	if err != nil {
		return errors.Join(err, to.Remove(temp))
	}
	return nil
}
