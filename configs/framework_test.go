package configs

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// known are the frameworks of these tests: one without keys of its own, and one
// with a key of each kind.
var known = []framework.Description{
	described{name: "pytest"},
	described{name: "shell", keys: []framework.Key{
		{Name: "run", Kind: framework.Text}, {Name: "case", Kind: framework.Text, Of: []string{"name", "file"}},
		{Name: "junit", Kind: framework.List}, {Name: "vars", Kind: framework.Map}, {Name: "extra", Kind: framework.Flag},
	}},
}

// described is a framework that detects what it is told to.
type described struct {
	framework.Description
	name  string
	keys  []framework.Key
	found *framework.Detected
	err   error
}

func (d described) Name() string          { return d.name }
func (d described) Keys() []framework.Key { return d.keys }

func (d described) Detect(string) (*framework.Detected, error) {
	if d.found == nil {
		return nil, d.err
	}
	found := *d.found
	return &found, d.err
}

func (described) Suite(framework.Ask) (framework.Suite, error) { panic("not asked by configs") }
func (described) Deliver(framework.Suite, worker.Concluded) (framework.Delivery, error) {
	panic("not asked by configs")
}

func TestDetectAsksInOrder(t *testing.T) {
	broken := errors.New("pyproject.toml:3: broken")
	installed := described{name: "installed", found: &framework.Detected{Kind: "uv"}}
	tested := described{name: "tested", found: &framework.Detected{Kind: "plain", Tests: true}}
	other := described{name: "other", found: &framework.Detected{Kind: "npm", Tests: true}}
	strange := described{name: "strange", found: &framework.Detected{Unsupported: &framework.Unsupported{Tool: "pdm"}}}
	nothing := described{name: "nothing", found: &framework.Detected{Nothing: "no test_*.py"}}
	nowhere := described{name: "nowhere", found: &framework.Detected{Nothing: "no package.json"}}
	blind := described{name: "blind"}
	failing := described{name: "failing", err: broken}
	for name, test := range map[string]struct {
		all  []framework.Description
		want framework.Detected
		err  error
	}{
		"none":                       {nil, framework.Detected{}, nil},
		"no file says":               {[]framework.Description{blind}, framework.Detected{}, nil},
		"tests before an install":    {[]framework.Description{installed, strange, tested}, framework.Detected{Framework: "tested", Kind: "plain", Tests: true}, nil},
		"an install before a puzzle": {[]framework.Description{strange, blind, installed}, framework.Detected{Framework: "installed", Kind: "uv"}, nil},
		"a puzzle before nothing":    {[]framework.Description{nothing, strange}, framework.Detected{Framework: "strange", Unsupported: &framework.Unsupported{Tool: "pdm"}}, nil},
		"nothing":                    {[]framework.Description{nothing, blind, nowhere}, framework.Detected{Nothing: "no test_*.py, no package.json"}, nil},
		"the first of two": {[]framework.Description{tested, other}, framework.Detected{
			Framework: "tested", Kind: "plain", Tests: true, Notes: []string{"tests of other were seen too: name suites in shardyard.yaml to run them"},
		}, nil},
		"broken":                        {[]framework.Description{failing, nothing}, framework.Detected{}, broken},
		"broken, and another has found": {[]framework.Description{failing, tested}, framework.Detected{Framework: "tested", Kind: "plain", Tests: true}, nil},
	} {
		got, err := Detect("", test.all)
		if !errors.Is(err, test.err) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err != nil {
			continue
		}
		if diff := cmp.Diff(test.want, *got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOwnKeys(t *testing.T) {
	c := parsed(t, "suites: {u: {framework: shell, run: make test, case: file, junit: out.xml, vars: {A: 1.10}, extra: true, args: [x]}, v: {framework: shell, junit: [a, b]}}")
	e, err := c.Suite("u")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, value := range e.Keys {
		got[name] = string(value)
	}
	want := map[string]string{"run": `"make test"`, "case": `"file"`, "junit": `["out.xml"]`, "vars": `{"A":"1.10"}`, "extra": "true"}
	if diff := cmp.Diff(want, got); diff != "" || e.Framework != "shell" || e.Args[0] != "x" {
		t.Errorf("%+v (-want +got):\n%s", e, diff)
	}
	if at := c.Origin("suites.u.run"); at != "shardyard.yaml:1" {
		t.Errorf("run comes from %q", at)
	}
	roundTrip(t, c)
}

func TestOwnKeysWrong(t *testing.T) {
	for text, want := range map[string]string{
		"suites: {u: {framework: shell, runn: x}}":   "f:1:32: unknown key suites.u.runn: did you mean run?",
		"suites: {u: {run: x}}":                      "f:1:14: unknown key suites.u.run: only suites of framework shell have it, and this one's framework is pytest",
		"suites: {u: {framework: shell, run: [x]}}":  "f:1:37: suites.u.run must be one value, not a list",
		"suites: {u: {framework: shell, run: }}":     "f:1:37: suites.u.run has no value: write one, or take the line out",
		"suites: {u: {framework: shell, case: nam}}": `f:1:38: suites.u.case: "nam" is not known: did you mean name?`,
		"suites: {u: {framework: shell, extra: 1}}":  `f:1:39: suites.u.extra must be true or false, not "1"`,
		"suites: {u: {framework: shell, vars: x}}":   `f:1:38: suites.u.vars must be a mapping (key: value), not "x"`,
		"suites: {u: {framework: shel}}":             `f:1:25: suites.u.framework: "shel" is not known: did you mean shell?`,
	} {
		if _, err := Parse("f", []byte(text), known); err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestDetectedFramework(t *testing.T) {
	c := parsed(t, "suites: {u: {}, v: {framework: pytest}}")
	c.Fill(&framework.Detected{Framework: "shell", Kind: "x", Tests: true})
	for name, want := range map[string]string{"u": "shell", "v": "pytest"} {
		if e, err := c.Suite(name); err != nil || e.Framework != want {
			t.Errorf("suite %s has framework %q, %v, want %s", name, e.Framework, err, want)
		}
	}
}
