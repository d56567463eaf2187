package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/filters"
)

// The labels that everything made here carries.
const (
	labelProject = "dev.shardyard.project"
	labelRun     = "dev.shardyard.run"   // "" for what outlives runs
	labelRole    = "dev.shardyard.role"  // an engine.Role, or one of the kinds below
	labelOwner   = "dev.shardyard.owner" // who must hold its lock for this to live: host:lock file; "" for what outlives runs
	labelExpires = "dev.shardyard.expires"
	// labelTree is the tree that a container uses, or that an image contains
	// or was prepared for.
	labelTree = "dev.shardyard.tree"
	// labelPackages are the volumes beneath a container's view of the package cache, which
	// the engine does not know to be in use; with commas.
	labelPackages = "dev.shardyard.packages"
	// labelUpper is the volume with what a preparer wrote into the tree.
	labelUpper = "dev.shardyard.upper"
	// labelEnv lists variables of a builder that its layer must not pass on.
	labelEnv = "dev.shardyard.env"
	// labelAbout is what is said of a layer, as JSON.
	labelAbout = "dev.shardyard.about"
	// labelDigest is the digest of the manifest of an environment that came from elsewhere;
	// that of one that was sealed here is in a file (noteDigest).
	labelDigest = "dev.shardyard.digest"
	// labelHere is the LockDir that knows the state of a kept volume.
	labelHere = "dev.shardyard.here"
	// labelFill tells a volume from one that had its name before.
	labelFill = "dev.shardyard.fill"
)

// Kinds of things that are kept or made on the way, as labelRole has them.
const (
	kindVoid     = "void"     // an empty image, to fill volumes through
	kindBase     = "base"     // a base image with the workers' user
	kindSealed   = "sealed"   // a sealed environment
	kindPrepared = "prepared" // an environment with the project installed
	kindDerived  = "derived"  // a layer with a tree copied in
	kindTree     = "tree"
	kindUpper    = "upper" // what is written over a tree
	kindWork     = "work"  // the work folder that an overlay needs beside that
	kindAgent    = "agent"
	kindCA       = "ca"
	kindCache    = "cache"    // a package cache that is written in place
	kindPackages = "packages" // what one builder wrote into the package cache
	kindFiller   = "filler"
	kindProbe    = "probe"
	kindNetwork  = "network"
	kindReplaced = "replaced" // an image whose tag another one took
)

// How long things live when nobody asks for them.
const (
	keepFor = 30 * 24 * time.Hour // what a project keeps
	runFor  = 48 * time.Hour      // what a run made, seen from another machine
)

// kept labels what outlives runs.
func (e *Engine) kept(kind string) map[string]string {
	return map[string]string{
		labelProject: e.opts.Project,
		labelRun:     "",
		labelRole:    kind,
		labelOwner:   "",
		labelExpires: e.now().Add(keepFor).UTC().Format(time.RFC3339),
	}
}

// owned labels what must not outlive this Engine.
func (e *Engine) owned(run, role string) map[string]string {
	return e.ownedBy(e.lock.owner(), run, role)
}

// ownedBy labels what must not outlive an owner.
func (e *Engine) ownedBy(owner, run, role string) map[string]string {
	return map[string]string{
		labelProject: e.opts.Project,
		labelRun:     run,
		labelRole:    role,
		labelOwner:   owner,
		labelExpires: e.now().Add(runFor).UTC().Format(time.RFC3339),
	}
}

// ofAny filters what any project has here.
func ofAny() filters.Args { return filters.NewArgs(filters.Arg("label", labelProject)) }

// mine reports whether something with these labels is this project's.
func (e *Engine) mine(labels map[string]string) bool {
	id, ok := labels[labelProject]
	return ok && (id == e.opts.Project || slices.Contains(e.opts.Before, id))
}

// volumeName names a volume of the project.
func (e *Engine) volumeName(parts ...string) string {
	return "shardyard-" + e.slug + "-" + strings.Join(parts, "-")
}

// imageName names an image of the project.
func (e *Engine) imageName(tag string) string { return "shardyard/" + e.slug + ":" + tag }

var unfit = regexp.MustCompile(`[^a-z0-9]+`)

// slug makes s fit for names of containers, volumes and images.
func slug(s string) string {
	s = strings.Trim(unfit.ReplaceAllString(strings.ToLower(s), "-"), "-")
	if len(s) > 32 {
		s = strings.Trim(s[:32], "-")
	}
	if s == "" {
		return "x"
	}
	return s
}

var fitTag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}$`)

// tag makes a key fit for an image's tag: most are already.
func tag(key string) string {
	if fitTag.MatchString(key) {
		return key
	}
	return "k-" + hash(key)
}

// hash returns a name for content.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// short returns a hash for people to look at.
func short(parts ...string) string { return hash(parts...)[:8] }
