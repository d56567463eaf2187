package cache

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker/framework"
)

// An About is what a layer says of itself. Whoever makes it says it, and stores keep
// it together with the layer.
type About struct {
	Built time.Time `json:"built,omitzero"`
	// Packages are what is installed, sorted by name, where the toolchain can list it.
	Packages []Package `json:"packages,omitempty"`
	// Synced is nil for a layer from which no other one may be made.
	Synced *Synced `json:"synced,omitempty"`
}

// Synced says of an environment what it is made of, if its commands make one like it of
// another that is there already: [framework.Sync].
type Synced struct {
	// Like is the same for environments that differ in nothing but what is locked.
	Like     string                       `json:"like"`
	Packages map[string]map[string]string `json:"packages"`
	// Depth is how many environments it lies on, each of which may hide files of the others.
	Depth int `json:"depth,omitempty"`
}

// maxDepth bounds that: engines have a limit, and what is hidden takes room.
const maxDepth = 8

// Synced returns what an environment is made of; nil if no other one may be made from it.
func (e Environment) Synced() *Synced {
	sync := framework.Syncs(e.Commands, e.Files)
	if sync == nil {
		return nil
	}
	e.Scope, e.Files = "", sync.Fixed
	return &Synced{Like: EnvironmentKey(e), Packages: sync.Packages}
}

// From reports whether the environment may be made from an older one, and how many
// packages are not as they are there.
func (s *Synced) From(older *Synced) (differ int, ok bool) {
	if s == nil || older == nil || s.Like != older.Like || older.Depth >= maxDepth {
		return 0, false
	}
	return framework.Carries(older.Packages, s.Packages)
}

// A Package is one that was installed, in the version that was found then.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// maxPackages bounds what is believed of a list of packages.
const maxPackages = 10_000

// ParsePackages reads lines of a name and a version. Other lines are left out: what
// lists packages may print more than these.
func ParsePackages(text string) (list []Package) {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 2 && len(line) < 1000 && len(list) < maxPackages {
			list = append(list, Package{words[0], words[1]})
		}
	}
	slices.SortFunc(list, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return slices.Compact(list)
}

// Generation returns the key of an environment that is built anew at a time, though
// there is or was one under the same key.
func Generation(key string, built time.Time) string {
	return fmt.Sprintf("%s-%013d", key, built.UnixMilli())
}

// Ungenerated returns the key of which this one is a generation, or the key itself.
func Ungenerated(key string) string {
	base, _, _ := strings.Cut(key, "-")
	return base
}

// Newest returns the key of the last generation of those that begin with key, and when
// it was built: the zero time for the one that is no generation. ok is false if there is
// none.
func Newest(key string, all []string) (newest string, built time.Time, ok bool) {
	for _, k := range all {
		rest, of := strings.CutPrefix(k, key)
		stamp, err := strconv.ParseInt(strings.TrimPrefix(rest, "-"), 10, 64)
		if !of || rest != "" && (rest[0] != '-' || err != nil) || k < newest {
			continue
		}
		newest, built, ok = k, time.Time{}, true
		if rest != "" {
			built = time.UnixMilli(stamp)
		}
	}
	return newest, built, ok
}
