package python

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// The minor versions of Python 3 that a project may ask for, and that there are
// images of.
const (
	oldestPython = 8
	newestPython = 14
)

var (
	pythonFile = regexp.MustCompile(`^(?:cpython|python)?-?(3\.\d+)`)
	bound      = regexp.MustCompile(`^(>=|<=|==|!=|~=|\^|~|>|<)?\s*(\d+)(?:\.(\d+|\*))?(?:\.(\d+|\*))?`)
)

// python returns the version that a project wants: the first line of
// .python-version, else the newest that requires-python allows when it has an
// upper bound. "" is any.
func (p *Project) python(f *pyproject) (string, []framework.Evidence) {
	text := p.Read(".python-version")
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if m := pythonFile.FindStringSubmatch(line); m != nil {
			return m[1], []framework.Evidence{framework.Because(".python-version", i+1, "Python "+m[1])}
		}
		break
	}
	spec := f.requiresPython()
	if spec == "" {
		return "", nil
	}
	because := []framework.Evidence{framework.Because("pyproject.toml", lineOf(f.text, "requires-python", "python ="), "Python "+spec)}
	newest := ""
	for minor := oldestPython; minor <= newestPython; minor++ {
		if allows(spec, minor) {
			newest = fmt.Sprintf("3.%d", minor)
		}
	}
	if !allows(spec, newestPython) {
		return newest, because
	}
	return "", because
}

func (f *pyproject) requiresPython() string {
	if f.Project != nil {
		if s, ok := f.Project.Requires.(string); ok {
			return s
		}
	}
	s, _ := f.tool("poetry", "dependencies")["python"].(string)
	return s
}

// allows reports whether a specifier (PEP 440's, or Poetry's ^ and ~) allows some
// release of Python 3.minor.
func allows(spec string, minor int) bool {
	for _, clause := range strings.Split(spec, ",") {
		m := bound.FindStringSubmatch(strings.TrimSpace(clause))
		if m == nil {
			continue // not ours to judge
		}
		major, _ := strconv.Atoi(m[2])
		want, err := strconv.Atoi(m[3])
		if err != nil {
			want = -1 // "3" or "3.*"
		}
		patch := -1 // "3.8" or "3.8.*"
		if n, err := strconv.Atoi(m[4]); err == nil {
			patch = n
		}
		if !clauseAllows(m[1], major, want, patch, minor) {
			return false
		}
	}
	return true
}

func clauseAllows(operator string, major, want, patch, minor int) bool {
	switch operator {
	case ">=", ">":
		return major < 3 || major == 3 && minor >= want
	case "<":
		return major > 3 || major == 3 && (minor < want || minor == want && patch > 0)
	case "<=":
		return major > 3 || major == 3 && minor <= want
	case "==", "", "~":
		return major == 3 && (want < 0 || minor == want)
	case "!=":
		return major != 3 || minor != want || patch > 0
	case "~=":
		return major == 3 && minor >= want && (patch < 0 || minor == want)
	case "^":
		return major == 3 && minor >= want
	}
	return true
}
