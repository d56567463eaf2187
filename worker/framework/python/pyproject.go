package python

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// pyproject has the fields of a pyproject.toml that matter here. Values that may
// have several shapes are any: other tools judge them, not this one.
type pyproject struct {
	text  string
	there bool
	raw   map[string]any // all of it

	Project *struct {
		Name     string              `toml:"name"`
		Requires any                 `toml:"requires-python"`
		Deps     []any               `toml:"dependencies"`
		Extras   map[string][]string `toml:"optional-dependencies"`
		Dynamic  []string            `toml:"dynamic"`
	} `toml:"project"`
	Groups      map[string][]any `toml:"dependency-groups"`
	BuildSystem *struct {
		Requires []string `toml:"requires"`
		Backend  string   `toml:"build-backend"`
	} `toml:"build-system"`
	Tool map[string]any `toml:"tool"`
}

func (p *Project) pyproject() (*pyproject, error) {
	f := &pyproject{text: p.Read("pyproject.toml")}
	f.there = p.Has("pyproject.toml")
	if _, err := toml.Decode(f.text, f); err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return nil, fmt.Errorf("pyproject.toml:%d:%d: %s", at.Position.Line, max(at.Position.Col, 1), at.Message)
		}
		return nil, fmt.Errorf("pyproject.toml: %w", err)
	}
	if _, err := toml.Decode(f.text, &f.raw); err != nil {
		return nil, fmt.Errorf("pyproject.toml: %w", err)
	}
	return f, nil
}

// tool returns the table [tool.a.b]; nil when there is none.
func (f *pyproject) tool(path ...string) map[string]any {
	table := f.Tool
	for _, name := range path {
		table, _ = table[name].(map[string]any)
	}
	return table
}

func (f *pyproject) dynamic(field string) bool {
	return f.Project != nil && slices.Contains(f.Project.Dynamic, field)
}

// static reports whether the dependencies can be read without building anything.
func (f *pyproject) static() bool {
	return f.Project != nil && !f.dynamic("dependencies") && !f.dynamic("optional-dependencies")
}

// markedGroup returns the requirements of a group, for where a marker holds: a group
// itself can have none.
func (f *pyproject) markedGroup(name, marker string) (all []string) {
	for _, line := range Words(f.Groups[name]) {
		if plainRequirement(line) {
			all = append(all, marked(line, marker))
		}
	}
	return all
}

// Words returns the strings of a list.
func Words(v any) []string {
	list, _ := v.([]any)
	var all []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// Names of groups and extras for tests, best first; and the ones that hold
// tests among other things, taken when there is no better.
var (
	testNames = []string{"tests", "test", "testing", "pytest", "unit", "unit-tests"}
	devNames  = []string{"dev", "develop", "development", "dev-test", "ci", "all-dev"}
)

// choose picks the best of the names for tests, else of those for development.
func choose(has func(string) bool) (name string, dedicated bool) {
	for _, n := range testNames {
		if has(n) {
			return n, true
		}
	}
	for _, n := range devNames {
		if has(n) {
			return n, false
		}
	}
	return "", false
}

// normal returns a name as PEP 503 and 735 compare it.
func normal(name string) string {
	name = strings.ToLower(name)
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == '.' }), "-")
}

// tests chooses the group and the extra with what tests need, as they are
// written in the file; "" for none. A group or extra that is only for
// development is taken when nothing is only for tests.
func (f *pyproject) tests() (group, extra string) {
	groups, extras := map[string]string{}, map[string]string{}
	for name := range f.Groups {
		groups[normal(name)] = name
	}
	if f.Project != nil {
		for name := range f.Project.Extras {
			extras[normal(name)] = name
		}
	}
	in := func(m map[string]string) func(string) bool { return func(n string) bool { return m[n] != "" } }
	g, groupDedicated := choose(in(groups))
	e, extraDedicated := choose(in(extras))
	if extraDedicated && !groupDedicated {
		g = ""
	}
	if groupDedicated && !extraDedicated {
		e = ""
	}
	return groups[g], extras[e]
}
