package python

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// A Project reads the files of one project's directory. A file that does not exist
// reads as empty, and is no error.
type Project struct {
	Dir string // absolute
	// Runner is the package that runs the tests: suggestions install it.
	Runner string

	toml *pyproject
	errs []error
}

// Look reads a directory's pyproject.toml, if it has one. An error means that it
// cannot be parsed.
func Look(dir, runner string) (*Project, error) {
	p := &Project{Dir: dir, Runner: runner, toml: &pyproject{}}
	f, err := p.pyproject()
	if err != nil {
		return nil, err
	}
	p.toml = f
	return p, nil
}

// Above returns the directory above; ok is false if that is outside of the
// project's git repository. A pyproject.toml there that cannot be parsed counts as
// empty.
func (p *Project) Above() (above *Project, ok bool) {
	parent := filepath.Dir(p.Dir)
	if !p.inGit() || p.hasAny(".git") || parent == p.Dir {
		return nil, false
	}
	above = &Project{Dir: parent, Runner: p.Runner, toml: &pyproject{}}
	if f, err := above.pyproject(); err == nil {
		above.toml = f
	}
	return above, true
}

// Err returns the errors of reading so far.
func (p *Project) Err() error { return errors.Join(p.errs...) }

// Install sets how to install the project and its dependencies: d.Kind, Setup,
// Prepare and Key. It takes the first rule that matches: uv.lock, other lockfiles,
// requirements files, pyproject.toml, setup.py or setup.cfg, what tox, Hatch or nox
// install, conda's file. If none matches, d.Kind stays "".
func (p *Project) Install(d *framework.Detected) {
	f := p.toml
	switch {
	case p.uv(f, d):
	case p.workspace(f, d):
	case p.locked(f, d):
	default:
		p.pip(f, d)
	}
	p.elsewhere(f, d)
	p.stale(f, d)
	d.Remotes = p.remotes(d)
	if d.Unsupported != nil {
		d.Kind, d.Setup, d.Prepare, d.Key = "", nil, nil, nil
	}
}

// Complete sets what does not depend on the rule of Install: the wanted Python, and
// whether the build asks git for the version. Call it last.
func (p *Project) Complete(d *framework.Detected) {
	tools, why := p.python(p.toml)
	d.Toolchain = tools
	d.Evidence = append(d.Evidence, why...)
	p.version(p.toml, d)
	d.Hint = p.hintOfCI(d)
	slices.Sort(d.Key)
	d.Key = slices.Compact(d.Key)
}

// askGit are the build backends and scripts that derive a version from git.
var askGit = regexp.MustCompile(`setuptools[-_]scm|hatch[-_]vcs|vcs[-_]versioning|versioningit|versioneer|\bpbr\b|dunamai|` +
	`dynamic[-_]versioning|setuptools[-_]git[-_]versioning|flit[-_]scm|git describe|["']git["']\s*,|rev-parse|source\s*=\s*"scm"`)

// version finds out whether the project's build asks git for its version. Outside a
// repository the unpacked archive holds the version.
func (p *Project) version(f *pyproject, d *framework.Detected) {
	if !p.inGit() {
		return
	}
	for _, file := range []struct{ name, text string }{
		{"pyproject.toml", f.text}, {"setup.py", p.Read("setup.py")}, {"setup.cfg", p.Read("setup.cfg")}, {"_custom_build.py", p.Read("_custom_build.py")},
	} {
		m := askGit.FindStringIndex(file.text)
		if m == nil {
			continue
		}
		d.AsksGit = true
		d.Evidence = append(d.Evidence, framework.Because(file.name, strings.Count(file.text[:m[0]], "\n")+1, "the version comes from git"))
		d.Setup = append([]string{installGit}, d.Setup...)
		return
	}
}

func (p *Project) inGit() bool {
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		if (&Project{Dir: dir}).hasAny(".git") {
			return true
		}
		if filepath.Dir(dir) == dir {
			return false
		}
	}
}

// installGit puts git into a builder whose image has none.
const installGit = "command -v git >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends git; } || apk add --no-cache git"

// Tool returns the table [tool.a.b] of pyproject.toml, and the first line that
// holds its header; nil when there is none.
func (p *Project) Tool(path ...string) (table map[string]any, line int) {
	return p.toml.tool(path...), lineOf(p.toml.text, "[tool."+strings.Join(path, "."))
}

// Coverage returns the file with the project's own settings of coverage.py, in
// its own order, and the line; "" for none.
func (p *Project) Coverage() (file string, line int) {
	if p.Has(".coveragerc") {
		return ".coveragerc", 0
	}
	for _, file := range []string{"setup.cfg", "tox.ini"} {
		text := p.Read(file)
		for section := range ParseINI(text) {
			if strings.HasPrefix(section, "coverage:") {
				return file, lineOf(text, "[coverage:")
			}
		}
	}
	if table, line := p.Tool("coverage"); table != nil {
		return "pyproject.toml", line
	}
	return "", 0
}
