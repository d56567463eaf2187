package pytest

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/python"
)

// Detect implements [framework.Description]. A directory with nothing but tests
// gets pytest alone.
func (Description) Detect(dir string) (*framework.Detected, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	p, err := python.Look(dir, Name)
	if err != nil {
		return nil, fmt.Errorf("detect %s: %w", dir, err)
	}
	d := &framework.Detected{}
	p.Install(d)
	if d.Unsupported == nil {
		detectTests(p, d)
	}
	p.Complete(d)
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("detect %s: %w", dir, err)
	}
	return d, nil
}

// detectTests adds what is known of the tests, and what pytest needs to start.
func detectTests(p *python.Project, d *framework.Detected) {
	known := factsOf(p)
	d.Evidence = append(d.Evidence, known.evidence...)
	if len(known.evidence) == 0 {
		d.Notes = append(d.Notes, "no tests were found: pytest looks for test_*.py and *_test.py")
		switch {
		case d.Kind == "":
			d.Nothing = "no Python project and no test_*.py"
		case !collectable(p.Dir):
			d.Nothing = "no test_*.py, *_test.py or conftest.py, and pytest is not configured. " +
				"Where tests have other names, say so: python_files in pytest's configuration, or `-- FILE...`"
		}
		if d.Kind != "" {
			d.Ensure = []string{Name} // which says itself that it finds none
		}
		return
	}
	d.Tests, d.Coverage = true, known.coverage
	var line int
	if d.CoverageConfig, line = p.Coverage(); d.CoverageConfig != "" {
		d.Evidence = append(d.Evidence, framework.Because(d.CoverageConfig, line, "coverage is configured here"))
	}
	d.Ensure = append([]string{Name}, known.plugins...)
	d.Options = known.addopts
	if d.Kind == "" {
		d.Kind = "plain"
		d.Notes = append(d.Notes, "nothing says what the project depends on: only pytest is installed")
	}
	if len(d.Setup)+len(d.Prepare) == 0 {
		d.Setup = []string{"uv pip install " + strings.Join(d.Ensure, " ")}
	}
}

// facts are the facts about tests in the project's files.
type facts struct {
	evidence []framework.Evidence
	addopts  []string
	plugins  []string // packages that its options need
	coverage bool     // its own options measure coverage
}

// factsOf finds the file that configures pytest, or else a file with tests. No
// evidence means that there are neither.
func factsOf(p *python.Project) facts {
	var known facts
	ok := true
	for dir, above := p, ""; ok; above += "../" {
		if known.configured(dir) {
			known.evidence[0].File = above + known.evidence[0].File
			break
		}
		dir, ok = dir.Above() // what is further up is not in the tree that workers see
	}
	known.options()
	if file := firstTest(p.Dir); file != "" {
		known.evidence = append(known.evidence, framework.Because(file, 0, "tests"))
	} else if len(known.evidence) > 0 {
		known.evidence = known.evidence[:1]
	}
	return known
}

// configured reads the file of a directory that configures pytest, and reports
// whether there is one: pytest takes the first, in this order
// (https://docs.pytest.org/en/stable/reference/customize.html).
func (known *facts) configured(p *python.Project) bool {
	for _, file := range []string{"pytest.toml", ".pytest.toml"} { // pytest 9
		if p.Has(file) {
			var t struct {
				Pytest map[string]any `toml:"pytest"`
			}
			if _, err := toml.Decode(p.Read(file), &t); err != nil {
				t.Pytest = nil // pytest says what is wrong with it
			}
			known.table(file, 0, t.Pytest)
			return true
		}
	}
	for _, file := range []string{"pytest.ini", ".pytest.ini"} {
		if p.Has(file) {
			known.section(file, python.ParseINI(p.Read(file))["pytest"])
			return true
		}
	}
	if table, line := p.Tool("pytest"); table != nil {
		if old, _ := p.Tool("pytest", "ini_options"); old != nil {
			table = old
		}
		known.table("pyproject.toml", line, table)
		return true
	}
	for _, ini := range []struct{ file, section string }{{"tox.ini", "pytest"}, {"setup.cfg", "tool:pytest"}} {
		if o := python.ParseINI(p.Read(ini.file))[ini.section]; o != nil {
			known.section(ini.file, o)
			return true
		}
	}
	return false
}

func (known *facts) section(file string, o map[string]python.Option) {
	known.evidence = append(known.evidence, framework.Because(file, 0, "pytest is configured here"))
	for _, v := range o["addopts"].Values {
		known.addopts = append(known.addopts, strings.Fields(v)...)
	}
	known.logs(o["log_file"].Values)
	known.require(o["required_plugins"].Values)
}

func (known *facts) table(file string, line int, t map[string]any) {
	known.evidence = append(known.evidence, framework.Because(file, line, "pytest is configured here"))
	known.addopts = either(t["addopts"])
	known.logs(either(t["log_file"]))
	known.require(either(t["required_plugins"]))
}

// logs takes a setting for the option that it stands for.
func (known *facts) logs(file []string) {
	if len(file) == 1 {
		known.addopts = append(known.addopts, "--log-file="+file[0])
	}
}

// either returns a TOML value that may be one string of words, or a list.
func either(v any) []string {
	if s, ok := v.(string); ok {
		return strings.Fields(s)
	}
	return python.Words(v)
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
func (known *facts) options() {
	for _, word := range known.addopts {
		word = strings.Trim(word, `"'`)
		if strings.HasPrefix(word, "--cov") {
			known.coverage = true
		}
		for _, plugin := range byOption {
			if plugin.option.MatchString(word) {
				known.require([]string{plugin.packaged})
			}
		}
	}
}

func (known *facts) require(packages []string) {
	for _, line := range packages {
		for _, name := range strings.Fields(line) {
			if name = python.PackageName(name); name != "" && !python.SameName(known.plugins, name) {
				known.plugins = append(known.plugins, name)
			}
		}
	}
}

// notTests are directories that hold other people's tests.
var notTests = map[string]bool{
	"node_modules": true, "__pycache__": true, "site-packages": true, "build": true, "dist": true, "docs": true, "vendor": true,
}

// firstTest finds a file with tests by pytest's default names, shallow ones
// first among siblings. It gives up on trees that are very large.
func firstTest(dir string) string {
	found, visited := "", 0
	err := filepath.WalkDir(dir, func(full string, entry fs.DirEntry, err error) error {
		if visited++; err != nil {
			return nil //nolint:nilerr // what cannot be read holds no evidence
		}
		if visited > 20_000 {
			return filepath.SkipAll
		}
		name := entry.Name()
		if entry.IsDir() {
			if full != dir && (strings.HasPrefix(name, ".") || notTests[name] || python.IsEnvironment(full)) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(name, "test_") && strings.HasSuffix(name, ".py") || strings.HasSuffix(name, "_test.py") {
			if rel, err := filepath.Rel(dir, full); err == nil {
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

// collectable reports whether pytest, left to itself, could find anything here: a
// file that may hold tests by its default names, or a conftest.py, which may
// say that others do. Trees that are very large are taken to hold some.
func collectable(dir string) bool {
	there, visited := false, 0
	err := filepath.WalkDir(dir, func(full string, entry fs.DirEntry, err error) error {
		if visited++; err != nil || visited > 200_000 {
			there = true // not known
			return filepath.SkipAll
		}
		name := entry.Name()
		switch {
		case entry.IsDir():
			if full != dir && (name == ".git" || name == "__pycache__" || python.IsEnvironment(full)) {
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
