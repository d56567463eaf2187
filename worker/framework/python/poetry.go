package python

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// poetry plans the installation of a project with a poetry.lock. The lock is
// exported, and uv installs the export: from the index of all other packages, in
// parallel, and checking the hashes of the lock.
func (p *Project) poetry(f *pyproject, d *framework.Detected) {
	d.Kind = "poetry"
	d.Evidence = append(d.Evidence, framework.Because("poetry.lock", 0, "Poetry has locked the dependencies"))
	d.Key = append(d.Key, "poetry.lock", "pyproject.toml")
	with := ""
	if groups := f.poetryGroups(); len(groups) > 0 {
		with = " --with " + strings.Join(groups, ",")
	}
	d.Setup = []string{
		"UV_COMPILE_BYTECODE=0 uv tool run --from poetry --with poetry-plugin-export poetry export --quiet --all-extras" + with + " --output poetry-export.txt",
		"uv pip install -r poetry-export.txt",
	}
	if len(f.paths()) > 0 { // their sources are in the tree
		d.Setup, d.Prepare, d.Key = nil, d.Setup, nil
	}
	if installable, _ := p.installable(f); installable && f.tool("poetry")["package-mode"] != false {
		d.Prepare = append(d.Prepare, "uv pip install --no-deps -e .")
	}
}

// poetryGroups returns the groups that Poetry installs by default, and of the
// optional ones the best for tests.
func (f *pyproject) poetryGroups() []string {
	tables, all := f.tool("poetry", "group"), []string{}
	optional := func(n string) bool { return f.tool("poetry", "group", n)["optional"] == true }
	for name := range tables {
		if name != "main" && !optional(name) {
			all = append(all, name)
		}
	}
	if f.tool("poetry", "dev-dependencies") != nil && !slices.Contains(all, "dev") {
		all = append(all, "dev")
	}
	for name := range f.Groups {
		if !slices.Contains(all, name) && !optional(name) {
			all = append(all, name)
		}
	}
	if name, _ := choose(optional); name != "" {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

// poetryTables returns the test dependencies of a Poetry project without a lock.
func (p *Project) poetryTables(f *pyproject) hint {
	tables := map[string]map[string]any{}
	for name := range f.tool("poetry", "group") {
		tables[name] = f.tool("poetry", "group", name, "dependencies")
	}
	if old := f.tool("poetry", "dev-dependencies"); old != nil {
		tables["dev"] = old
	}
	name, _ := choose(func(n string) bool { return len(tables[n]) > 0 })
	if name == "" {
		return hint{}
	}
	h := hint{evidence: framework.Because("pyproject.toml", lineOf(f.text, "[tool.poetry.group."+name, "[tool.poetry.dev-dependencies"), "tests need Poetry's group "+name)}
	for _, dependency := range sortedNames(tables[name]) {
		if line, ok := poetryRequirement(dependency, tables[name][dependency]); ok {
			h.packages = append(h.packages, line)
		}
	}
	return h
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// poetryRequirement returns a dependency of Poetry's tables as a requirement; false
// for one in the source tree or in a repository, which is none.
func poetryRequirement(name string, value any) (string, bool) {
	if name == "python" {
		return "", false
	}
	switch v := value.(type) {
	case string:
		return name + poetryVersion(v), true
	case map[string]any:
		version, ok := v["version"].(string)
		if !ok || v["optional"] == true {
			return "", false
		}
		if extras := Words(v["extras"]); len(extras) > 0 {
			name += "[" + strings.Join(extras, ",") + "]"
		}
		line, markers := name+poetryVersion(version), []string{}
		if m, ok := v["markers"].(string); ok {
			markers = append(markers, "("+m+")")
		}
		if python, ok := v["python"].(string); ok {
			for _, clause := range strings.Split(strings.TrimLeft(poetryVersion(python), " "), ",") {
				if bound := strings.TrimLeft(clause, "<>=!~"); bound != "" {
					markers = append(markers, fmt.Sprintf("python_version %s '%s'", clause[:len(clause)-len(bound)], bound))
				}
			}
		}
		if len(markers) > 0 {
			line += " ; " + strings.Join(markers, " and ")
		}
		return line, true
	}
	return "", false
}

// poetryVersion writes Poetry's constraints as PEP 440 specifiers: ^1.2.3 is
// >=1.2.3,<2, and ~1.2.3 is >=1.2.3,<1.3
// (https://python-poetry.org/docs/dependency-specification/).
func poetryVersion(constraint string) string {
	var all []string
	for _, c := range strings.FieldsFunc(constraint, func(r rune) bool { return r == ',' }) {
		c = strings.TrimSpace(c)
		switch {
		case c == "" || c == "*":
		case c[0] == '^' || c[0] == '~' && !strings.HasPrefix(c, "~="):
			low := strings.TrimSpace(c[1:])
			all = append(all, ">="+low, "<"+next(low, c[0] == '^'))
		case strings.ContainsAny(c[:1], "<>=!~"):
			all = append(all, strings.ReplaceAll(c, " ", ""))
		default:
			all = append(all, "=="+c)
		}
	}
	return strings.Join(all, ",")
}

// next returns the first version that a caret or a tilde does not allow.
func next(version string, caret bool) string {
	var parts []int
	for _, s := range strings.Split(version, ".") {
		n, err := strconv.Atoi(s)
		if err != nil {
			break
		}
		parts = append(parts, n)
	}
	if len(parts) == 0 {
		return "9999"
	}
	at := min(1, len(parts)-1)
	if caret {
		for at = 0; at < len(parts)-1 && parts[at] == 0; at++ {
		}
	}
	parts[at]++
	words := make([]string, at+1)
	for i := range words {
		words[i] = strconv.Itoa(parts[i])
	}
	return strings.Join(words, ".")
}
