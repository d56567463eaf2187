package python

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// The minor versions of Python 3 that there are images of.
const (
	oldestPython = 8
	newestPython = 14
)

// A said is a text about versions, and where it stands.
type said struct {
	text string
	file string
	line int
}

// String returns the text with its place: ">=3.12 (pyproject.toml:4)".
func (s said) String() string {
	if s.line == 0 {
		return s.text + " (" + s.file + ")"
	}
	return fmt.Sprintf("%s (%s:%d)", s.text, s.file, s.line)
}

// python returns the toolchain of the Python that a project wants. A file that pins
// a version names the best one; what the project's metadata allows will do too.
func (p *Project) python(f *pyproject) (framework.Toolchain, []framework.Evidence) {
	pin, allowed := p.pin(), p.allowed(f)
	tools := Toolchain(pin.text)
	var because []framework.Evidence
	if pin.text != "" {
		because = append(because, framework.Because(pin.file, pin.line, "Python "+pin.text))
		tools.Wanted = pin.String()
	}
	bounds := specifiers(allowed.text)
	if bounds == nil {
		return tools, because
	}
	because = append(because, framework.Because(allowed.file, allowed.line, "Python "+allowed.text))
	minors := allowedMinors(bounds)
	tools.Accept = bounds
	tools.Probe = probe(pin.text, minors)
	if pin.text == "" {
		tools.Wanted = allowed.String()
		if len(minors) > 0 && minors[0] != newestMinor() {
			tools.Image = image(minors[0])
		}
		if series := next3(bounds); len(minors) == 0 && series != "" {
			tools.Image, tools.Probe.Advice = image(series), advice(series)
		}
	}
	return tools, because
}

func newestMinor() string { return fmt.Sprintf("3.%d", newestPython) }

// allowedMinors returns the minor versions whose newest releases will do, the newest
// first.
func allowedMinors(bounds framework.Versions) (all []string) {
	for minor := newestPython; minor >= oldestPython; minor-- {
		if bounds.Allow(fmt.Sprintf("3.%d.99", minor)) {
			all = append(all, fmt.Sprintf("3.%d", minor))
		}
	}
	return all
}

// next3 returns the version that the first bound names, for projects that want one
// that is not known here.
func next3(bounds framework.Versions) string {
	for _, all := range bounds {
		for _, b := range all {
			if len(b.Version) > 1 && b.Version[0] == 3 && b.Op != "!=" {
				return strings.Trim(strings.ReplaceAll(fmt.Sprint(b.Version), " ", "."), "[]")
			}
		}
	}
	return ""
}

// pins are the files that name one version, the first wins.
var pins = []struct {
	file    string
	version *regexp.Regexp
}{
	{".python-version", regexp.MustCompile(`(?m)^\s*(?:cpython|python)?-?(3\.\d+)`)},
	{".tool-versions", regexp.MustCompile(`(?m)^\s*python\s+(3\.\d+)`)},
	{"mise.toml", regexp.MustCompile(`(?m)^\s*python\s*=\s*\[?\s*["'](3\.\d+)`)},
	{".mise.toml", regexp.MustCompile(`(?m)^\s*python\s*=\s*\[?\s*["'](3\.\d+)`)},
	{"runtime.txt", regexp.MustCompile(`(?m)^\s*python-(3\.\d+)`)},
	{"Pipfile", regexp.MustCompile(`(?m)^\s*python_(?:full_)?version\s*=\s*["'](3\.\d+)`)},
	{"environment.yml", regexp.MustCompile(`(?m)^\s*-\s*python\s*={1,2}\s*(3\.\d+)(?:[.*\d]*)\s*(?:$|#)`)},
}

// pin returns the version that a project's files pin; its text is "" for none.
func (p *Project) pin() said {
	for _, pin := range pins {
		text := p.Read(pin.file)
		if at := pin.version.FindStringSubmatchIndex(text); at != nil && !onlyOther(text[:at[0]]) {
			return said{text[at[2]:at[3]], pin.file, strings.Count(text[:at[2]], "\n") + 1}
		}
	}
	return said{}
}

// onlyOther reports whether another interpreter stands above the pin: pypy.
func onlyOther(above string) bool { return strings.Contains(above, "pypy") }

var (
	pythonRequires = regexp.MustCompile(`python_requires\s*=\s*["']([^"'\n]+)["']`)
	lockRequires   = regexp.MustCompile(`(?m)^requires-python = "([^"\n]+)"`)
)

// allowed returns what the project's metadata says of versions, else what its
// lockfile does; its text is "" for nothing.
func (p *Project) allowed(f *pyproject) said {
	const toml = "pyproject.toml"
	if f.Project != nil {
		if s, ok := f.Project.Requires.(string); ok {
			return said{s, toml, lineOf(f.text, "requires-python")}
		}
	}
	if s, ok := f.tool("poetry", "dependencies")["python"].(string); ok {
		return said{s, toml, lineOf(f.text, "python =", "python=")}
	}
	if o := ParseINI(p.Read("setup.cfg"))["options"]["python_requires"]; len(o.Values) > 0 {
		return said{o.Values[0], "setup.cfg", o.Line}
	}
	for _, file := range []struct {
		name     string
		requires *regexp.Regexp
	}{{"setup.py", pythonRequires}, {"uv.lock", lockRequires}, {"pylock.toml", lockRequires}} {
		text := p.Read(file.name)
		if at := file.requires.FindStringSubmatchIndex(text); at != nil {
			return said{text[at[2]:at[3]], file.name, strings.Count(text[:at[0]], "\n") + 1}
		}
	}
	return said{}
}
