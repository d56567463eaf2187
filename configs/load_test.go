package configs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse(t *testing.T) {
	c, err := Parse("shardyard.yaml", []byte(`
version: 1
image: python:3.12-slim
setup: [uv sync --frozen, "echo 'a: b'"]
prepare: []
key: [uv.lock]
suites:
  unit: { framework: pytest, args: [-m, "not db"] }
  bare:
  db:
    paths: [tests/db]
    workers: 2
    retries: 0
    coverage: { enabled: false }
    env: { set: { LEVEL: 1.10 }, pass: [DATABASE_URL] }
    limits: { test: 0, memory: 512m }
workers: auto
pool: 3
schedule: static
split_by: file
collection: lazy
retries: 2
coverage: { fail_under: 85, sources: [pkg] }
env: { set: { TZ: UTC, DEBUG: yes, EMPTY: "" }, pass: [HOME] }
builder: { ca: none, env: { pass: [PIP_INDEX_URL] } }
limits: { memory: 1.5g, pids: 100, run: 1h30m, output: 1MiB }
source: { include: [build/gen], git: true }
cache: { max_size: 20g, max_age: 7d, refresh: never, dirs: { CCACHE_DIR: ccache } }
trust: { branches: [main] }
network: none
user: 1000
cap_add: [NET_ADMIN]
services: {}
`), known)
	if err != nil {
		t.Fatal(err)
	}
	two, zero, no, yes, percent := Workers(2), 0, false, true, 85.0
	want := &Config{
		Version: 1, Image: "python:3.12-slim", Setup: []string{"uv sync --frozen", "echo 'a: b'"}, Prepare: []string{}, Key: []string{"uv.lock"},
		Suites: Suites{
			{Name: "unit", Framework: "pytest", Args: []string{"-m", "not db"}},
			{Name: "bare", Framework: "pytest"},
			{
				Name: "db", Framework: "pytest", Paths: []string{"tests/db"}, Workers: &two, Retries: &zero, Coverage: &Coverage{Enabled: &no},
				Env: &Env{Set: map[string]string{"LEVEL": "1.10"}, Pass: []string{"DATABASE_URL"}}, Limits: &Limits{Memory: 512 << 20},
			},
		},
		Pool: 3, Schedule: "static", SplitBy: "file", Collection: "lazy", Retries: 2, Coverage: Coverage{FailUnder: &percent, Sources: []string{"pkg"}},
		Env:     Env{Set: map[string]string{"TZ": "UTC", "DEBUG": "yes", "EMPTY": ""}, Pass: []string{"HOME"}},
		Builder: Builder{CA: "none", Env: Env{Pass: []string{"PIP_INDEX_URL"}}},
		Limits:  Limits{Memory: 3 << 29, PIDs: 100, Test: Duration(DefaultTest), Run: Duration(90 * time.Minute), Output: 1 << 20, Artifacts: DefaultArtifacts},
		Source:  Source{Include: []string{"build/gen"}, Git: &yes},
		Cache:   Cache{MaxSize: 20 << 30, MaxAge: Duration(7 * 24 * time.Hour), Dirs: map[string]string{"CCACHE_DIR": "ccache"}},
		Trust:   Trust{Branches: []string{"main"}},
		Network: "none", User: "1000", CapAdd: []string{"NET_ADMIN"},
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(Config{})); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
	roundTrip(t, c)
	if got := c.Origin("limits.pids"); got != "shardyard.yaml:26" {
		t.Errorf("origin of limits.pids: %q", got)
	}
}

func TestAnEmptyFileIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "{}", "version: 1\n"} {
		c, err := Parse("shardyard.yaml", []byte(text), known)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(Default(known), c, cmpopts.IgnoreUnexported(Config{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestMistakes(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"unknown key, near":      {"shedule: static", "f:1:1: unknown key shedule: did you mean schedule?"},
		"unknown key, dashes":    {"split-by: file", "f:1:1: unknown key split-by: did you mean split_by?"},
		"unknown key, far":       {"limits:\n  zzzzzzzz: 1", "f:2:3: unknown key limits.zzzzzzzz: known here are memory, pids, test, run, output, artifacts"},
		"unknown key in a suite": {"suites:\n  u: {arg: [x]}", "f:2:7: unknown key suites.u.arg: did you mean args?"},
		"twice":                  {"retries: 1\nworkers: 2\nretries: 2", "f:3:1: retries was already given in line 1: keep one"},
		"not a mapping":          {"- a", "f:1:1: the file must be a mapping (key: value), not a list"},
		"a scalar file":          {"hello", `f:1:1: the file must be a mapping (key: value), not "hello"`},
		"two documents":          {"version: 1\n---\nversion: 1", "f:2:1: a second document: write one, without ---"},
		"no value":               {"image:", "f:1:7: image has no value: write one, or take the line out"},
		"empty text":             {`image: ""`, "f:1:8: image is empty: write a value, or take the line out"},
		"version":                {"version: 2", "f:1:10: version 2 is not known to this shardyard: write version: 1, or update it"},
		"a list as text":         {"setup: uv sync", `f:1:8: setup must be a list, not "uv sync": write ["uv sync"]`},
		"text as a list":         {"image: [a]", "f:1:8: image must be one value, not a list"},
		"a list in a list":       {"setup: [[a]]", "f:1:9: setup[0] must be one value, not a list"},
		"nothing in a list":      {"setup: [a, ~]", "f:1:12: setup[1] has no value"},
		"one of":                 {"schedule: sttic", `f:1:11: schedule: "sttic" is not known: did you mean static?`},
		"one of, far":            {"schedule: lpt", `f:1:11: schedule: "lpt" is not known: write dynamic or static`},
		"framework":              {"suites: {u: {framework: jest}}", `f:1:25: suites.u.framework: "jest" is not known: write pytest or shell`},
		"number":                 {"retries: many", `f:1:10: retries must be a whole number from 0 up, not "many"`},
		"negative":               {"retries: -1", `f:1:10: retries must be a whole number from 0 up, not "-1"`},
		"workers":                {"workers: 0", `f:1:10: workers: "0" is not a number of workers: write auto, or a number from 1 up`},
		"bool":                   {"coverage: {enabled: 1}", `f:1:21: coverage.enabled must be true or false, not "1"`},
		"percentage":             {"coverage: {fail_under: 101}", "f:1:24: coverage.fail_under is a percentage: write a number from 0 to 100"},
		"percent sign":           {"coverage: {fail_under: 85%}", `f:1:24: coverage.fail_under must be a number, not "85%"`},
		"duration without unit":  {"limits: {test: 30}", `f:1:16: limits.test: "30" has no unit: write 30s for seconds or 30m for minutes`},
		"duration":               {"limits: {test: soon}", `f:1:16: limits.test: "soon" is not a duration: write for example 90s, 5m or 1h30m`},
		"negative duration":      {"limits: {run: -5m}", `f:1:15: limits.run: "-5m" is not a duration: write for example 90s, 5m or 1h30m`},
		"size":                   {"limits: {memory: 2x}", `f:1:18: limits.memory: "2x" is not a size: write for example 512m, 2g or 1MiB`},
		"little memory":          {"limits: {memory: 2}", "f:1:18: limits.memory: 2 is less than an interpreter needs: write for example 2g"},
		"few processes":          {"limits: {pids: 1}", "f:1:16: limits.pids: 1 is less than a worker needs: write for example 4096"},
		"services":               {"services: {db: postgres}", "f:1:11: services is reserved and not yet supported: start what the tests need yourself, and name it in env.set"},
		"env.pass with a value":  {"env: {pass: [TZ=UTC]}", "f:1:14: env.pass takes names: a value goes to env.set (TZ: ...)"},
		"env.pass, no name":      {"env: {pass: [a-b]}", `f:1:14: env.pass: "a-b" is not a variable name`},
		"env.set, no name":       {"env: {set: {a b: c}}", `f:1:18: env.set: "a b" is not a variable name`},
		"env.set, no value":      {"env: {set: {A: }}", `f:1:16: env.set.A has no value: write "" for an empty one`},
		"env.set, a list":        {"env: {set: {A: [1]}}", "f:1:16: env.set.A must be one value, not a list"},
		"suite name":             {"suites: {a/b: {}}", `f:1:15: suite "a/b": a name is letters, digits, and - _ . inside`},
		"paths outside":          {"suites: {a: {paths: [../x]}}", `f:1:22: suites.a.paths: "../x" must be below the project's directory`},
		"project":                {"project: a b", `f:1:10: project "a b": an id is letters, digits, and - _ . / inside, at most 100`},
		"user":                   {"user: a b", `f:1:7: user "a b": write root, a name that the image has, or uid[:gid] in numbers`},
		"user, no uid":           {"user: 1000:9999999999", `f:1:7: user "1000:9999999999": write root, a name that the image has, or uid[:gid] in numbers`},
		"capability":             {"cap_add: [sys admin]", `f:1:11: cap_add: "sys admin" is not a capability: write for example NET_ADMIN`},
		"profile":                {"profile: loose", `f:1:10: profile: "loose" is not known: write default or strict`},
		"strict, with a network": {"profile: strict\nnetwork: bridge", "f:2:10: network: bridge is what profile: strict excludes: take one of the two out"},
		"strict, with a user":    {"profile: strict\nuser: root", "f:2:7: user: root is what profile: strict excludes: take one of the two out"},
		"strict, with more":      {"profile: strict\ncap_add: [NET_ADMIN]", "f:2:10: cap_add: NET_ADMIN is what profile: strict excludes: take one of the two out"},
		"all at once": {"shedule: x\nretries: a\nlimits: {test: 5}", "f:1:1: unknown key shedule: did you mean schedule?\n" +
			"f:2:10: retries must be a whole number from 0 up, not \"a\"\n" +
			"f:3:16: limits.test: \"5\" has no unit: write 5s for seconds or 5m for minutes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f", []byte(test.text), known)
			if err == nil || err.Error() != test.want {
				t.Errorf("%q\n got %v\nwant %s", test.text, err, test.want)
			}
		})
	}
}

func TestNotYAML(t *testing.T) {
	for text, place := range map[string]string{"a: [1": "f:", "version: 1\n  image: x": "f:2:", "a: b: c": "f:1:", "\tx: 1": "f:1:", "image: \x00": "f:"} {
		_, err := Parse("f", []byte(text), known)
		if err == nil || !strings.HasPrefix(err.Error(), place) || !strings.Contains(err.Error(), "not YAML") {
			t.Errorf("%q: %v, want %s...", text, err, place)
		}
	}
}

func TestAliasesAreFollowed(t *testing.T) {
	c, err := Parse("f", []byte("env: &e {set: {A: b}}\nbuilder: {env: *e}\nsetup: [&c echo, *c]"), known)
	if err != nil {
		t.Fatal(err)
	}
	if c.Builder.Env.Set["A"] != "b" || len(c.Setup) != 2 || c.Setup[1] != "echo" {
		t.Errorf("got %+v", c)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "repo", "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	find := func(want string) {
		t.Helper()
		got, ok, err := Find(deep)
		if want != "" {
			want = filepath.Join(root, want)
		}
		if err != nil || ok != (want != "") || got != want {
			t.Errorf("Find: %q %t %v, want %q", got, ok, err, want)
		}
	}
	write("shardyard.yaml") // above the repository: not ours
	if err := os.Mkdir(filepath.Join(root, "repo", ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	find("")
	write("repo/shardyard.yaml")
	find("repo/shardyard.yaml")
	write("repo/a/shardyard.yaml")
	find("repo/a/shardyard.yaml")
	write("repo/a/b/shardyard.yml")
	if _, _, err := Find(deep); err == nil || !strings.Contains(err.Error(), "rename it") {
		t.Errorf("shardyard.yml: %v", err)
	}
}

func TestSamples(t *testing.T) {
	samples, err := filepath.Glob("samples/*.yaml")
	if err != nil || len(samples) < 5 {
		t.Fatalf("samples: %q, %v", samples, err)
	}
	for _, file := range samples {
		c, err := Load(file, known)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		roundTrip(t, c)
	}
	if _, err := Load("samples/missing.yaml", known); err == nil {
		t.Error("a missing file was loaded")
	}
}

// roundTrip checks that what Show writes is the same configuration.
func roundTrip(t *testing.T, c *Config) {
	t.Helper()
	var b strings.Builder
	if err := c.Show(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Parse("shown", []byte(b.String()), known)
	if err != nil {
		t.Fatalf("what Show wrote cannot be loaded: %v\n%s", err, b.String())
	}
	if diff := cmp.Diff(c, again, cmpopts.IgnoreUnexported(Config{}), cmpopts.IgnoreFields(Config{}, "File"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("Show (-loaded +shown):\n%s\n%s", diff, b.String())
	}
}

func FuzzParse(f *testing.F) {
	samples, err := filepath.Glob("samples/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range samples {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add("env: &e {set: {A: b}}\nbuilder: {env: *e}")
	f.Add("suites: {u: {framework: shell, run: a, junit: b, vars: {\"x y\": 1}, extra: true}}")
	f.Add("limits: {memory: 1e3k, test: 1h1ms}\nuser: 'é\\n'")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("f", []byte(text), known)
		if err != nil {
			var errs Errors
			if !errors.As(err, &errs) || len(errs) == 0 || errs[0].Line < 1 || errs[0].Column < 1 {
				t.Fatalf("an error without a place: %#v", err)
			}
			return
		}
		roundTrip(t, c)
	})
}
