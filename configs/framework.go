package configs

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// pytestFacts are what the project's files say about its tests.
type pytestFacts struct {
	evidence []Evidence
	addopts  []string
	plugins  []string // packages that its options need
	coverage bool     // its own options measure coverage
}

// pytest finds the file that configures pytest, or else a file with tests. No
// evidence means that there are neither.
func (p *project) pytest(f *pyproject) pytestFacts {
	var facts pytestFacts
	for dir, above := p, ""; ; above += "../" {
		if dir.configures(f, &facts) {
			facts.evidence[0].File = above + facts.evidence[0].File
			break
		}
		parent := filepath.Dir(dir.dir)
		if !p.inGit() || dir.hasAny(".git") || parent == dir.dir {
			break // what is further up is not in the tree that workers see
		}
		dir = &project{dir: parent}
		var err error
		if f, err = dir.pyproject(); err != nil {
			f = &pyproject{} // pytest says what is wrong with it
		}
	}
	facts.options()
	if file := p.firstTest(); file != "" {
		facts.evidence = append(facts.evidence, Evidence{file, 0, "tests"})
	} else if len(facts.evidence) > 0 {
		facts.evidence = facts.evidence[:1]
	}
	return facts
}

// configures reads the file of this directory that configures pytest, and says
// whether there is one: pytest takes the first, in this order
// (https://docs.pytest.org/en/stable/reference/customize.html).
func (p *project) configures(f *pyproject, facts *pytestFacts) bool {
	for _, file := range []string{"pytest.toml", ".pytest.toml"} { // pytest 9
		if p.has(file) {
			var t struct {
				Pytest map[string]any `toml:"pytest"`
			}
			if _, err := toml.Decode(p.read(file), &t); err != nil {
				t.Pytest = nil // pytest says what is wrong with it
			}
			facts.table(file, 0, t.Pytest)
			return true
		}
	}
	for _, file := range []string{"pytest.ini", ".pytest.ini"} {
		if p.has(file) {
			facts.section(file, parseINI(p.read(file))["pytest"])
			return true
		}
	}
	if table := f.tool("pytest"); table != nil {
		if old := f.tool("pytest", "ini_options"); old != nil {
			table = old
		}
		facts.table("pyproject.toml", lineOf(f.text, "[tool.pytest"), table)
		return true
	}
	for _, ini := range []struct{ file, section string }{{"tox.ini", "pytest"}, {"setup.cfg", "tool:pytest"}} {
		if o := parseINI(p.read(ini.file))[ini.section]; o != nil {
			facts.section(ini.file, o)
			return true
		}
	}
	return false
}

func (facts *pytestFacts) section(file string, o map[string]option) {
	facts.evidence = append(facts.evidence, Evidence{file, 0, "pytest is configured here"})
	for _, v := range o["addopts"].values {
		facts.addopts = append(facts.addopts, strings.Fields(v)...)
	}
	facts.require(o["required_plugins"].values)
}

func (facts *pytestFacts) table(file string, line int, t map[string]any) {
	facts.evidence = append(facts.evidence, Evidence{file, line, "pytest is configured here"})
	facts.addopts = either(t["addopts"])
	facts.require(either(t["required_plugins"]))
}

// either is a TOML value that may be one string of words, or a list.
func either(v any) []string {
	if s, ok := v.(string); ok {
		return strings.Fields(s)
	}
	return words(v)
}

// byOption names the package that gives pytest an option.
var byOption = []struct {
	option   *regexp.Regexp
	packaged string
}{
	{regexp.MustCompile(`^--(no-)?cov(-.*|=.*)?$`), "pytest-cov"},
	{regexp.MustCompile(`^(-n.*|--numprocesses.*|--dist.*|--maxprocesses.*)$`), "pytest-xdist"},
	{regexp.MustCompile(`^--timeout([-=].*)?$`), "pytest-timeout"},
	{regexp.MustCompile(`^--benchmark-.*$`), "pytest-benchmark"},
	{regexp.MustCompile(`^(--ds|--reuse-db|--create-db|--nomigrations|--no-migrations)(=.*)?$`), "pytest-django"},
	{regexp.MustCompile(`^--asyncio-mode(=.*)?$`), "pytest-asyncio"},
	{regexp.MustCompile(`^--randomly-.*$`), "pytest-randomly"},
	{regexp.MustCompile(`^--reruns([-=].*)?$`), "pytest-rerunfailures"},
	{regexp.MustCompile(`^--doctest-(plus|rst|ufunc).*$`), "pytest-doctestplus"},
	{regexp.MustCompile(`^(--html|--self-contained-html)(=.*)?$`), "pytest-html"},
	{regexp.MustCompile(`^--mypy(-.*)?$`), "pytest-mypy"},
	{regexp.MustCompile(`^--disable-socket$|^--allow-(hosts|unix-socket).*$`), "pytest-socket"},
	{regexp.MustCompile(`^--snapshot-.*$`), "syrupy"},
	{regexp.MustCompile(`^--record-mode(=.*)?$|^--block-network$`), "pytest-recording"},
}

// options finds the plugins that the project's own options need: pytest
// refuses to start without them.
func (facts *pytestFacts) options() {
	for _, word := range facts.addopts {
		word = strings.Trim(word, `"'`)
		if strings.HasPrefix(word, "--cov") {
			facts.coverage = true
		}
		for _, known := range byOption {
			if known.option.MatchString(word) {
				facts.require([]string{known.packaged})
			}
		}
	}
}

func (facts *pytestFacts) require(packages []string) {
	for _, line := range packages {
		for _, name := range strings.Fields(line) {
			if name = packageName(name); name != "" && !contains(facts.plugins, name) {
				facts.plugins = append(facts.plugins, name)
			}
		}
	}
}

var leadingName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*`)

// packageName is the name at the start of a requirement.
func packageName(requirement string) string { return leadingName.FindString(requirement) }

func contains(names []string, name string) bool {
	for _, n := range names {
		if normal(n) == normal(name) {
			return true
		}
	}
	return false
}

// notTests are directories that hold other people's tests.
var notTests = map[string]bool{
	"node_modules": true, "__pycache__": true, "site-packages": true, "build": true, "dist": true, "docs": true, "vendor": true,
}

// firstTest finds a file with tests by pytest's default names, shallow ones
// first among siblings. It gives up on trees that are very large.
func (p *project) firstTest() string {
	found, visited := "", 0
	err := filepath.WalkDir(p.dir, func(full string, entry fs.DirEntry, err error) error {
		if visited++; err != nil {
			return nil //nolint:nilerr // what cannot be read holds no evidence
		}
		if visited > 20_000 {
			return filepath.SkipAll
		}
		name := entry.Name()
		if entry.IsDir() {
			if full != p.dir && (strings.HasPrefix(name, ".") || notTests[name] || isVenv(full)) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(name, "test_") && strings.HasSuffix(name, ".py") || strings.HasSuffix(name, "_test.py") {
			if rel, err := filepath.Rel(p.dir, full); err == nil {
				found = filepath.ToSlash(rel)
			}
			return filepath.SkipAll
		}
		return nil
	})
	if err != nil {
		return ""
	}
	return found
}

// collectable says whether pytest, left to itself, could find anything here: a
// file that may hold tests by its default names, or a conftest.py, which may
// say that others do. Trees that are very large are taken to hold some.
func (p *project) collectable() bool {
	there, visited := false, 0
	err := filepath.WalkDir(p.dir, func(full string, entry fs.DirEntry, err error) error {
		if visited++; err != nil || visited > 200_000 {
			there = true // not known
			return filepath.SkipAll
		}
		name := entry.Name()
		switch {
		case entry.IsDir():
			if full != p.dir && (name == ".git" || name == "__pycache__" || isVenv(full)) {
				return filepath.SkipDir
			}
		case name == "conftest.py", strings.HasPrefix(name, "test") && (strings.HasSuffix(name, ".py") || strings.HasSuffix(name, ".txt")),
			strings.HasSuffix(name, "_test.py"):
			there = true
			return filepath.SkipAll
		}
		return nil
	})
	return there || err != nil
}

func isVenv(dir string) bool { return (&project{dir: dir}).has("pyvenv.cfg") }

// coverageConfig is the file with the project's own configuration of coverage,
// in coverage's own order; "" for none.
func (p *project) coverageConfig(f *pyproject) (file string, line int) {
	if p.has(".coveragerc") {
		return ".coveragerc", 0
	}
	for _, file := range []string{"setup.cfg", "tox.ini"} {
		text := p.read(file)
		for section := range parseINI(text) {
			if strings.HasPrefix(section, "coverage:") {
				return file, lineOf(text, "[coverage:")
			}
		}
	}
	if f.tool("coverage") != nil {
		return "pyproject.toml", lineOf(f.text, "[tool.coverage")
	}
	return "", 0
}
