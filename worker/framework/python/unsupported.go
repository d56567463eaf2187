package python

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// unsupported finds tools that detection does not support, in projects that no
// rule of Install matches.
func (p *Project) unsupported(d *framework.Detected) bool {
	suggest := func(tool, file string, packages []string, comment string) bool {
		line := "setup: [uv pip install " + strings.Join(append([]string{p.Runner}, packages...), " ") + "]   # " + comment
		d.Unsupported = &framework.Unsupported{Tool: tool, File: file, Config: []string{line, "key: [" + file + "]"}}
		return true
	}
	switch {
	case p.Has("pixi.toml"):
		return suggest("pixi", "pixi.toml", nil, "and what the project depends on: conda's packages are in the package index under the same names")
	case p.Has("buildout.cfg"):
		return suggest("buildout", "buildout.cfg", nil, "and the project's eggs")
	}
	for _, file := range []string{"tox.ini", "tox.toml"} {
		if len(ParseINI(p.Read(file))["testenv"]) > 0 || file == "tox.toml" && p.Has(file) {
			return suggest("tox", file, nil, "and what tests need")
		}
	}
	return false
}

// root returns the directory whose files workers have: the root of the repository,
// or the project's own where there is none.
func (p *Project) root() string {
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		if (&Project{Dir: dir}).hasAny(".git") {
			return dir
		}
		if filepath.Dir(dir) == dir {
			return p.Dir
		}
	}
}

// beyond reports whether a path that a file names, relative to the project or
// absolute, lies outside of what workers have.
func (p *Project) beyond(place string) bool {
	place = filepath.FromSlash(strings.TrimPrefix(place, "file://"))
	if !filepath.IsAbs(place) {
		place = filepath.Join(p.Dir, place)
	}
	rel, err := filepath.Rel(p.root(), place)
	return err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// outside is the refusal of a line that installs something from outside of the
// source tree.
func (p *Project) outside(file string, line int, place string) *framework.Unsupported {
	return &framework.Unsupported{
		Tool: "a path outside", File: file, Line: line,
		Why: place + " lies outside of the source tree, which is all that workers have: let the line name a package, a repository (git+https://...) or a directory of the tree; or leave it out",
		Config: []string{
			"setup:", "  - grep -v '" + strings.ReplaceAll(place, "'", "") + "' " + file + " | uv pip install -r -", "  - uv pip install " + path.Base(place), "key: [" + file + "]",
		},
	}
}

// oneEquals is a line of conda's, as `conda list --export` writes it: name=version=build.
var oneEquals = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*) *= *([^= ]+)(?:=[^= ]*)?$`)

// misspelt is the refusal of a file of which some lines, from this one on, are read by no
// installer; prepare has what installs the project.
func (p *Project) misspelt(file string, first int, prepare []string) *framework.Unsupported {
	var is, should []string
	for _, line := range strings.Split(p.Read(file), "\n")[first:] {
		if m := oneEquals.FindStringSubmatch(comment(strings.TrimSpace(line))); m != nil {
			is, should = append(is, m[0]), append(should, m[1]+"=="+m[2])
		}
	}
	config := []string{"setup:", `  - sed -E 's/^([A-Za-z0-9._-]+) *= *([^= ]+)(=[^ ]*)?/\1==\2/' ` + file + " | uv pip install -r -"}
	if len(prepare) > 0 {
		config = append(config, "prepare:")
	}
	for _, line := range prepare {
		config = append(config, "  - "+line)
	}
	return &framework.Unsupported{
		Tool: "a line that is no requirement", File: file, Line: first + 1,
		Why:    fmt.Sprintf("pip and uv do not read %s: make it %s; or leave the file as it is", strings.Join(is, ", "), strings.Join(should, ", ")),
		Config: append(config, "key: ["+file+"]"),
	}
}

// elsewhere looks for dependencies outside of the source tree in what is installed.
func (p *Project) elsewhere(f *pyproject, d *framework.Detected) {
	if d.Unsupported != nil || d.Kind == "" {
		return
	}
	for _, file := range p.requirementsIn(d) {
		for i, line := range strings.Split(p.Read(file), "\n") {
			line = comment(strings.TrimSpace(line))
			if m := findLinks.FindStringSubmatch(line); m != nil && !strings.Contains(m[1], "://") && p.beyond(m[1]) {
				d.Notes = append(d.Notes, fmt.Sprintf("%s:%d looks for packages in %s, which lies outside of the source tree: containers do not see it, unless UV_FIND_LINKS or PIP_FIND_LINKS names it", file, i+1, m[1]))
				continue
			}
			if oneEquals.MatchString(line) {
				d.Unsupported = p.misspelt(file, i, d.Prepare)
				return
			}
			place := namedPath(line)
			if place == "" {
				continue
			}
			from := place
			if includesFile.MatchString(line) { // below its file; others are below where pip runs
				from = path.Join(path.Dir(file), place)
			}
			if p.beyond(from) {
				d.Unsupported = p.outside(file, i+1, place)
				return
			}
		}
	}
	if f.Project != nil {
		for _, line := range Words(f.Project.Deps) {
			if place := namedPath(line); place != "" && p.beyond(place) {
				d.Unsupported = p.outside("pyproject.toml", lineOf(f.text, place), place)
				return
			}
		}
	}
	for _, place := range f.paths() {
		switch {
		case !p.beyond(place):
		case d.Kind == "pyproject" && !slices.Contains(f.mainPaths(), place): // a group's, which leaves it out
			d.Notes = append(d.Notes, place+" lies outside of the source tree, which is all that workers have: tests run without it")
		default:
			d.Unsupported = p.outside("pyproject.toml", lineOf(f.text, place), place)
			d.Unsupported.Config = []string{"setup: [uv pip install -r pyproject.toml]   # without " + place + "; and what replaces it", "prepare: [uv pip install --no-deps -e .]", "key: [pyproject.toml]"}
			return
		}
	}
}

// requirementsIn returns the requirements files that are installed, and those that they
// include.
func (p *Project) requirementsIn(d *framework.Detected) (files []string) {
	var local bool
	for _, file := range slices.Concat(d.Setup, d.Prepare) {
		for _, word := range strings.Fields(file) {
			if word = strings.Trim(word, "'"); !strings.HasPrefix(word, "-") && strings.Contains(file, "uv pip install") && p.Has(word) && path.Ext(word) != ".toml" {
				p.included(word, &files, &local, 0)
			}
		}
	}
	return files
}

var findLinks = regexp.MustCompile(`^(?:-f|--find-links)[ =]\s*(\S+)`)

// namedPath returns the path that a line of requirements names; "" for none.
func namedPath(line string) string {
	if m := includesFile.FindStringSubmatch(line); m != nil {
		if strings.Contains(m[1], "://") {
			return ""
		}
		return m[1]
	}
	if !localLine.MatchString(line) || remote.MatchString(line) {
		return ""
	}
	if _, place, ok := strings.Cut(line, "@ "); ok {
		line = strings.TrimPrefix(place, "file://")
	}
	fields := strings.Fields(strings.NewReplacer("--editable=", "", "--editable", "", "-e ", "", "-e", "", "file://", "").Replace(line))
	if len(fields) == 0 || strings.HasPrefix(fields[0], "--") || strings.Contains(fields[0], "${") {
		return ""
	}
	place, _, _ := strings.Cut(fields[0], "[")
	return place
}

// paths returns the directories and files that uv's sources and Poetry's tables name.
func (f *pyproject) paths() []string {
	all := append(f.mainPaths(), placesIn(f.tool("poetry", "dev-dependencies"))...)
	for _, group := range sortedNames(f.tool("poetry", "group")) {
		all = append(all, placesIn(f.tool("poetry", "group", group, "dependencies"))...)
	}
	return all
}

// mainPaths returns those that the project itself depends on.
func (f *pyproject) mainPaths() []string {
	return append(placesIn(f.tool("uv", "sources")), placesIn(f.tool("poetry", "dependencies"))...)
}

// placesIn returns the paths in a table of dependencies.
func placesIn(table map[string]any) (all []string) {
	for _, name := range sortedNames(table) {
		entries, _ := table[name].([]any)
		for _, entry := range append(entries, table[name]) {
			if t, ok := entry.(map[string]any); ok {
				if place, ok := t["path"].(string); ok {
					all = append(all, place)
				}
			}
		}
	}
	return all
}
