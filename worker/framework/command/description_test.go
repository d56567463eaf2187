package command_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/command"
)

// keys are the values of a suite's keys, as configs has them.
func keys(t *testing.T, values map[string]any) map[string]json.RawMessage {
	t.Helper()
	known := map[string]bool{}
	for _, k := range (command.Description{}).Keys() {
		known[k.Name] = true
	}
	out := map[string]json.RawMessage{}
	for name, v := range values {
		if !known[name] {
			t.Fatalf("%s is no key", name)
		}
		out[name] = worker.Raw(v)
	}
	return out
}

func TestSuite(t *testing.T) {
	s, err := command.Description{}.Suite(framework.Ask{
		Paths: []string{"x"}, User: []string{"a", "b"},
		Keys: keys(t, map[string]any{
			"list": "ls", "run": "mvn -Dtest={units:,}", "junit": []string{"target/*.xml"}, "case": "classname", "extra": "ignore",
			"coverage_files": []string{"**/*.exec"}, "coverage_combine": "merge {files} > {out}/all",
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := framework.Suite{Framework: "command", Args: []string{"a", "b"}, Batch: time.Second, OwnTree: true, Options: worker.Raw(command.Options{
		List: "ls", Run: "mvn -Dtest={units:,}", JUnit: []string{"target/*.xml"}, Case: "classname", IgnoreExtra: true,
		Coverage: []string{"**/*.exec"}, Combine: "merge {files} > {out}/all",
	})}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is judged by its status streams: a unit has a process of its own.
func TestSuiteByStatus(t *testing.T) {
	s, err := command.Description{}.Suite(framework.Ask{Paths: []string{"x"}, Keys: keys(t, map[string]any{"list": "ls", "run": "sh {units}"})})
	if err != nil || s.Batch != 0 || len(s.Args) != 1 || s.Toolchain.Name != "" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSuiteRefuses(t *testing.T) {
	yes, no, limit := true, false, 80.0
	good := func() framework.Ask {
		return framework.Ask{Keys: keys(t, map[string]any{"list": "ls", "run": "sh {units}"})}
	}
	with := func(change func(*framework.Ask)) framework.Ask {
		ask := good()
		change(&ask)
		return ask
	}
	set := func(name string, v any) framework.Ask {
		return with(func(a *framework.Ask) { a.Keys[name] = worker.Raw(v) })
	}
	for name, c := range map[string]struct {
		ask  framework.Ask
		want string
	}{
		"good":                 {good(), ""},
		"no list":              {set("list", " "), "needs list"},
		"no run":               {set("run", ""), "needs run"},
		"words between quotes": {set("run", "sh '{units}'"), "stands between quotes"},
		"two places for JUnit": {with(func(a *framework.Ask) {
			a.Keys["junit"], a.Keys["run"] = worker.Raw([]string{"a"}), worker.Raw("x {junit}")
		}), "one of the two"},
		"JUnit elsewhere":           {set("junit", []string{"../x.xml"}), "not a pattern of files below"},
		"JUnit by an absolute path": {set("junit", []string{"/x.xml"}), "not a pattern of files below"},
		"a broken pattern":          {set("junit", []string{"["}), "junit: ["},
		"coverage without combine":  {set("coverage_files", []string{"a"}), "need each other"},
		"combine without files":     {set("coverage_combine", "x"), "need each other"},
		"arguments":                 {with(func(a *framework.Ask) { a.Args = []string{"-v"} }), "write them into run"},
		"a keyword":                 {with(func(a *framework.Ask) { a.Keyword = "x" }), "behind --"},
		"a coverage limit":          {with(func(a *framework.Ask) { a.Coverage.FailUnder = &limit }), "let coverage_combine fail"},
		"coverage of packages":      {with(func(a *framework.Ask) { a.Coverage.Sources = []string{"x"} }), "choose what is measured in run"},
		"coverage of nothing":       {with(func(a *framework.Ask) { a.Coverage.Enabled = &yes }), "needs coverage_files"},
		"no coverage":               {with(func(a *framework.Ask) { a.Coverage.Enabled = &no }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := command.Description{}.Suite(c.ask)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestNothingIsDetected(t *testing.T) {
	if d, err := (command.Description{}).Detect(t.TempDir()); d != nil || err != nil {
		t.Errorf("%+v, %v", d, err)
	}
}
