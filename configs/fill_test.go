package configs

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/shardyard/shardyard/worker/framework"
)

func parsed(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("shardyard.yaml", []byte(text), known)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSuite(t *testing.T) {
	c := parsed(t, `
workers: 4
schedule: static
collection: lazy
retries: 1
coverage: { fail_under: 80, sources: [a] }
env: { set: { A: "1", B: "1" }, pass: [X, Y] }
limits: { test: 1m, run: 2m }
artifacts: ["*.log"]
suites:
  unit: {}
  db:
    workers: auto
    schedule: dynamic
    split_by: directory
    collection: full
    retries: 0
    coverage: { enabled: true, sources: [b] }
    env: { set: { B: "2" }, pass: [Y, Z] }
    limits: { test: 0, artifacts: 1m }
    artifacts: { keep: [shots/], place: true }
    paths: [tests/db]
`)
	yes, percent := true, 80.0
	unit := Effective{
		Name: "unit", Framework: "pytest", Workers: 4, Schedule: "static", SplitBy: "time", Collection: "lazy", Retries: 1,
		Coverage: Coverage{FailUnder: &percent, Sources: []string{"a"}},
		Env:      Env{Set: map[string]string{"A": "1", "B": "1"}, Pass: []string{"X", "Y"}},
		Limits:   Limits{PIDs: DefaultPIDs, Test: Duration(time.Minute), Run: Duration(2 * time.Minute), Output: DefaultOutput, Artifacts: DefaultArtifacts},

		Artifacts: Artifacts{Keep: []string{"*.log"}},
	}
	db := Effective{
		Name: "db", Framework: "pytest", Paths: []string{"tests/db"}, Schedule: "dynamic", SplitBy: "directory", Collection: "full",
		Coverage: Coverage{Enabled: &yes, FailUnder: &percent, Sources: []string{"b"}},
		Env:      Env{Set: map[string]string{"A": "1", "B": "2"}, Pass: []string{"X", "Y", "Z"}},
		Limits:   Limits{PIDs: DefaultPIDs, Run: Duration(2 * time.Minute), Output: DefaultOutput, Artifacts: 1 << 20},

		Artifacts: Artifacts{Keep: []string{"*.log", "shots/"}, Place: &yes},
	}
	for _, want := range []Effective{unit, db} {
		got, err := c.Suite(want.Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("suite %s (-want +got):\n%s", want.Name, diff)
		}
	}
	for name, want := range map[string]string{
		"": "this project has several suites, name one: unit, db", "untit": "did you mean unit?", "zzzzz": "name one of unit, db",
	} {
		if _, err := c.Suite(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("suite %q: %v, want %q", name, err, want)
		}
	}
	if e, err := parsed(t, "suites: {only: {args: [-x]}}").Suite(""); err != nil || e.Name != "only" {
		t.Errorf("the only suite: %+v, %v", e, err)
	}
	if e, err := parsed(t, "").Suite(""); err != nil || e.Name != "" || e.Framework != "pytest" {
		t.Errorf("no suites: %+v, %v", e, err)
	}
	if _, err := parsed(t, "").Suite("tests/test_a.py"); err == nil || !strings.Contains(err.Error(), "put -- before it") {
		t.Errorf("a path instead of a suite: %v", err)
	}
}

func TestFillAndShow(t *testing.T) {
	d := &framework.Detected{
		Kind: "uv", Evidence: []framework.Evidence{framework.Because("uv.lock", 0, "uv has locked the dependencies")}, AsksGit: true,
		Setup: []string{"uv sync --frozen"}, Prepare: []string{"uv sync"}, Key: []string{"uv.lock"},
	}
	for name, test := range map[string]struct{ text, want string }{
		"all detected": {"", `version: 1                               # default
image: auto                              # default
setup:                                   # detected: uv.lock: uv has locked the dependencies
  - 'uv sync --frozen'
prepare:                                 # detected: uv.lock: uv has locked the dependencies
  - 'uv sync'
key:                                     # detected: uv.lock: uv has locked the dependencies
  - uv.lock
workers: auto                            # default
pool: auto                               # default
schedule: dynamic                        # default
split_by: time                           # default
collection: auto                         # default
retries: 0                               # default
builder:
  ca: host                               # default
limits:
  pids: 4096                             # default
  test: 5m                               # default
  run: 1h                                # default
  output: 1MiB                           # default
  artifacts: 1GiB                        # default
source:
  git: true                              # detected: the version comes from git
cache:
  refresh: 7d                            # default
`},
		"the file's": {"setup: [make deps]\nprepare: []\nkey: [Makefile]\nsource: {git: false}\nenv: {set: {A: 'x\"y'}}\nsuites: {u: {workers: 2}}", `version: 1                               # default
image: auto                              # default
setup:                                   # shardyard.yaml:1
  - 'make deps'
prepare: []                              # shardyard.yaml:2
key:                                     # shardyard.yaml:3
  - Makefile
suites:
  u:
    framework: pytest                    # default
    workers: 2                           # shardyard.yaml:6
workers: auto                            # default
pool: auto                               # default
schedule: dynamic                        # default
split_by: time                           # default
collection: auto                         # default
retries: 0                               # default
env:
  set:                                   # shardyard.yaml:5
    A: "x\"y"
builder:
  ca: host                               # default
limits:
  pids: 4096                             # default
  test: 5m                               # default
  run: 1h                                # default
  output: 1MiB                           # default
  artifacts: 1GiB                        # default
source:
  git: false                             # shardyard.yaml:4
cache:
  refresh: 7d                            # default
`},
	} {
		c := parsed(t, test.text)
		c.Fill(d)
		var b strings.Builder
		if err := c.Show(&b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		roundTrip(t, c)
	}
	c := parsed(t, "setup: [make deps]")
	c.Fill(d)
	if !strings.Contains(string(c.Origin("key")), "setup is yours") {
		t.Errorf("origin of key: %q", c.Origin("key"))
	}
}

func TestInitCanBeLoaded(t *testing.T) {
	for name, d := range map[string]*framework.Detected{
		"nothing": {},
		"detected": {
			Evidence: []framework.Evidence{framework.Because("pyproject.toml", 3, "why: because")}, Notes: []string{"a note"},
			Setup: []string{"command -v git >/dev/null || { apt-get install -qq -y git; } || apk add git", `grep -vE '^[[:space:]]*(-e|[.])' r.txt | uv pip install -r -`}, Prepare: []string{`uv pip install -e '.[a]'`}, Key: []string{"é.txt"},
		},
		"unsupported": {Unsupported: &framework.Unsupported{Tool: "pdm", File: "pdm.lock", Config: []string{"setup:", "  - a", "key: [pdm.lock]"}}},
	} {
		c, err := Parse("init", []byte(Init(d)), known)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, Init(d))
			continue
		}
		if d.Unsupported == nil {
			if diff := cmp.Diff([][]string{d.Setup, d.Prepare, d.Key}, [][]string{c.Setup, c.Prepare, c.Key}, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-detected +loaded):\n%s", name, diff)
			}
		}
		// The commented part is right as well.
		if _, err := Parse("init", []byte(strings.ReplaceAll(Init(d), "\n# ", "\n")), known); err != nil && name == "nothing" {
			text := Init(d)
			text = text[strings.Index(text, "# suites:"):]
			if _, err := Parse("init", []byte(strings.ReplaceAll("\n"+text, "\n# ", "\n")), known); err != nil {
				t.Errorf("the comments: %v", err)
			}
		}
	}
}

func TestValues(t *testing.T) {
	e := Env{Set: map[string]string{"A": "set"}, Pass: []string{"A", "B", "C"}}
	here := map[string]string{"A": "passed", "B": "b"}
	values, missing := e.Values(func(name string) (string, bool) { v, ok := here[name]; return v, ok })
	if diff := cmp.Diff(map[string]string{"A": "set", "B": "b"}, values); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"C"}, missing); diff != "" {
		t.Error(diff)
	}
}

func TestSizesAndDurations(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "1": 1, "1k": 1 << 10, "2g": 2 << 30, "1MiB": 1 << 20, "1.5 GB": 3 << 29, "1t": 1 << 40} {
		got, err := ParseSize(text)
		if err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v", text, got, err)
		}
		if again, err := ParseSize(got.String()); err != nil || again != got {
			t.Errorf("%q is shown as %q, which is %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "g", "-1g", "1x", "1 2", "99999999t", "0x10", "inf", "nan"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d", text, got)
		}
	}
	for _, text := range []string{"0s", "5m", "1h", "1h30m", "90ms", "1h0m1s", "10s"} {
		d, err := ParseDuration(text)
		if err != nil || d.String() != text {
			t.Errorf("ParseDuration(%q) = %s, %v", text, d, err)
		}
	}
	if d, err := ParseDuration("7d"); err != nil || d.String() != "7d" {
		t.Errorf("a week is %s, %v", d, err)
	}
	for _, text := range []string{"", "7", "-7d", "1.5d", "d", "99999999999999d", "1h2d"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %s", text, d)
		}
	}
}
