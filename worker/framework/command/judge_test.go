package command

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/cases"
)

// told puts a judgement into a line.
func told(j judgement) string {
	var parts []string
	for _, v := range j.verdicts {
		s := fmt.Sprintf("%s %s", v.unit, v.outcome)
		if v.cause != "" {
			s += " " + v.cause
		}
		if n := len(v.cases); n != 1 {
			s += fmt.Sprintf(" of %d", n)
		}
		if last := v.cases[len(v.cases)-1]; last.Message != "" {
			s += fmt.Sprintf(" %q", last.Message)
		}
		parts = append(parts, s)
	}
	for _, u := range j.again {
		parts = append(parts, string(u)+" again")
	}
	for _, c := range j.extra {
		parts = append(parts, "extra "+c.Name)
	}
	return strings.Join(parts, ", ")
}

// Every rule of the package's comment is a row.
func TestJudge(t *testing.T) {
	passed := func(name string) cases.Case { return cases.Case{Name: name, Outcome: worker.Passed} }
	failed := func(name string) cases.Case {
		return cases.Case{Name: name, Outcome: worker.Failing, Message: "1 is not 2"}
	}
	skipped := func(name string) cases.Case { return cases.Case{Name: name, Outcome: worker.Skipped} }
	status := func(code int) ending { return ending{code: code, took: time.Second} }
	late := ending{code: 137, signal: "killed", late: true}
	for _, c := range []struct {
		name  string
		batch string
		of    ending
		cases []cases.Case
		bad   string
		want  string
	}{
		{"all passed", "a b", status(0), []cases.Case{passed("a"), passed("b")}, "", "a passed, b passed"},
		{"one failed", "a b", status(1), []cases.Case{passed("a"), failed("b")}, "", `a passed, b failed "1 is not 2"`},
		{"a failure with status 0 is one", "a b", status(0), []cases.Case{failed("a"), passed("b")}, "", `a failed "1 is not 2", b passed`},
		{"of several cases the worst counts", "a b", status(1), []cases.Case{passed("a"), failed("a"), skipped("a"), passed("b")}, "", "a failed of 3, b passed"},
		{"all of it skipped", "a b", status(0), []cases.Case{skipped("a"), passed("b")}, "", "a skipped, b passed"},
		{"one without a case was not run", "a b", status(0), []cases.Case{passed("a")}, "", "a passed, b again"},
		{"one without a case beside a failure", "a b c", status(1), []cases.Case{failed("a"), passed("b")}, "", `a failed "1 is not 2", b passed, c again`},
		{"no results at all", "a b", status(0), nil, "", "a again, b again"},
		{"a status that nothing explains", "a b", status(1), []cases.Case{passed("a"), passed("b")}, "", "a again, b again"},
		{"a signal", "a b", ending{code: 139, signal: "segmentation fault"}, []cases.Case{failed("a"), passed("b")}, "", "a again, b again"},
		{"a signal, told by the shell", "a b", status(139), []cases.Case{failed("a"), passed("b")}, "", "a again, b again"},
		{"the time limit", "a b", late, []cases.Case{failed("a"), passed("b")}, "", "a again, b again"},
		{"a broken file among good ones", "a b", status(0), []cases.Case{passed("a")}, "its JUnit file x.xml cannot be read", "a passed, b again"},

		{"alone, passed", "a", status(0), []cases.Case{passed("a")}, "", "a passed"},
		{"alone without a case", "a", status(0), nil, "", `a failed exited "ended with status 0 and left no result"`},
		{"alone without a case, with a status", "a", status(3), nil, "", `a failed exited "ended with status 3 and left no result"`},
		{"alone, a signal", "a", ending{code: 139, signal: "segmentation fault"}, nil, "", `a failed signal "ended with status 139 (segmentation fault) and left no result"`},
		{"alone, a signal behind its cases", "a", status(134), []cases.Case{passed("a")}, "", `a failed signal of 2 "ended with status 134 (aborted)"`},
		{"alone, the time limit", "a", late, nil, "", `a failed timeout "timed out after 2s"`},
		{"alone, a status that nothing explains", "a", status(1), []cases.Case{passed("a")}, "", `a error exited of 2 "ended with status 1, and no case of it failed"`},
		{"alone, a broken file", "a", status(0), nil, "its JUnit file x.xml cannot be read: line 1: unexpected EOF",
			`a failed exited "ended with status 0 and left no result: its JUnit file x.xml cannot be read: line 1: unexpected EOF"`},
		{"alone, a broken file among good ones", "a", status(0), []cases.Case{passed("a")}, "its JUnit file x.xml cannot be read",
			`a error exited of 2 "ended with status 0: its JUnit file x.xml cannot be read"`},
		{"alone, a status above those of signals", "a", status(255), []cases.Case{failed("a")}, "", `a failed "1 is not 2"`},

		{"a case of nobody", "a b", status(0), []cases.Case{passed("a"), passed("b"), passed("x")}, "", "a passed, b passed, extra x"},
		{"a failed case of nobody explains nothing", "a b", status(1), []cases.Case{passed("a"), passed("b"), failed("x")}, "", "a again, b again, extra x"},
		{"a failed case of a unit elsewhere explains the status", "a b", status(1), []cases.Case{passed("a"), passed("b"), failed("c")}, "", "a passed, b passed, extra c"},
		{"alone, beside a failed case of a unit elsewhere", "a", status(1), []cases.Case{passed("a"), failed("c")}, "", "a passed, extra c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var batch []worker.TestID
			for _, u := range strings.Fields(c.batch) {
				batch = append(batch, worker.TestID(u))
			}
			of := newOwner(byName, []worker.TestID{"a", "b", "c", "d"})
			r := result{ending: c.of, limit: 2 * time.Second, cased: true, cases: c.cases, broken: c.bad, output: "printed"}
			if got := told(judge(batch, of, r)); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestJudgeByStatus(t *testing.T) {
	for want, of := range map[string]ending{
		"a passed":                       {},
		`a failed "ended with status 3"`: {code: 3},
		`a failed signal "ended with status 139 (segmentation fault)"`: {code: 139, signal: "segmentation fault"},
		`a failed timeout "timed out after 2s"`:                        {code: 137, signal: "killed", late: true},
	} {
		if got := told(judge([]worker.TestID{"a"}, owner{}, result{ending: of, limit: 2 * time.Second})); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestUnowned(t *testing.T) {
	o := newOwner(byName, []worker.TestID{"A", "b"})
	for name, c := range map[string]struct {
		extra []cases.Case
		want  []string
	}{
		"the wrong attribute": {[]cases.Case{{Name: "t", Class: "x.A"}}, []string{`name="t" classname="x.A"`, "`case: classname` fits them"}},
		"other units":         {[]cases.Case{{Name: "b"}}, []string{"no other units", "`extra: ignore`"}},
		"nobody's": {[]cases.Case{{Name: "1"}, {Name: "2"}, {Name: "3"}, {Name: "4"}, {Name: "5"}},
			[]string{`name="3"`, "and 2 more", "list must print them"}},
	} {
		err := o.unowned(c.extra)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
	if err := o.unowned(nil); err != nil {
		t.Error(err)
	}
}
