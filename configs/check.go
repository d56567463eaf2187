package configs

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

var (
	projectID    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./-]{0,98}[A-Za-z0-9]$|^[A-Za-z0-9]$`)
	suiteName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	userName     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$`)
	capability   = regexp.MustCompile(`^(CAP_)?[A-Z_]+$`)
)

// check reports values that are well formed and still cannot be meant.
func (r *reader) check(c *Config, root *yaml.Node) {
	fail := func(path, format string, args ...any) { r.fail(find(root, path), format, args...) }
	if c.Version != 1 {
		fail("version", "version %d is not known to this shardyard: write version: 1, or update it", c.Version)
	}
	if c.Project != "" && !projectID.MatchString(c.Project) {
		fail("project", "project %q: an id is letters, digits, and - _ . / inside, at most 100", c.Project)
	}
	r.checkCoverage(&c.Coverage, "coverage", fail)
	r.checkEnv(&c.Env, "env", fail)
	r.checkEnv(&c.Builder.Env, "builder.env", fail)
	r.checkLimits(&c.Limits, "limits", fail)
	r.checkArtifacts(&c.Artifacts, "artifacts", fail)
	for name, dir := range c.Cache.Dirs {
		if !variableName.MatchString(name) || !filepath.IsLocal(dir) || dir == "." || strings.ContainsAny(dir, "{}") {
			fail("cache.dirs."+name, "cache.dirs: %s: %s must be the name of a variable, and a directory below the cache: write for example CCACHE_DIR: ccache", name, dir)
		}
	}
	if c.User != "" && !isUser(c.User) {
		fail("user", "user %q: write root, a name that the image has, or uid[:gid] in numbers", c.User)
	}
	for i, name := range c.CapAdd {
		if !capability.MatchString(name) {
			fail(fmt.Sprintf("cap_add[%d]", i), "cap_add: %q is not a capability: write for example NET_ADMIN", name)
		}
	}
	if c.Profile == Strict {
		checkStrict(c, fail)
	}
	for i := range c.Suites {
		r.checkSuite(&c.Suites[i], fail)
	}
}

// checkStrict reports what a strict profile excludes.
func checkStrict(c *Config, fail failer) {
	for _, x := range []struct {
		key, has string
		loosens  bool
	}{
		{"network", c.Network, c.Network != "" && c.Network != "none"},
		{"user", c.User, c.User != ""},
		{"cap_add", strings.Join(c.CapAdd, ", "), len(c.CapAdd) > 0},
	} {
		if x.loosens {
			fail(x.key, "%s: %s is what profile: strict excludes: take one of the two out", x.key, x.has)
		}
	}
}

// isUser reports whether s can name a user: names, or numbers up to 2^31-1. Only
// the engine knows which names an image has.
func isUser(s string) bool {
	if !userName.MatchString(s) {
		return false
	}
	for part := range strings.SplitSeq(s, ":") {
		if strings.Trim(part, "0123456789") != "" {
			continue // a name
		}
		if _, err := strconv.ParseUint(part, 10, 31); err != nil {
			return false
		}
	}
	return true
}

type failer func(path, format string, args ...any)

func (r *reader) checkSuite(s *Suite, fail failer) {
	at := "suites." + s.Name
	if !suiteName.MatchString(s.Name) {
		fail(at, "suite %q: a name is letters, digits, and - _ . inside", s.Name)
	}
	for i, p := range s.Paths {
		if strings.HasPrefix(p, "/") || p == ".." || strings.HasPrefix(p, "../") {
			fail(fmt.Sprintf("%s.paths[%d]", at, i), "%s.paths: %q must be below the project's directory", at, p)
		}
	}
	if s.Coverage != nil {
		r.checkCoverage(s.Coverage, at+".coverage", fail)
	}
	if s.Env != nil {
		r.checkEnv(s.Env, at+".env", fail)
	}
	if s.Limits != nil {
		r.checkLimits(s.Limits, at+".limits", fail)
	}
	if s.Artifacts != nil {
		r.checkArtifacts(s.Artifacts, at+".artifacts", fail)
	}
}

func (r *reader) checkCoverage(c *Coverage, at string, fail failer) {
	if c.FailUnder != nil && (*c.FailUnder < 0 || *c.FailUnder > 100) {
		fail(at+".fail_under", "%s.fail_under is a percentage: write a number from 0 to 100", at)
	}
}

func (r *reader) checkEnv(e *Env, at string, fail failer) {
	for name := range e.Set {
		if !variableName.MatchString(name) {
			fail(at+".set."+name, "%s.set: %q is not a variable name", at, name)
		}
	}
	for i, name := range e.Pass {
		where := fmt.Sprintf("%s.pass[%d]", at, i)
		if before, _, ok := strings.Cut(name, "="); ok {
			fail(where, "%s.pass takes names: a value goes to %s.set (%s: ...)", at, at, before)
		} else if !variableName.MatchString(name) {
			fail(where, "%s.pass: %q is not a variable name", at, name)
		}
	}
}

func (r *reader) checkArtifacts(a *Artifacts, at string, fail failer) {
	for _, p := range a.Keep {
		if slices.Contains(strings.Split(strings.TrimPrefix(p, "!"), "/"), "..") {
			fail(at, "%s: %q must stay below the project's directory", at, p)
		}
	}
}

func (r *reader) checkLimits(l *Limits, at string, fail failer) {
	if l.Memory != 0 && l.Memory < 32<<20 {
		fail(at+".memory", "%s.memory: %s is less than an interpreter needs: write for example 2g", at, l.Memory)
	}
	if _, given := r.origins[at+".pids"]; given && l.PIDs < 8 {
		fail(at+".pids", "%s.pids: %d is less than a worker needs: write for example 4096", at, l.PIDs)
	}
}

// find returns the node at a path like "suites.unit.paths[0]", or the nearest
// one above it.
func find(n *yaml.Node, path string) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	if path == "" {
		return n
	}
	if strings.HasPrefix(path, "[") && n.Kind == yaml.SequenceNode {
		var i int
		if _, err := fmt.Sscanf(path, "[%d]", &i); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
		return n
	}
	if n.Kind != yaml.MappingNode {
		return n
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		rest, ok := strings.CutPrefix(path, n.Content[i].Value)
		switch {
		case !ok:
		case rest == "":
			return n.Content[i+1]
		case rest[0] == '.':
			return find(n.Content[i+1], rest[1:])
		case rest[0] == '[':
			return find(n.Content[i+1], rest)
		}
	}
	return n
}
