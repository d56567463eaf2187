package source

import (
	"context"
	"path"
	"strings"
)

// Tracked says of paths relative to the project's directory whether git tracks
// them in the checkout now, in any commit's; outside git, whether they are of
// the snapshot. Case does not matter, as on some file systems.
func (s *Source) Tracked(ctx context.Context) (func(name string) bool, error) {
	known := map[string]bool{}
	for _, f := range s.Files {
		if !s.Git || s.temp != "" { // of a commit, all are tracked
			known[strings.ToLower(f.Path)] = true
		}
	}
	if s.Git {
		out, err := git(s.Root).output(ctx, "ls-files", "-z", "--cached", "--recurse-submodules")
		if err != nil {
			return nil, err
		}
		for _, name := range fields(out) {
			known[strings.ToLower(name)] = true
		}
	}
	return func(name string) bool { return known[strings.ToLower(path.Join(s.Sub, name))] }, nil
}
