package configs

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// pytestFacts are what the project's files say about its tests.
type pytestFacts struct {
	evidence []Evidence
	addopts  []string
	plugins  []string // packages that its options need
	coverage bool     // its own options measure coverage
}

// pytest finds the file that configures pytest, in pytest's own order, or else
// a file with tests. No evidence means that there are no tests.
func (p *project) pytest(f *pyproject) pytestFacts {
	var facts pytestFacts
	options := func(file string, o map[string]option) {
		facts.evidence = append(facts.evidence, Evidence{file, 0, "pytest is configured here"})
		for _, v := range o["addopts"].values {
			facts.addopts = append(facts.addopts, strings.Fields(v)...)
		}
		facts.require(o["required_plugins"].values)
	}
	ownINI := func(file string) bool {
		if !p.has(file) {
			return false
		}
		options(file, parseINI(p.read(file))["pytest"])
		return true
	}
	switch {
	case ownINI("pytest.ini"), ownINI(".pytest.ini"):
	case f.tool("pytest") != nil:
		table := f.tool("pytest", "ini_options")
		if table == nil {
			table = f.tool("pytest")
		}
		facts.evidence = append(facts.evidence, Evidence{"pyproject.toml", lineOf(f.text, "[tool.pytest"), "pytest is configured here"})
		facts.addopts = either(table["addopts"])
		facts.require(either(table["required_plugins"]))
	default:
		for file, section := range map[string]string{"tox.ini": "pytest", "setup.cfg": "tool:pytest"} {
			if o := parseINI(p.read(file))[section]; o != nil && len(facts.evidence) == 0 {
				options(file, o)
			}
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
