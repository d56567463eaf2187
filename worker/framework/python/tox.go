package python

import (
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/shardyard/shardyard/worker/framework"
)

// toxHint reads the environment of tox that runs pytest: its deps, extras, groups,
// variables, and what it tells pytest.
func (p *Project) toxHint(f *pyproject) hint {
	if e, ok := p.tox(f); ok {
		return e.hint(p)
	}
	return hint{}
}

// tox returns the environment of tox for tests, from the first of the files that tox
// reads (https://tox.wiki/en/latest/config.html).
func (p *Project) tox(f *pyproject) (toolEnv, bool) {
	if p.Has("tox.ini") {
		return toxINI("tox.ini", p.Read("tox.ini"), "tox")
	}
	if text := p.Read("setup.cfg"); strings.Contains(text, "[tox:tox]") {
		return toxINI("setup.cfg", text, "tox:tox")
	}
	const toml = "pyproject.toml"
	line := lineOf(f.text, "[tool.tox")
	if table := f.tool("tox"); table["legacy_tox_ini"] != nil {
		text, _ := table["legacy_tox_ini"].(string)
		e, ok := toxINI(toml, text, "tox")
		e.evidence.Line += line
		return e, ok
	} else if table != nil {
		return toxTOML(toml, line, table)
	}
	return p.toxFile()
}

// toxFile reads tox.toml. One that cannot be parsed says nothing; tox says what is
// wrong with it.
func (p *Project) toxFile() (toolEnv, bool) {
	var table map[string]any
	text := p.Read("tox.toml")
	if _, err := toml.Decode(text, &table); err != nil || text == "" {
		return toolEnv{}, false
	}
	return toxTOML("tox.toml", lineOf(text, "[env_run_base", "[env."), table)
}

// toxINI reads a file in tox's older format.
func toxINI(file, text, main string) (toolEnv, bool) {
	ini := ParseINI(text)
	top := ini[main]
	list := append(slices.Clone(top["envlist"].Values), top["env_list"].Values...)
	var names []string
	for _, line := range list {
		names = append(names, generated(line)...)
	}
	for section := range ini {
		if name, ok := strings.CutPrefix(section, "testenv:"); ok {
			for _, n := range generated(name) {
				if isTestName(n) {
					names = append(names, n)
				}
			}
		}
	}
	env := func(name string) toolEnv { return toxSection(ini, file, name) }
	if name, ok := bestEnv(names, func(name string) bool { return env(name).tests }); ok {
		return perPython(name, names, env), true
	}
	base := env("py")
	return base, base.tests || len(base.deps)+len(base.extras)+len(base.groups) > 0
}

// isTestName reports whether an environment is one for tests by its name.
func isTestName(name string) bool {
	return slices.Contains(testNames, name) || name == "unit" || name == "py" || strings.HasPrefix(name, "hatch-test")
}

var strange = regexp.MustCompile(`^(pypy.*|.*cov.*|lint.*|.*main|.*master|.*nightly|.*upstream|.*lowest|.*oldest|min.*|.*dev|pre|docs?.*|.*t)$`)

// aPython is a factor that names a Python.
var aPython = regexp.MustCompile(`^(py|c?python)?3?\.?\d*$`)

// bestEnv returns the environment to take: of those that call pytest the ones that
// are for nothing special, of these rather one that names a Python or tests than one
// that may leave something out, and of these the last, since lists of versions end
// with the newest.
func bestEnv(names []string, tests func(string) bool) (best string, ok bool) {
	score := -1
	for _, name := range names {
		if !tests(name) {
			continue
		}
		factors := strings.Split(name, "-")
		s := 1
		if slices.ContainsFunc(factors, func(f string) bool { return isTestName(f) || aPython.MatchString(f) }) {
			s = 2
		}
		if slices.ContainsFunc(factors, func(f string) bool { return strange.MatchString(f) && !isTestName(f) }) {
			s = 0
		}
		if s >= score {
			best, score, ok = name, s, true
		}
	}
	return best, ok
}

var braces = regexp.MustCompile(`\{([^{}:\[\]]*)\}`)

// generated expands the braces in a list of environments: py{310,311}-x.
func generated(list string) (names []string) {
	depth, start := 0, 0
	parts := []string{}
	if strings.Count(list, "{") != strings.Count(list, "}") {
		return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	}
	for i, r := range list + "," {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case r == ',' && depth <= 0:
			parts = append(parts, strings.TrimSpace(list[start:min(i, len(list))]))
			start = i + 1
		}
	}
	for _, part := range parts {
		for _, word := range strings.Fields(part) {
			names = append(names, expanded(word)...)
		}
	}
	return names
}

// mostChoices bounds the product of choices in an environment's name.
const mostChoices = 24

func expanded(word string) []string {
	at := braces.FindStringSubmatchIndex(word)
	if at == nil || strings.Count(word, ",") > mostChoices {
		return []string{word}
	}
	var all []string
	for _, choice := range strings.Split(word[at[2]:at[3]], ",") {
		all = append(all, expanded(word[:at[0]]+strings.TrimSpace(choice)+word[at[1]:])...)
	}
	return all
}

// toxSection returns an environment: what [testenv] says, below its own section.
func toxSection(ini INI, file, name string) toolEnv {
	options := map[string]Option{}
	for key, o := range ini["testenv"] {
		options[key] = o
	}
	for section, own := range ini {
		if n, ok := strings.CutPrefix(section, "testenv:"); ok && slices.Contains(generated(n), name) {
			for key, o := range own {
				options[key] = o
			}
		}
	}
	r := toxReader{ini: ini, options: options, factors: strings.Split(name, "-")}
	e := toolEnv{set: map[string]string{}}
	e.deps = r.lines("deps")
	for _, line := range r.lines("extras") {
		e.extras = append(e.extras, words(line)...)
	}
	for _, line := range r.lines("dependency_groups") {
		e.groups = append(e.groups, words(line)...)
	}
	for _, line := range append(r.lines("setenv"), r.lines("set_env")...) {
		if name, value, ok := strings.Cut(line, "="); ok {
			e.set[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	for _, line := range append(r.lines("passenv"), r.lines("pass_env")...) {
		e.pass = append(e.pass, words(line)...)
	}
	elsewhere := len(r.lines("changedir"))+len(r.lines("change_dir")) > 0
	for _, line := range r.joined("commands") {
		if c, ok := pytestCall(line); ok {
			if e.tests = true; !elsewhere {
				e.call = c
			}
			break
		}
	}
	at := 0
	for _, key := range []string{"deps", "extras", "dependency_groups", "commands"} {
		if o, ok := options[key]; ok && at == 0 {
			at = o.Line
		}
	}
	e.evidence = framework.Because(file, at, "tests need what tox installs for them")
	return e
}

// A toxReader reads the options of one environment.
type toxReader struct {
	ini     INI
	options map[string]Option
	factors []string
}

var (
	reference = regexp.MustCompile(`^\{\[([^\]{}]+)\]([a-z_]+)\}$`)
	factored  = regexp.MustCompile(`^([!A-Za-z0-9_.{},-]+):(?:\s+(.*)|)$`)
	pyFactor  = regexp.MustCompile(`^py3(\d+)$`)
)

// lines returns the values of an option: references are followed, and lines that are
// for other environments left out.
// What only one Python is for is left out too, except of deps, which have markers.
func (r toxReader) lines(key string) []string {
	return r.values(r.options[key].Values, key == "deps", 0)
}

func (r toxReader) values(lines []string, markers bool, depth int) (all []string) {
	for _, line := range lines {
		if m := reference.FindStringSubmatch(line); m != nil {
			if depth < 5 {
				all = append(all, r.values(r.ini[m[1]][m[2]].Values, markers, depth+1)...)
			}
			continue
		}
		if m := factored.FindStringSubmatch(line); m != nil {
			ok, marker := r.holds(m[1])
			switch {
			case !ok || m[2] == "":
				continue
			case marker != "" && (!markers || !plainRequirement(m[2])):
				continue
			}
			line = marked(m[2], marker)
		}
		all = append(all, line)
	}
	return all
}

// holds reports whether a condition on factors holds. Which Python it will be is not
// known yet: a factor like py310 becomes a marker.
func (r toxReader) holds(condition string) (ok bool, marker string) {
	var markers []string
	for _, alternative := range generated(condition) {
		all, python := true, []string{}
		for _, factor := range strings.Split(alternative, "-") {
			name, not := strings.CutPrefix(factor, "!")
			m := pyFactor.FindStringSubmatch(name)
			switch {
			case m != nil && not:
				python = append(python, "python_version != '3."+m[1]+"'")
			case m != nil:
				python = append(python, "python_version == '3."+m[1]+"'")
			case name == "py" || name == "py3":
				all = all && !not
			default:
				all = all && slices.Contains(r.factors, name) != not
			}
		}
		switch {
		case all && len(python) == 0:
			return true, ""
		case all:
			markers = append(markers, strings.Join(python, " and "))
		}
	}
	return len(markers) > 0, strings.Join(markers, " or ")
}

// joined returns command lines; a line that ends with a backslash goes on.
func (r toxReader) joined(key string) (all []string) {
	whole := ""
	for _, line := range r.lines(key) {
		part, more := strings.CutSuffix(line, "\\")
		if whole += part + " "; !more {
			all = append(all, strings.TrimSpace(whole))
			whole = ""
		}
	}
	if whole != "" {
		all = append(all, strings.TrimSpace(whole))
	}
	return all
}

// toxTOML reads tox's newer format.
func toxTOML(file string, line int, top map[string]any) (toolEnv, bool) {
	base, _ := top["env_run_base"].(map[string]any)
	own, _ := top["env"].(map[string]any)
	env := func(name string) toolEnv {
		options := map[string]any{}
		for _, from := range []any{base, own[name]} {
			table, _ := from.(map[string]any)
			for key, v := range table {
				options[key] = v
			}
		}
		return toxTable(file, line, options)
	}
	names := Words(top["env_list"])
	for _, name := range sortedNames(own) {
		if isTestName(name) {
			names = append(names, name)
		}
	}
	if name, ok := bestEnv(names, func(name string) bool { return env(name).tests }); ok {
		return env(name), true
	}
	e := toxTable(file, line, base)
	return e, e.tests || len(e.deps)+len(e.extras)+len(e.groups) > 0
}

func toxTable(file string, line int, options map[string]any) toolEnv {
	e := toolEnv{
		evidence: framework.Because(file, line, "tests need what tox installs for them"),
		deps:     Words(options["deps"]), extras: Words(options["extras"]), groups: Words(options["dependency_groups"]),
		pass: Words(options["pass_env"]), set: map[string]string{},
	}
	set, _ := options["set_env"].(map[string]any)
	for name, value := range set {
		if s, ok := value.(string); ok {
			e.set[name] = s
		}
	}
	commands, _ := options["commands"].([]any)
	for _, command := range commands {
		if c, ok := pytestWords(toxWords(command)); ok {
			if e.tests = true; options["change_dir"] == nil {
				e.call = c
			}
			break
		}
	}
	return e
}

// toxWords returns the words of a command, with what stands for the user's arguments
// when there are none.
func toxWords(command any) (all []string) {
	list, _ := command.([]any)
	for _, word := range list {
		switch v := word.(type) {
		case string:
			all = append(all, posargs.ReplaceAllString(v, "$1$2"))
		case map[string]any:
			if v["replace"] == "posargs" {
				all = append(all, Words(v["default"])...)
			} else {
				all = append(all, "{}") // not to be known
			}
		}
	}
	return slices.DeleteFunc(all, func(w string) bool { return w == "" })
}
