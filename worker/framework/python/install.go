package python

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/internal/shell"
	"github.com/shardyard/shardyard/worker/framework"
)

// uv plans the installation of a project with a uv.lock. Setup installs the
// packages of the lockfile as it is; prepare installs the project, and says so when
// the lockfile is not up to date. It returns false without one, and for a lockfile
// that lacks the group that tests need, as some projects publish.
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
	noProject, packages := "--no-install-project", ""
	d.Key = append(d.Key, "uv.lock", "pyproject.toml")
	if p.Has("uv.toml") {
		d.Key = append(d.Key, "uv.toml")
	}
	members := p.members(f)
	if len(members) > 0 {
		noProject = "--no-install-workspace"
		packages = p.uvPackages(f, members)
		d.Key = append(d.Key, members...)
	}
	if f.pathSources() {
		noProject += " --no-install-local"
	}
	all, fewer := p.uvSelection(f)
	dependencies := orElse("uv sync --frozen "+noProject+packages, all, fewer)
	d.Setup = []string{dependencies}
	d.Prepare = []string{uvCheck, orElse("uv sync --frozen"+packages, all, fewer)}
	if len(members) > 0 {
		d.Prepare[1] = "uv sync --frozen" + packages + all + " || { " + dependencies + " && " + p.uvMembers(f, members) + "; }"
	}
	return true
}

// uvCheck tells the user that a lockfile does not fit. What is locked is installed all
// the same: the index may only have another address here.
const uvCheck = "uv lock --check || echo 'uv.lock is installed as it is, though `uv lock --check` refuses it here: " +
	"it was made of another pyproject.toml, or with another package index' >>\"$SHARDYARD_NOTES\""

// orElse completes a command that installs every extra. Where one cannot be installed
// the tests' own is enough, as it is at a desk.
func orElse(sync, selection, fewer string) string {
	if fewer == "" {
		return sync + selection
	}
	return sync + selection + ` || { echo "not every extra can be installed here: only those that tests need are" >>"$SHARDYARD_NOTES"; ` + sync + fewer + "; }"
}

// besides are directories of members that are there to be looked at.
var besides = regexp.MustCompile(`(^|/)(examples?|samples?|demos?|docs?|documentation|benchmarks?|templates?|playground)(/|$)`)

// uvPackages returns the options that choose a workspace's packages: all but those
// that are examples, whose dependencies no test needs.
func (p *Project) uvPackages(f *pyproject, members []string) string {
	needed, options := 0, ""
	if f.Project != nil {
		options = " --package " + shell.Word(f.Project.Name)
	}
	for _, file := range members {
		if member := p.member(file); member != "" && !besides.MatchString(path.Dir(file)) {
			options += " --package " + shell.Word(member)
			needed++
		}
	}
	if needed == len(members) || needed == 0 && f.Project == nil {
		return " --all-packages"
	}
	return options
}

// member returns the name of the package of a pyproject.toml; "" for none.
func (p *Project) member(file string) string {
	f, err := (&Project{Dir: filepath.Dir(p.path(file))}).pyproject()
	if err != nil || f.Project == nil {
		return ""
	}
	return f.Project.Name
}

// uvMembers returns a command that installs a workspace's members one by one, and
// tells the user of those that cannot be built.
func (p *Project) uvMembers(f *pyproject, members []string) string {
	var dirs []string
	if installable, _ := p.installable(f); installable {
		dirs = append(dirs, ".")
	}
	for _, file := range members {
		if !besides.MatchString(path.Dir(file)) {
			dirs = append(dirs, shell.Word("./"+path.Dir(file)))
		}
	}
	return "for m in " + strings.Join(dirs, " ") +
		`; do uv pip install --no-deps -e "$m" || echo "the workspace member $m cannot be built here: tests run without it" >>"$SHARDYARD_NOTES"; done`
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

// uvSelection returns the options for extras and groups; and fewer, for where not
// every extra can be installed: "" where there are no other.
func (p *Project) uvSelection(f *pyproject) (all, fewer string) {
	_, extra := f.tests()
	own := ""
	if extra != "" {
		own = " --extra " + shell.Word(extra)
	}
	group := ""
	if name := f.uvGroup(); name != "" {
		group = " --group " + shell.Word(name)
	}
	if f.tool("uv")["conflicts"] != nil {
		// Extras that exclude each other cannot all be installed.
		return " --dev" + own + group, ""
	}
	if f.Project != nil {
		others := len(f.Project.Extras)
		if extra != "" {
			others--
		}
		if others > 0 {
			fewer = " --dev" + own + group
		}
	}
	return " --all-extras --dev" + group, fewer
}

// members returns the pyproject.toml files of a uv workspace's members.
func (p *Project) members(f *pyproject) []string {
	var files []string
	excluded := Words(f.tool("uv", "workspace")["exclude"])
	for _, pattern := range Words(f.tool("uv", "workspace")["members"]) {
		for _, file := range p.glob(path.Join(path.Clean(pattern), "pyproject.toml")) {
			if !slices.ContainsFunc(excluded, func(x string) bool { ok, _ := path.Match(path.Clean(x), path.Dir(file)); return ok }) {
				files = append(files, file)
			}
		}
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
			all, fewer := p.uvSelection(f)
			d.Prepare = []string{uvCheck, orElse("uv sync --frozen", all, fewer)}
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
		case p.conda(d), p.unsupported(d):
			return
		}
	}
	p.installRequirements(reqs, d)
	p.installProject(f, h, installable, len(reqs.local) > 0, d)
	p.variables(f, d)
	d.Args, d.Paths = h.call.options, h.call.paths
	if words := slices.Concat(d.Args, d.Paths); len(words) > 0 {
		d.Evidence = append(d.Evidence, framework.Because(h.evidence.File, h.evidence.Line, "tests are run with "+quoted(words)))
	}
}

// variables sets what tests see of variables, as the first tool that makes
// environments says.
func (p *Project) variables(f *pyproject, d *framework.Detected) {
	for _, look := range p.tools() {
		h := look(f)
		if len(h.set)+len(h.pass) == 0 {
			continue
		}
		d.Env, d.Pass = h.set, h.pass
		for _, name := range sortedNames(h.set) {
			d.Evidence = append(d.Evidence, framework.Because(h.evidence.File, h.evidence.Line, "tests see "+name+"="+h.set[name]))
		}
		return
	}
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
			whole = append(whole, "-r "+shell.Word(file))
		case p.alone(file):
			d.Setup = append(d.Setup, fmt.Sprintf("grep -vE '%s' %s | uv pip install -r -", localPattern, shell.Word(file)))
			d.Key = append(d.Key, file)
			d.Prepare = append(d.Prepare, "uv pip install -r "+shell.Word(file))
		default:
			d.Prepare = append(d.Prepare, "uv pip install -r "+shell.Word(file))
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

// installHint plans the installation of what tests need besides the project's own
// dependencies.
func (p *Project) installHint(f *pyproject, h hint, d *framework.Detected) {
	var setup []string
	if f.static() && len(h.extras) > 0 {
		setup = append(setup, "-r pyproject.toml")
		for _, extra := range h.extras {
			setup = append(setup, "--extra "+shell.Word(extra))
		}
	}
	for _, group := range h.groups {
		setup = append(setup, "--group "+shell.Word(group))
	}
	if len(setup) > 0 {
		d.Key = append(d.Key, "pyproject.toml")
	}
	for _, name := range h.packages {
		setup = append(setup, shell.Word(name))
	}
	for _, file := range h.constraints {
		if len(setup) > 0 {
			setup = append(setup, "-c "+shell.Word(file))
			d.Key = append(d.Key, file)
		}
	}
	if len(setup) > 0 {
		d.Setup = append(d.Setup, "uv pip install "+strings.Join(setup, " "))
	}
}

// installProject plans the installation of the project and of the dependencies that
// it states.
func (p *Project) installProject(f *pyproject, h hint, installable, installed bool, d *framework.Detected) {
	own := f.static() && len(h.extras) == 0 && (len(f.Project.Deps) > 0 || len(h.groups) == 0)
	before := len(d.Setup)
	p.installHint(f, h, d)
	switch {
	case own && len(d.Setup) > before: // in one command, so that versions fit
		d.Setup[before] = strings.Replace(d.Setup[before], "uv pip install ", "uv pip install -r pyproject.toml ", 1)
	case own:
		d.Setup = append(d.Setup, "uv pip install -r pyproject.toml")
	}
	if own {
		d.Key = append(d.Key, "pyproject.toml")
	}
	switch {
	case installed && len(h.extras) == 0 || !installable:
	case f.static():
		d.Prepare = append(d.Prepare, "uv pip install --no-deps -e .")
	case len(h.extras) > 0:
		d.Prepare = append(d.Prepare, "uv pip install -e "+shell.Word(".["+strings.Join(h.extras, ",")+"]"))
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

// quoted makes one line of words for a shell.
func quoted(words []string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = shell.Word(w)
	}
	return strings.Join(all, " ")
}
