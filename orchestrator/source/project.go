package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A Project identifies the project of a checkout, wherever the checkout lies: two
// clones, two worktrees and a moved checkout share one history, cache and runs.
type Project struct {
	// ID is the id that the config gives; else the address of the repository's
	// remote, without the parts that may differ between clones; else the path. A
	// project below the repository's root has its directory behind "//".
	ID string
	// Before are other ids under which things of this checkout may be kept:
	// its path, which was the id until it had a remote or a name.
	Before []string
}

// Identify finds out which project a directory is. name is what its config
// calls it, "" for nothing.
func Identify(ctx context.Context, dir, name string) (Project, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Project{}, fmt.Errorf("identify project: %w", err)
	}
	id, place := dir, dir
	// Without git, or where git refuses, the path is all that is known.
	if top, err := git(dir).output(ctx, "rev-parse", "--show-toplevel", "--show-prefix"); err == nil {
		root, prefix, _ := strings.Cut(string(top), "\n")
		below := strings.Trim(prefix, "/\n")
		place = join(filepath.FromSlash(root), below)
		if id = place; git(dir).remote(ctx) != "" {
			id = join(address(git(dir).remote(ctx), root), below)
		}
	}
	if name != "" {
		id = name
	}
	p := Project{ID: id}
	for _, before := range []string{dir, place} {
		if before != id && !slices.Contains(p.Before, before) {
			p.Before = append(p.Before, before)
		}
	}
	return p, ctx.Err()
}

func join(root, below string) string {
	if below == "" {
		return root
	}
	return root + "//" + below
}

// Hash returns the id as one path element: for directories, labels and locks.
func (p Project) Hash() string { return hashID(p.ID) }

// HashesBefore returns the hashes of the ids in Before.
func (p Project) HashesBefore() []string {
	var hashes []string
	for _, id := range p.Before {
		hashes = append(hashes, hashID(id))
	}
	return hashes
}

func hashID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:6])
}

// Name returns how people call it: the last part of its id.
func (p Project) Name() string { return path.Base(filepath.ToSlash(p.ID)) }

// remote returns the address of the remote that a clone comes from: origin, or
// the only one, or the first by name. "" where there is none.
func (g git) remote(ctx context.Context) string {
	out, err := g.output(ctx, "config", "--null", "--get-regexp", `^remote\..*\.url$`)
	if err != nil {
		return "" // git config finds nothing
	}
	urls := map[string]string{}
	var names []string
	for _, entry := range fields(out) {
		key, url, _ := strings.Cut(entry, "\n")
		name := strings.TrimSuffix(strings.TrimPrefix(key, "remote."), ".url")
		if _, more := urls[name]; !more && url != "" { // a remote may have several; it is fetched from the first
			urls[name] = url
			names = append(names, name)
		}
	}
	if url := urls["origin"]; url != "" || len(names) == 0 {
		return url
	}
	return urls[slices.Min(names)]
}
