package python

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// A toolEnv is one environment of a tool that makes environments: tox, Hatch, nox.
type toolEnv struct {
	evidence framework.Evidence
	deps     []string // as pip takes them: requirements, -r FILE, -c FILE, .[extra]
	extras   []string
	groups   []string
	// Markers of what is only for some Pythons.
	depMarkers, groupMarkers map[string]string

	set   map[string]string
	pass  []string // names and patterns of variables
	call  call     // of pytest
	tests bool     // it calls pytest
}

var (
	fileOption = regexp.MustCompile(`^(-r|-c|--requirement|--constraint)[ =]?\s*(?:\{(?:toxinidir|tox_root|root)\}/)?([A-Za-z0-9_./-]+)$`)
	treeOption = regexp.MustCompile(`^(?:-e\s*|--editable[ =]\s*)?(?:\{(?:toxinidir|tox_root|root)\}|\.)/?(?:\[([A-Za-z0-9_., -]+)\])?$`)
)

// hint returns what of the environment is to be installed and said. Lines that only
// the tool understands are left out.
func (e toolEnv) hint(p *Project) hint {
	h := hint{evidence: e.evidence, extras: e.extras, pass: usable(e.pass)}
	for _, group := range e.groups {
		if marker := e.groupMarkers[group]; marker == "" {
			h.groups = append(h.groups, group)
		} else {
			h.packages = append(h.packages, p.toml.markedGroup(group, marker)...)
		}
	}
	for _, line := range e.deps {
		line = strings.TrimSpace(line)
		if m := fileOption.FindStringSubmatch(line); m != nil {
			switch {
			case !p.Has(m[2]):
			case strings.HasPrefix(strings.TrimLeft(m[1], "-"), "r"):
				h.files = append(h.files, m[2])
			default:
				h.constraints = append(h.constraints, m[2])
			}
			continue
		}
		if m := treeOption.FindStringSubmatch(line); m != nil {
			h.extras = append(h.extras, words(m[1])...)
			continue
		}
		if plainRequirement(line) && !driver(line) {
			h.packages = append(h.packages, marked(line, e.depMarkers[line]))
		}
	}
	slices.Sort(h.extras)
	h.extras = slices.Compact(h.extras)
	for name, value := range e.set {
		if value, ok := literal(value); ok && mine(name) {
			if h.set == nil {
				h.set = map[string]string{}
			}
			h.set[name] = value
		}
	}
	h.call = e.call
	h.call.paths = slices.DeleteFunc(slices.Clone(e.call.paths), func(path string) bool {
		file, _, _ := strings.Cut(path, "::")
		return !p.hasAny(file)
	})
	return h
}

// driver reports whether a requirement is a tool that makes environments.
func driver(line string) bool {
	switch normal(PackageName(line)) {
	case "tox", "nox", "hatch", "tox-uv", "tox-gh-actions":
		return true
	}
	return false
}

// words splits a list at commas and spaces.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}

var treeRoot = regexp.MustCompile(`\{(?:toxinidir|tox_root|root)\}(/?)`)

// literal returns a value with paths relative to the project, where tests run; false
// for one that only the tool can fill in.
func literal(value string) (string, bool) {
	value = environment.ReplaceAllString(value, "$1")
	value = treeRoot.ReplaceAllString(value, ".$1")
	return value, !strings.ContainsAny(value, "{}$")
}

// notMine are variables that are about places and tools of the machine, or about
// coverage files, which shardyard collects itself.
var notMine = regexp.MustCompile(`^(PATH|HOME|TMP|TEMP|TMPDIR|USER|PWD|COVERAGE_.*|COV_.*|PIP_.*|UV_.*|TOX_?.*|NOX.*|HATCH_.*|VIRTUALENV_.*|VIRTUAL_ENV|PYTEST_ADDOPTS|` +
	`https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|.*_CA_BUNDLE|SSL_CERT_FILE|\*)$`)

// mine reports whether tests may be told a variable.
func mine(name string) bool { return name != "" && !notMine.MatchString(name) }

func usable(names []string) (kept []string) {
	for _, name := range names {
		if mine(name) && !strings.ContainsAny(name, "{}[]") {
			kept = append(kept, name)
		}
	}
	return kept
}
