package python

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// uv plans the installation of a project with a uv.lock. Setup installs the
// packages of the lockfile as it is; prepare installs the project, and checks that
// the lockfile is up to date. It returns false without one, and for a lockfile that
// lacks the group that tests need, as some projects publish.
func (p *Project) uv(f *pyproject, d *framework.Detected) bool {
	if !p.Has("uv.lock") {
		return false
	}
	if group := f.uvGroup(); group != "" && !p.locks(group) {
		d.Notes = append(d.Notes, fmt.Sprintf("uv.lock is older than pyproject.toml, it lacks the group %s: it is left out; `uv lock` makes it current", group))
		return false
	}
	d.Kind = "uv"
	d.Evidence = append(d.Evidence, framework.Because("uv.lock", 0, "uv has locked the dependencies"))
	what := p.uvSelection(f)
	noProject := "--no-install-project"
	d.Key = append(d.Key, "uv.lock", "pyproject.toml")
	if p.Has("uv.toml") {
		d.Key = append(d.Key, "uv.toml")
	}
	if members := p.members(f); len(members) > 0 {
		noProject = "--no-install-workspace"
		what = " --all-packages" + what
		d.Key = append(d.Key, members...)
	}
	if f.pathSources() {
		noProject += " --no-install-local"
	}
	d.Setup = []string{"uv sync --frozen " + noProject + what}
	d.Prepare = []string{"uv sync --locked" + what}
	return true
}

// pathSources reports whether a dependency of the project is another directory
// of the tree, which setup does not see.
func (f *pyproject) pathSources() bool {
	for _, source := range f.tool("uv", "sources") {
		if table, ok := source.(map[string]any); ok && table["path"] != nil {
			return true
		}
	}
	return false
}

// locks reports whether uv.lock has a group. uv refuses to install others.
func (p *Project) locks(group string) bool {
	section := ""
	for line := range strings.Lines(p.Read("uv.lock")) {
		if strings.HasPrefix(line, "[") {
			section = strings.TrimSpace(line)
		}
		name, _, list := strings.Cut(line, " = [")
		if list && normal(name) == normal(group) && (section == "[package.dev-dependencies]" || section == "[package.metadata.requires-dev]") {
			return true
		}
	}
	return false
}

// uvGroup returns the group that tests need and uv does not install by itself.
func (f *pyproject) uvGroup() string {
	group, _ := f.tests()
	uv := f.tool("uv")
	defaults := Words(uv["default-groups"])
	if uv["default-groups"] == nil {
		defaults = []string{"dev"}
	}
	if uv["default-groups"] == "all" || SameName(defaults, group) {
		return ""
	}
	return group
}

// uvSelection returns the options for extras and groups.
func (p *Project) uvSelection(f *pyproject) string {
	what := " --all-extras --dev"
	_, extra := f.tests()
	uv := f.tool("uv")
	if uv["conflicts"] != nil {
		// Extras that exclude each other cannot all be installed.
		what = " --dev"
		if extra != "" {
			what += " --extra " + extra
		}
	}
	if group := f.uvGroup(); group != "" {
		what += " --group " + group
	}
	return what
}

// members returns the pyproject.toml files of a uv workspace's members.
func (p *Project) members(f *pyproject) []string {
	var files []string
	for _, pattern := range Words(f.tool("uv", "workspace")["members"]) {
		files = append(files, p.glob(path.Join(path.Clean(pattern), "pyproject.toml"))...)
	}
	return files
}

// workspace plans the installation of a member of a uv workspace, whose lockfile is
// in a directory above. Members need each other's sources, so that prepare
// installs everything.
func (p *Project) workspace(f *pyproject, d *framework.Detected) bool {
	if f.Project == nil {
		return false
	}
	for dir := filepath.Dir(p.Dir); ; dir = filepath.Dir(dir) {
		root := &Project{Dir: dir}
		if root.Has("uv.lock") {
			above, err := root.pyproject()
			rel, relErr := filepath.Rel(dir, p.Dir)
			if err != nil || relErr != nil || !slices.Contains(root.members(above), filepath.ToSlash(rel)+"/pyproject.toml") {
				return false
			}
			d.Kind = "uv"
			up, _ := filepath.Rel(p.Dir, dir)
			d.Evidence = append(d.Evidence, framework.Because(filepath.ToSlash(up)+"/uv.lock", 0, "a member of a uv workspace"))
			d.Prepare = []string{"uv sync --locked" + p.uvSelection(f)}
			return true
		}
		if root.hasDir(".git") || root.Has(".git") || filepath.Dir(dir) == dir {
			return false
		}
	}
}

// pip plans the installation of a project whose dependencies are in files that pip
// understands.
func (p *Project) pip(f *pyproject, d *framework.Detected) {
	reqs := p.requirements()
	installable, why := p.installable(f)
	if len(reqs.files) > 0 {
		d.Kind = "requirements"
		for _, file := range reqs.files {
			d.Evidence = append(d.Evidence, framework.Because(file, 0, "requirements"))
		}
	}
	var h hint
	if !reqs.tests {
		if h = p.hint(f); !h.empty() {
			d.Evidence = append(d.Evidence, h.evidence)
			for _, file := range h.files {
				if !slices.Contains(reqs.files, file) {
					reqs.add(p, file)
				}
			}
		}
	}
	if d.Kind == "" {
		switch {
		case f.Project != nil || why == "pyproject.toml":
			d.Kind = "pyproject"
			d.Evidence = append([]framework.Evidence{framework.Because("pyproject.toml", lineOf(f.text, "[project]", "[tool.poetry]", "[build-system]"), "the project's dependencies")}, d.Evidence...)
		case p.Has("setup.py") || installable:
			d.Kind = "setup.py"
			d.Evidence = append([]framework.Evidence{framework.Because(why, 0, "the project's dependencies")}, d.Evidence...)
		case !h.empty():
			d.Kind = "requirements"
		}
	}
	p.installRequirements(reqs, d)
	p.installProject(f, h, installable, len(reqs.local) > 0, d)
}

func (r *requirements) add(p *Project, file string) {
	r.files = append(r.files, file)
	r.include(p, file)
}

// installRequirements plans the installation of requirements files. Setup does not
// have the source tree: it leaves out the lines that name a path in the tree, and
// prepare installs the whole file.
func (p *Project) installRequirements(r requirements, d *framework.Detected) {
	var whole []string
	for _, file := range r.files {
		switch {
		case !slices.Contains(r.local, file):
			whole = append(whole, "-r "+quote(file))
		case p.alone(file):
			d.Setup = append(d.Setup, fmt.Sprintf("grep -vE '%s' %s | uv pip install -r -", localPattern, quote(file)))
			d.Key = append(d.Key, file)
			d.Prepare = append(d.Prepare, "uv pip install -r "+quote(file))
		default:
			d.Prepare = append(d.Prepare, "uv pip install -r "+quote(file))
		}
	}
	if len(whole) > 0 {
		d.Setup = append([]string{"uv pip install " + strings.Join(whole, " ")}, d.Setup...)
		for _, file := range r.all {
			if !slices.Contains(r.local, file) {
				d.Key = append(d.Key, file)
			}
		}
	}
}

// installProject plans the installation of the project and of the dependencies that
// it states.
func (p *Project) installProject(f *pyproject, h hint, installable, installed bool, d *framework.Detected) {
	var setup []string
	if f.static() && (len(f.Project.Deps) > 0 || h.extra != "" || h.group == "") {
		setup = append(setup, "-r pyproject.toml")
		if h.extra != "" {
			setup = append(setup, "--extra "+quote(h.extra))
		}
	}
	if h.group != "" {
		setup = append(setup, "--group "+quote(h.group))
	}
	if len(setup) > 0 {
		d.Key = append(d.Key, "pyproject.toml")
	}
	for _, name := range h.packages {
		setup = append(setup, quote(name))
	}
	if len(setup) > 0 {
		d.Setup = append(d.Setup, "uv pip install "+strings.Join(setup, " "))
	}
	switch {
	case installed && h.extra == "" || !installable:
	case f.static():
		d.Prepare = append(d.Prepare, "uv pip install --no-deps -e .")
	case h.extra != "":
		d.Prepare = append(d.Prepare, "uv pip install -e "+quote(".["+h.extra+"]"))
	default:
		d.Prepare = append(d.Prepare, "uv pip install -e .")
	}
	if !installable && f.Project != nil {
		d.Notes = append(d.Notes, "pyproject.toml names no build system: the dependencies are installed, the project is not")
	}
}

// installable reports whether the project itself can be installed, and by which
// file.
func (p *Project) installable(f *pyproject) (bool, string) {
	if f.tool("uv")["package"] == false {
		return false, ""
	}
	switch {
	case f.BuildSystem != nil && (f.Project != nil || p.Has("setup.py") || p.Has("setup.cfg") || f.tool("flit") != nil || f.tool("poetry") != nil):
		return true, "pyproject.toml"
	case p.Has("setup.py"):
		return true, "setup.py"
	case ParseINI(p.Read("setup.cfg"))["metadata"]["name"].Values != nil:
		return true, "setup.cfg"
	case f.Project != nil && p.hasDir("src"):
		return true, "pyproject.toml"
	}
	return false, ""
}

// quote makes one word of s for a shell.
func quote(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:@+,", r)
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
