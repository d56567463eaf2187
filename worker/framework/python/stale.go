package python

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/shardyard/shardyard/worker/framework"
)

// stale notes that a lockfile was made of other dependencies than the project names
// now, as far as its files show it.
func (p *Project) stale(f *pyproject, d *framework.Detected) {
	note := func(format string, args ...any) { d.Notes = append(d.Notes, fmt.Sprintf(format, args...)) }
	switch d.Kind {
	case "pipenv":
		if p.stalePipfile() {
			note("Pipfile.lock was made of another Pipfile: it is installed as it is; `pipenv lock` makes it current")
		}
	case "poetry":
		if p.stalePoetry(f) {
			note("poetry.lock was made of another pyproject.toml, which Poetry refuses to install: `poetry lock` makes it current")
		}
	case "pdm":
		if name := unlocked(f.named(), lockedNames(p.Read("pdm.lock"))); name != "" {
			note("pdm.lock lacks %s, which pyproject.toml:%d names: it is installed as it is; `pdm lock` makes it current", name, lineOf(f.text, `"`+name, `'`+name))
		}
	case "uv":
		if f.Project == nil || f.dynamic("dependencies") || f.dynamic("optional-dependencies") || !p.Has("uv.lock") {
			return
		}
		locked, ok := uvRequires(p.Read("uv.lock"), f.Project.Name)
		if !ok {
			return
		}
		wanted := f.named()
		name, how := unlocked(wanted, slices.Collect(maps.Keys(locked))), "lacks %s, which pyproject.toml:%d names"
		if name == "" {
			name, how = otherVersions(wanted, locked), "is for other versions of %s than pyproject.toml:%d names"
		}
		if name != "" {
			note("uv.lock "+how+": it is installed as it is; `uv lock` makes it current", name, lineOf(f.text, `"`+name, `'`+name))
		}
	}
}

// named returns the dependencies, of the project, its extras and its groups, that
// hold on every machine and come from an index.
func (f *pyproject) named() (all []string) {
	add := func(line string) {
		if plainRequirement(line) && !strings.Contains(line, ";") {
			all = append(all, line)
		}
	}
	if f.Project != nil {
		for _, line := range Words(f.Project.Deps) {
			add(line)
		}
		for _, extra := range sortedNames(f.Project.Extras) {
			for _, line := range f.Project.Extras[extra] {
				add(line)
			}
		}
	}
	for _, group := range sortedNames(f.Groups) {
		for _, line := range Words(f.Groups[group]) {
			add(line)
		}
	}
	return all
}

// unlocked returns the first package of requirements that is not among the names of a
// lockfile; "" for none.
func unlocked(requirements, locked []string) string {
	have := map[string]bool{}
	for _, name := range locked {
		have[normal(name)] = true
	}
	for _, line := range requirements {
		if name := PackageName(line); !have[normal(name)] {
			return name
		}
	}
	return ""
}

var lockedName = regexp.MustCompile(`(?m)^name = "([^"]+)"`)

// lockedNames returns the names of the packages of a lockfile.
func lockedNames(lock string) (names []string) {
	for _, m := range lockedName.FindAllStringSubmatch(lock, -1) {
		names = append(names, m[1])
	}
	return names
}

var (
	uvRequirement = regexp.MustCompile(`\{ name = "([^"]+)"([^}]*)`)
	uvSpecifier   = regexp.MustCompile(` specifier = "([^"]*)"`)
)

// uvRequires returns what the project itself depended on when uv.lock was made, with
// the versions of each place that named it; "?" where these are not of an index.
func uvRequires(lock, project string) (requires map[string][]string, ok bool) {
	for _, entry := range strings.Split(lock, "\n[[package]]\n") {
		m := lockedName.FindStringSubmatch(entry)
		if m == nil || normal(m[1]) != normal(project) {
			continue
		}
		_, metadata, ok := strings.Cut(entry, "\n[package.metadata]\n")
		requires = map[string][]string{}
		for _, m := range uvRequirement.FindAllStringSubmatch(metadata, -1) {
			versions := ""
			if s := uvSpecifier.FindStringSubmatch(m[2]); s != nil {
				versions = s[1]
			} else if strings.Contains(m[2], " = ") {
				versions = "?"
			}
			requires[normal(m[1])] = append(requires[normal(m[1])], versions)
		}
		return requires, ok
	}
	return nil, false
}

var simpleVersions = regexp.MustCompile(`^(?:[<>=!~]=?=?[0-9]+(?:\.[0-9]+)*(?:\.\*)?(?:,|$))+$`)

// otherVersions returns the first package of requirements of which a lockfile was made
// for other versions. A package that several places name is not judged.
func otherVersions(requirements []string, locked map[string][]string) string {
	times := map[string]int{}
	for _, line := range requirements {
		times[normal(PackageName(line))]++
	}
	for _, line := range requirements {
		name := PackageName(line)
		_, versions, _ := strings.Cut(line[len(name):], "]")
		if !strings.Contains(line, "[") {
			versions = line[len(name):]
		}
		versions = strings.NewReplacer(" ", "", "(", "", ")", "").Replace(versions)
		were := locked[normal(name)]
		if times[normal(name)] != 1 || len(were) != 1 || were[0] == "?" || versions != "" && !simpleVersions.MatchString(versions) {
			continue
		}
		if !sameWords(strings.Split(versions, ","), strings.Split(were[0], ",")) {
			return name
		}
	}
	return ""
}

// sameWords reports whether two lists have the same words.
func sameWords(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

var poetryHash = regexp.MustCompile(`(?m)^content-hash = "([0-9a-f]{64})"`)

// stalePoetry reports whether poetry.lock was made of another pyproject.toml: it has
// the hash of the tables that matter, as Python's JSON with sorted keys. Which tables
// these are differs among versions of Poetry; one of them is enough.
func (p *Project) stalePoetry(f *pyproject) bool {
	m := poetryHash.FindStringSubmatch(p.Read("poetry.lock"))
	if m == nil {
		return false
	}
	for _, content := range f.poetryContents() {
		text, ok := pythonJSON(content)
		sum := sha256.Sum256([]byte(text))
		if !ok || hex.EncodeToString(sum[:]) == m[1] {
			return false
		}
	}
	return true
}

// poetryContents returns what Poetry makes its hash of: with and without [project] and
// dependency groups.
func (f *pyproject) poetryContents() []map[string]any {
	tables, project := f.tool("poetry"), map[string]any{}
	raw, _ := f.raw["project"].(map[string]any)
	for _, key := range []string{"requires-python", "dependencies", "optional-dependencies"} {
		if raw[key] != nil {
			project[key] = raw[key]
		}
	}
	of := func(legacy bool) map[string]any {
		content := map[string]any{}
		for _, key := range []string{"dependencies", "source", "extras", "dev-dependencies", "group"} {
			if tables[key] != nil || legacy && key != "group" {
				content[key] = tables[key]
			}
		}
		return content
	}
	contents := []map[string]any{of(true)}
	for _, groups := range []any{nil, f.raw["dependency-groups"]} {
		content := map[string]any{"project": project, "tool": map[string]any{"poetry": of(false)}}
		if groups != nil {
			content["dependency-groups"] = groups
		}
		contents = append(contents, content)
	}
	return contents
}

// pythonJSON writes a value of TOML as Python's json.dumps with sorted keys does. It
// returns false for one that Python writes otherwise, or not at all.
func pythonJSON(v any) (string, bool) {
	var b strings.Builder
	ok := writeJSON(&b, v)
	return b.String(), ok
}

func writeJSON(b *strings.Builder, v any) bool {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case string:
		writeString(b, v)
	case []any:
		return writeList(b, v)
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return writeList(b, list)
	case map[string]any:
		if v == nil {
			b.WriteString("null")
			return true
		}
		b.WriteByte('{')
		for i, key := range sortedNames(v) {
			if i > 0 {
				b.WriteString(", ")
			}
			writeString(b, key)
			b.WriteString(": ")
			if !writeJSON(b, v[key]) {
				return false
			}
		}
		b.WriteByte('}')
	default:
		return false
	}
	return true
}

func writeList(b *strings.Builder, list []any) bool {
	b.WriteByte('[')
	for i, x := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		if !writeJSON(b, x) {
			return false
		}
	}
	b.WriteByte(']')
	return true
}

// writeString writes a string in ASCII.
func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r >= ' ' && r < 0x7f:
			b.WriteRune(r)
		default:
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(b, `\u%04x`, u)
			}
		}
	}
	b.WriteByte('"')
}
