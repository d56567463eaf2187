package command

import (
	"testing"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/cases"
)

func TestOwner(t *testing.T) {
	for name, c := range map[string]struct {
		attribute string
		units     []worker.TestID
		of        cases.Case
		want      worker.TestID // "" for none
	}{
		"a name":                       {"name", []worker.TestID{"a", "b"}, cases.Case{Name: "b", Class: "a"}, "b"},
		"a name is not a part":         {"name", []worker.TestID{"a"}, cases.Case{Name: "x/a"}, ""},
		"a class":                      {"classname", []worker.TestID{"org.x.A"}, cases.Case{Class: "org.x.A"}, "org.x.A"},
		"a class by its simple name":   {"classname", []worker.TestID{"A"}, cases.Case{Class: "org.x.A"}, "A"},
		"a nested class":               {"classname", []worker.TestID{"A"}, cases.Case{Class: "org.x.A$Inner$Deep"}, "A"},
		"a nested class that is one":   {"classname", []worker.TestID{"A", "A$Inner"}, cases.Case{Class: "org.x.A$Inner"}, "A$Inner"},
		"the longest name that fits":   {"classname", []worker.TestID{"A", "x.A"}, cases.Case{Class: "org.x.A"}, "x.A"},
		"no part of a simple name":     {"classname", []worker.TestID{"Test"}, cases.Case{Class: "org.x.ATest"}, ""},
		"a class that is a path":       {"classname", []worker.TestID{"lib/a.js"}, cases.Case{Class: "/src/lib/a.js"}, "lib/a.js"},
		"a file":                       {"file", []worker.TestID{"spec/a_spec.rb"}, cases.Case{File: "./spec/a_spec.rb"}, "spec/a_spec.rb"},
		"a file, and a unit with a ./": {"file", []worker.TestID{"./spec/a_spec.rb"}, cases.Case{File: "spec/a_spec.rb"}, "./spec/a_spec.rb"},
		"an absolute path":             {"file", []worker.TestID{"spec/a.rb"}, cases.Case{File: "/work/x/spec/a.rb"}, "spec/a.rb"},
		"a path of Windows":            {"file", []worker.TestID{"spec/a.rb"}, cases.Case{File: `C:\x\spec\a.rb`}, "spec/a.rb"},
		"no part of a file's name":     {"file", []worker.TestID{"a.rb"}, cases.Case{File: "spec/ba.rb"}, ""},
		"nothing said":                 {"file", []worker.TestID{"a.rb"}, cases.Case{Name: "a.rb"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := newOwner(c.attribute, c.units).of(c.of)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("%q, %v; want %q", got, ok, c.want)
			}
		})
	}
}
