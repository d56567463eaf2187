package configs

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Detect reads a project's files and says how to test it, and why. An error
// means that a file could not be read or parsed; a project that is not
// understood is no error: Kind is "" then, and Unsupported may say more.
//
// The first rule that matches is taken: uv.lock, poetry.lock, requirements
// files, pyproject.toml, setup.py or setup.cfg, and for a directory with nothing
// but tests, pytest alone.
func Detect(dir string) (Detection, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Detection{}, fmt.Errorf("detect: %w", err)
	}
	p := &project{dir: dir}
	f, err := p.pyproject()
	if err != nil {
		return Detection{}, fmt.Errorf("detect %s: %w", dir, err)
	}
	d := Detection{Dir: dir}
	p.rule(f, &d)
	if d.Unsupported == nil {
		p.tests(f, &d)
	}
	var why []Evidence
	d.Python, why = p.python(f)
	d.Evidence = append(d.Evidence, why...)
	p.version(f, &d)
	slices.Sort(d.Key)
	d.Key = slices.Compact(d.Key)
	if err := errors.Join(p.errs...); err != nil {
		return Detection{}, fmt.Errorf("detect %s: %w", dir, err)
	}
	return d, nil
}

// rule takes the first rule that matches.
func (p *project) rule(f *pyproject, d *Detection) {
	switch {
	case p.uv(f, d):
	case p.workspace(f, d):
	case p.has("poetry.lock"):
		p.poetry(f, d)
	case p.unsupported(f, d):
	default:
		p.pip(f, d)
	}
}

// tests adds the framework, and what it needs to start.
func (p *project) tests(f *pyproject, d *Detection) {
	facts := p.pytest(f)
	d.Evidence = append(d.Evidence, facts.evidence...)
	if len(facts.evidence) == 0 {
		d.Notes = append(d.Notes, "no tests were found: pytest looks for test_*.py and *_test.py")
		d.Empty = !p.collectable()
		if d.Kind != "" {
			d.Ensure = []string{"pytest"} // which says itself that it finds none
		}
		return
	}
	d.Framework = "pytest"
	d.Coverage = facts.coverage
	var line int
	if d.CoverageConfig, line = p.coverageConfig(f); d.CoverageConfig != "" {
		d.Evidence = append(d.Evidence, Evidence{d.CoverageConfig, line, "coverage is configured here"})
	}
	d.Ensure = append([]string{"pytest"}, facts.plugins...)
	if d.Kind == "" {
		d.Kind = "plain"
		d.Notes = append(d.Notes, "nothing says what the project depends on: only pytest is installed")
	}
	if len(d.Setup)+len(d.Prepare) == 0 {
		d.Setup = []string{"uv pip install " + strings.Join(d.Ensure, " ")}
	}
}

// askGit are the build backends and scripts that derive a version from git.
var askGit = regexp.MustCompile(`setuptools[-_]scm|hatch[-_]vcs|vcs[-_]versioning|versioningit|versioneer|\bpbr\b|dunamai|` +
	`dynamic[-_]versioning|setuptools[-_]git[-_]versioning|flit[-_]scm|git describe|["']git["']\s*,|rev-parse|source\s*=\s*"scm"`)

// version finds out whether the project asks git for its version. Outside a
// repository its archive says the version.
func (p *project) version(f *pyproject, d *Detection) {
	if !p.inGit() {
		return
	}
	for _, file := range []struct{ name, text string }{
		{"pyproject.toml", f.text}, {"setup.py", p.read("setup.py")}, {"setup.cfg", p.read("setup.cfg")}, {"_custom_build.py", p.read("_custom_build.py")},
	} {
		m := askGit.FindStringIndex(file.text)
		if m == nil {
			continue
		}
		d.AsksGit = true
		d.Evidence = append(d.Evidence, Evidence{file.name, strings.Count(file.text[:m[0]], "\n") + 1, "the version comes from git"})
		d.Setup = append([]string{installGit}, d.Setup...)
		return
	}
}

func (p *project) inGit() bool {
	for dir := p.dir; ; dir = filepath.Dir(dir) {
		if (&project{dir: dir}).hasAny(".git") {
			return true
		}
		if filepath.Dir(dir) == dir {
			return false
		}
	}
}

// installGit puts git into a builder whose image has none.
const installGit = "command -v git >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends git; } || apk add --no-cache git"
