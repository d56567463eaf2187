package python

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// requirements are the requirements files that a project's tests need.
type requirements struct {
	files []string // to install, in order
	all   []string // those, and the ones they include
	local []string // of files, those that install something of the tree
	tests bool     // one of files is there for tests or development
}

var (
	requirementsName = regexp.MustCompile(`^([a-z0-9.]*)[-_]?requirements?[-_.]?([a-z0-9_.-]*)\.(?:txt|in)$`)
	// Only with these may a file of another purpose be taken for the project's own.
	basePurposes = []string{"", "base", "common", "main", "core", "default", "runtime", "requirements", "install", "app"}
	testPurposes = []string{"tests", "test", "testing", "unittest", "pytest"}
	devPurposes  = []string{"dev", "develop", "development", "ci", "all", "local"}
)

// requirements finds the files: one with what the project itself needs, and
// the best one for tests.
func (p *Project) requirements() requirements {
	purposes := map[string]string{} // purpose to file; the first wins
	add := func(purpose, file string) {
		if purposes[purpose] == "" {
			purposes[purpose] = file
		}
	}
	for _, file := range append(p.glob("*.txt"), p.glob("*.in")...) { // what was compiled comes first
		if m := requirementsName.FindStringSubmatch(strings.ToLower(file)); m != nil {
			add(strings.Trim(m[1]+m[2], "-_."), file)
		}
	}
	for _, dir := range []string{"requirements", "reqs", "deps"} {
		for _, file := range append(p.glob(dir+"/*.txt"), p.glob(dir+"/*.in")...) {
			name := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(path.Base(file)), ".txt"), ".in")
			add(strings.Trim(strings.ReplaceAll(name, "requirements", ""), "-_."), file)
		}
	}
	for _, file := range []string{"tests/requirements.txt", "test/requirements.txt", "tests/requirements-test.txt", "tests/test_requirements.txt"} {
		if p.Has(file) {
			add("tests", file)
		}
	}
	if p.Has("requirements-dev.lock") { // Rye's
		purposes = map[string]string{"dev": "requirements-dev.lock"}
	}
	var r requirements
	first := func(names []string) bool {
		for _, n := range names {
			if f := purposes[n]; f != "" && !slices.Contains(r.files, f) {
				r.files = append(r.files, f)
				return true
			}
		}
		return false
	}
	first(basePurposes)
	r.tests = first(testPurposes) || first(devPurposes)
	for _, f := range r.files {
		r.include(p, f)
	}
	return r
}

// include records the files that a file includes, and whether it needs the source
// tree.
func (r *requirements) include(p *Project, file string) {
	var all []string
	local := false
	p.included(file, &all, &local, 0)
	r.all = append(r.all, all...)
	if local {
		r.local = append(r.local, file)
	}
}

var (
	includesFile = regexp.MustCompile(`^(?:-r|-c|--requirement|--constraint)[ =]?\s*(\S+)`)
	localLine    = regexp.MustCompile(localPattern)
	remote       = regexp.MustCompile(`^(-e|--editable)[ =]\s*(git|hg|svn|bzr)?\+?(https?|ssh)://|^(-e|--editable)[ =]\s*git\+`)
)

// localPattern is a line about something in the tree: a path, an editable or a
// file URL. Both grep and this program read it.
const localPattern = `^ *(-e|--editable|[.]|/|file:)|@ *(file:|[.])|^[A-Za-z0-9_.-]+/`

// included adds file and the files that it includes to all, and sets local if one
// of them installs something from the source tree.
func (p *Project) included(file string, all *[]string, local *bool, depth int) {
	if strings.HasPrefix(file, "../") { // a key file lies in the project, so that only prepare sees it
		*local = true
		return
	}
	if slices.Contains(*all, file) || depth > 20 || !p.Has(file) || file == ".." {
		return
	}
	*all = append(*all, file)
	for _, line := range strings.Split(p.Read(file), "\n") {
		line = comment(strings.TrimSpace(line))
		if m := includesFile.FindStringSubmatch(line); m != nil {
			if !strings.Contains(m[1], "://") {
				p.included(path.Join(path.Dir(file), m[1]), all, local, depth+1)
			}
			continue
		}
		if localLine.MatchString(line) && !remote.MatchString(line) {
			*local = true
		}
	}
}

// alone reports whether a file includes no other: then the lines about the tree
// can be left out of it.
func (p *Project) alone(file string) bool {
	var all []string
	var local bool
	p.included(file, &all, &local, 0)
	return len(all) == 1
}

var leadingName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*`)

// PackageName returns the name at the start of a requirement.
func PackageName(requirement string) string { return leadingName.FindString(requirement) }

// SameName reports whether one of the names is the same package's as name.
func SameName(names []string, name string) bool {
	for _, n := range names {
		if normal(n) == normal(name) {
			return true
		}
	}
	return false
}

// IsEnvironment reports whether a directory is a virtual environment.
func IsEnvironment(dir string) bool { return (&Project{Dir: dir}).Has("pyvenv.cfg") }
