package python

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// A hint names the packages that tests need besides the project itself.
type hint struct {
	evidence    framework.Evidence
	packages    []string // requirements, as they are written
	groups      []string // PEP 735
	extras      []string
	files       []string // requirements files
	constraints []string // likewise, of constraints

	// What an environment of a tool says besides.
	set  map[string]string
	pass []string
	call call
}

func (h hint) empty() bool {
	return len(h.packages)+len(h.files)+len(h.groups)+len(h.extras) == 0
}

// with adds what another place names.
func (h hint) with(other hint) hint {
	h.packages = append(h.packages, other.packages...)
	h.files = append(h.files, other.files...)
	h.constraints = append(h.constraints, other.constraints...)
	h.groups = union(h.groups, other.groups)
	h.extras = union(h.extras, other.extras)
	h.evidence.Why += ", and what " + other.evidence.File + " says besides"
	return h
}

// shares reports whether another place takes one of the groups or extras in.
func (h hint) shares(other hint) bool {
	return len(union(h.groups, other.groups)) < len(h.groups)+len(other.groups) || len(union(h.extras, other.extras)) < len(h.extras)+len(other.extras)
}

// lacks reports whether another place has something besides.
func (h hint) lacks(other hint) bool {
	return len(other.packages)+len(other.files) > 0 || len(union(h.groups, other.groups)) > len(h.groups) || len(union(h.extras, other.extras)) > len(h.extras)
}

// union joins lists of names, each as it was first written.
func union(lists ...[]string) (all []string) {
	for _, name := range slices.Concat(lists...) {
		if !SameName(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// tools are the places in which tools that make environments say what tests need.
func (p *Project) tools() []func(*pyproject) hint {
	return []func(*pyproject) hint{p.hatchHint, p.toxHint, p.noxHint}
}

// hint returns the packages that tests need, from the best place that names some.
// What a tool's environment has besides a group or an extra is needed too, such as the
// version of a framework; and all that it has, where a group for development does not
// name the runner.
func (p *Project) hint(f *pyproject) hint {
	h, whole := p.grouped(f)
	if h.empty() {
		h, whole = p.known(f, p.legacyExtras()), true
	}
	if !h.empty() {
		for _, look := range p.tools() {
			more := p.known(f, look(f))
			more.packages = slices.DeleteFunc(more.packages, func(line string) bool { return PackageName(line) == line && SameName(f.listed(h), line) })
			if !more.empty() && (!whole || h.shares(more) && h.lacks(more)) {
				return h.with(more)
			}
		}
		return h
	}
	places := []func(*pyproject) hint{p.poetryTables, p.toolTables}
	for _, look := range append(append(places, p.tools()...), p.testsRequire) {
		if h := look(f); !h.empty() {
			return p.known(f, h)
		}
	}
	return hint{}
}

// known leaves out extras and groups that the project's own file does not have: uv
// refuses them.
func (p *Project) known(f *pyproject, h hint) hint {
	h.groups = slices.DeleteFunc(slices.Clone(h.groups), func(name string) bool { return !SameName(sortedNames(f.Groups), name) })
	if f.static() {
		h.extras = slices.DeleteFunc(slices.Clone(h.extras), func(name string) bool { return !SameName(sortedNames(f.Project.Extras), name) })
	}
	return h
}

// grouped returns the group and the extra for tests. whole is true if they are for
// tests alone, or name the runner.
func (p *Project) grouped(f *pyproject) (h hint, whole bool) {
	group, extra := f.tests()
	const toml = "pyproject.toml"
	var what string
	switch {
	case group == "" && extra == "":
		return hint{}, false
	case group != "" && extra != "":
		what = "the group " + group + " and the extra " + extra
	case group != "":
		what = "the group " + group
	default:
		what = "the extra " + extra
	}
	at := lineOf(f.text, "[dependency-groups")
	if group == "" {
		at = lineOf(f.text, "[project.optional-dependencies", "optional-dependencies")
	}
	h.evidence = framework.Because(toml, at, "tests need "+what)
	if group != "" {
		h.groups = []string{group}
	}
	if extra != "" {
		h.extras = []string{extra}
	}
	return h, slices.Contains(testNames, normal(group)) || slices.Contains(testNames, normal(extra)) || p.namesRunner(f, h)
}

// namesRunner reports whether a group or an extra names the runner, or takes in
// others, which may.
func (p *Project) namesRunner(f *pyproject, h hint) bool {
	return slices.ContainsFunc(f.listed(h), func(name string) bool {
		return name == "" || strings.HasPrefix(normal(name), p.Runner) || f.Project != nil && normal(name) == normal(f.Project.Name)
	})
}

// listed returns the names of the packages in the groups and extras of a hint; "" for
// another group that is taken in.
func (f *pyproject) listed(h hint) (names []string) {
	for _, group := range h.groups {
		for _, item := range f.Groups[group] {
			line, _ := item.(string)
			names = append(names, PackageName(line))
		}
	}
	for _, extra := range h.extras {
		if f.Project != nil {
			for _, line := range f.Project.Extras[extra] {
				names = append(names, PackageName(line))
			}
		}
	}
	return names
}

// legacyExtras returns the extra for tests in setup.cfg or setup.py.
func (p *Project) legacyExtras() hint {
	cfg := ParseINI(p.Read("setup.cfg"))
	extras := cfg["options.extras_require"]
	if name, _ := choose(func(n string) bool { _, ok := extras[n]; return ok }); name != "" {
		return hint{extras: []string{name}, evidence: framework.Because("setup.cfg", extras[name].Line, "tests need the extra "+name)}
	}
	text := p.Read("setup.py")
	start := strings.Index(text, "extras_require")
	if start < 0 {
		return hint{}
	}
	// The dictionary may be anywhere: a name of the right kind, as a key.
	key := func(n string) *regexp.Regexp {
		return regexp.MustCompile(`(?:["']` + n + `["']\s*:|extras(?:_require)?\[["']` + n + `["']\]\s*=)`)
	}
	name, _ := choose(func(n string) bool { return key(n).MatchString(text) })
	if name == "" {
		return hint{}
	}
	at := strings.Count(text[:key(name).FindStringIndex(text)[0]], "\n") + 1
	return hint{extras: []string{name}, evidence: framework.Because("setup.py", at, "tests need the extra "+name)}
}

// toolTables returns the packages in the tables that tools had in pyproject.toml
// before dependency groups.
func (p *Project) toolTables(f *pyproject) hint {
	at := func(table string, packages []string) hint {
		return hint{packages: packages, evidence: framework.Because("pyproject.toml", lineOf(f.text, table), "tests need what ["+strings.TrimPrefix(table, "[")+"] names")}
	}
	pdm := f.tool("pdm", "dev-dependencies")
	if name, _ := choose(func(n string) bool { return pdm[n] != nil }); name != "" {
		if packages := Words(pdm[name]); len(packages) > 0 {
			return at("tool.pdm.dev-dependencies", withoutLocal(packages))
		}
	}
	for _, tool := range []string{"uv", "rye"} {
		if packages := Words(f.tool(tool)["dev-dependencies"]); len(packages) > 0 {
			return at("[tool."+tool, withoutLocal(packages))
		}
	}
	return hint{}
}

// withoutLocal returns the packages without those that lie in the source tree.
func withoutLocal(packages []string) []string {
	var kept []string
	for _, line := range packages {
		if !localLine.MatchString(line) && plainRequirement(line) && !driver(line) {
			kept = append(kept, line)
		}
	}
	return kept
}

var requirementLine = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[A-Za-z0-9._, -]*\])?\s*(\(?[<>=!~][^;{}]*\)?)?\s*(;.*)?$`)

// plainRequirement reports whether a line is a name with versions, and nothing that
// only its tool understands.
func plainRequirement(line string) bool { return requirementLine.MatchString(line) }

var testsRequire = regexp.MustCompile(`(?s)(?:tests_require|test_requires?|test_requirements|TESTS?_REQUIRE(?:S|MENTS)?)\s*=\s*\[(.*?)\]`)

// testsRequire is setup.py's or setup.cfg's list from before extras.
func (p *Project) testsRequire(*pyproject) hint {
	if o := ParseINI(p.Read("setup.cfg"))["options"]["tests_require"]; len(o.Values) > 0 {
		return hint{packages: withoutLocal(o.Values), evidence: framework.Because("setup.cfg", o.Line, "tests need tests_require")}
	}
	text := p.Read("setup.py")
	m := testsRequire.FindStringSubmatchIndex(text)
	if m == nil {
		return hint{}
	}
	var packages []string
	for _, s := range pyString.FindAllStringSubmatch(text[m[2]:m[3]], -1) {
		packages = append(packages, s[1]+s[2])
	}
	return hint{
		packages: slices.Clip(withoutLocal(packages)),
		evidence: framework.Because("setup.py", strings.Count(text[:m[0]], "\n")+1, "tests need tests_require"),
	}
}
