package python

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// A hint names the packages that tests need besides the project itself.
type hint struct {
	evidence framework.Evidence
	packages []string // requirements, as they are written
	group    string   // PEP 735
	extra    string
	files    []string // requirements files
}

func (h hint) empty() bool {
	return len(h.packages)+len(h.files) == 0 && h.group == "" && h.extra == ""
}

// hint returns the packages that tests need, from the best place that names some.
func (p *Project) hint(f *pyproject) hint {
	if group, extra := f.tests(); group != "" || extra != "" {
		h := hint{group: group, extra: extra}
		switch {
		case group != "" && extra != "":
			h.evidence = framework.Because("pyproject.toml", lineOf(f.text, "[dependency-groups"), "tests need the group "+group+" and the extra "+extra)
		case group != "":
			h.evidence = framework.Because("pyproject.toml", lineOf(f.text, "[dependency-groups"), "tests need the group "+group)
		default:
			h.evidence = framework.Because("pyproject.toml", lineOf(f.text, "[project.optional-dependencies", "optional-dependencies"), "tests need the extra "+extra)
		}
		return h
	}
	for _, look := range []func(*pyproject) hint{p.legacyExtras, p.poetryTables, p.toolTables, p.toxHint, p.noxHint, p.testsRequire} {
		if h := look(f); !h.empty() {
			return h
		}
	}
	return hint{}
}

// legacyExtras returns the extra for tests in setup.cfg or setup.py.
func (p *Project) legacyExtras(*pyproject) hint {
	cfg := ParseINI(p.Read("setup.cfg"))
	extras := cfg["options.extras_require"]
	if name, _ := choose(func(n string) bool { _, ok := extras[n]; return ok }); name != "" {
		return hint{extra: name, evidence: framework.Because("setup.cfg", extras[name].Line, "tests need the extra "+name)}
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
	return hint{extra: name, evidence: framework.Because("setup.py", at, "tests need the extra "+name)}
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
	for _, env := range []string{"hatch-test", "tests", "test", "default", "dev"} {
		table := f.tool("hatch", "envs", env)
		packages := append(Words(table["dependencies"]), Words(table["extra-dependencies"])...)
		if len(packages) > 0 {
			return at("[tool.hatch.envs."+env, withoutLocal(packages))
		}
		if features := Words(table["features"]); len(features) > 0 && env != "default" {
			return hint{extra: features[0], evidence: framework.Because("pyproject.toml", lineOf(f.text, "[tool.hatch.envs."+env), "tests need the extra "+features[0])}
		}
	}
	return hint{}
}

// withoutLocal returns the packages without those that lie in the source tree.
func withoutLocal(packages []string) []string {
	var kept []string
	for _, line := range packages {
		if runner := PackageName(line); !localLine.MatchString(line) && plainRequirement(line) && runner != "tox" && runner != "nox" {
			kept = append(kept, line)
		}
	}
	return kept
}

var requirementLine = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[A-Za-z0-9._, -]*\])?\s*(\(?[<>=!~][^;{}]*\)?)?\s*(;.*)?$`)

// plainRequirement reports whether a line is a name with versions, and nothing that
// only its tool understands.
func plainRequirement(line string) bool { return requirementLine.MatchString(line) }

var (
	toxFactor = regexp.MustCompile(`^[A-Za-z0-9_,!{}.-]+:\s`)
	toxFile   = regexp.MustCompile(`^(?:-r|-c)\s*(?:\{toxinidir\}/|\{tox_root\}/)?([A-Za-z0-9_./-]+)$`)
)

// toxHint reads the deps, extras and groups of tox.ini's [testenv]. Lines with
// a condition are for some environments only, and are left out.
func (p *Project) toxHint(*pyproject) hint {
	text := p.Read("tox.ini")
	file := "tox.ini"
	if text == "" {
		return hint{}
	}
	env := ParseINI(text)["testenv"]
	h := hint{evidence: framework.Because(file, env["deps"].Line, "tests need what tox installs for them")}
	for _, line := range env["deps"].Values {
		switch m := toxFile.FindStringSubmatch(line); {
		case m != nil && strings.HasPrefix(line, "-r") && p.Has(m[1]):
			h.files = append(h.files, m[1])
		case toxFactor.MatchString(line):
		case plainRequirement(line):
			h.packages = append(h.packages, line)
		}
	}
	if values := env["extras"].Values; len(values) > 0 && plainRequirement(values[0]) {
		h.extra, h.evidence.Line = strings.Trim(values[0], ", "), env["extras"].Line
	}
	if values := env["dependency_groups"].Values; len(values) > 0 && plainRequirement(values[0]) {
		h.group, h.evidence.Line = strings.Trim(values[0], ", "), env["dependency_groups"].Line
	}
	return h
}

var (
	noxInstall = regexp.MustCompile(`session\.install\(([^)]*)\)`)
	pyString   = regexp.MustCompile(`"([^"\n]*)"|'([^'\n]*)'`)
	noxExtra   = regexp.MustCompile(`^\.\[([A-Za-z0-9_-]+)`)
)

// noxHint reads the literal arguments of session.install in the noxfile's
// sessions for tests.
func (p *Project) noxHint(*pyproject) hint {
	text := p.Read("noxfile.py")
	h := hint{evidence: framework.Because("noxfile.py", 0, "tests need what nox installs for them")}
	for _, function := range regexp.MustCompile(`(?m)^def `).Split(text, -1) {
		if !strings.HasPrefix(function, "test") && !strings.HasPrefix(function, "unit") {
			continue
		}
		for _, call := range noxInstall.FindAllStringSubmatch(function, -1) {
			h.nox(p, pyString.FindAllStringSubmatch(call[1], -1))
		}
		if !h.empty() {
			h.evidence.Line = lineOf(text, "def "+function[:strings.IndexByte(function+"(", '(')])
			return h
		}
	}
	return hint{}
}

func (h *hint) nox(p *Project, arguments [][]string) {
	before := ""
	for _, a := range arguments {
		word := a[1] + a[2]
		switch m := noxExtra.FindStringSubmatch(word); {
		case m != nil:
			h.extra = m[1]
		case before == "-r" && p.Has(word):
			h.files = append(h.files, word)
		case before == "--group":
			h.group = word
		case plainRequirement(word):
			h.packages = append(h.packages, word)
		}
		before = word
	}
}

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
