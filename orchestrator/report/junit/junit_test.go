package junit

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

func fileSource(name string) Source {
	return Source{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(filepath.Join("testdata", name)) }}
}

func textSource(name, text string) Source {
	return Source{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

var volatile = regexp.MustCompile(` (time|timestamp)="[^"]*"`)

// TestMergeIsWhatOnePytestWrites: two shards by a real pytest, merged, against
// the file that the same pytest wrote for the whole suite.
func TestMergeIsWhatOnePytestWrites(t *testing.T) {
	var out bytes.Buffer
	m, err := Merge(&out, fileSource("shard-2.xml"), fileSource("shard-1.xml"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join("testdata", "whole.xml"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(volatile.ReplaceAllString(string(whole), ""))
	got := strings.TrimSpace(volatile.ReplaceAllString(out.String(), ""))
	if diff := cmp.Diff(strings.SplitAfter(want, "><"), strings.SplitAfter(got, "><")); diff != "" {
		t.Error(diff)
	}
	if len(m.Duplicates)+len(m.Conflicts) != 0 || len(m.Cases) != 38 || m.Tests != 40 {
		t.Errorf("%d tests, %d cases, %d duplicates", m.Tests, len(m.Cases), len(m.Duplicates))
	}
	again, err := Merge(io.Discard, textSource("merged", out.String()))
	if err != nil || again.Tests != m.Tests || again.Errors != m.Errors {
		t.Errorf("the merged file cannot be merged: %+v, %v", again, err)
	}
}

// TestPlannedIsReported maps the ids that a real pytest collected to the names
// that it reported.
func TestPlannedIsReported(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "ids.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	if err := json.Unmarshal(b, &ids); err != nil {
		t.Fatal(err)
	}
	m, err := Merge(io.Discard, fileSource("whole.xml"))
	if err != nil {
		t.Fatal(err)
	}
	check := CheckPlan(ids, m)
	if len(check.Missing)+len(check.Unexpected) != 0 || len(check.Found) != len(ids) {
		t.Errorf("missing %q, unexpected %q", check.Missing, check.Unexpected)
	}
	m, err = Merge(io.Discard, fileSource("xunit1.xml"))
	if err != nil {
		t.Fatal(err)
	}
	check = CheckPlan(append([]string{"never.py::planned"}, ids[1:19]...), m)
	if diff := cmp.Diff([]string{"never.py::planned"}, check.Missing); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Key{{"sub.dir.deep.test_deep", "test_pass_then_error"}}, check.Unexpected); diff != "" {
		t.Error(diff)
	}
	if c := check.Found[ids[1]]; c.File != "sub.dir/deep/test_deep.py" || c.Line != 8 || c.Outcome != worker.Errored {
		t.Errorf("got %+v", c)
	}
}

func TestKeysOf(t *testing.T) {
	for id, want := range map[string][]Key{
		"a/b/test_c.py::TestD::test_e":    {{"a.b.test_c.TestD", "test_e"}},
		"test_c.py::test_e[f::g/h.py]":    {{"test_c", "test_e[f::g/h.py]"}},
		"doc.rst::doc.rst":                {{"doc.rst", "doc.rst"}},
		"a.py::t[\U0001f600\x1b\x7f]":     {{"a", "t[#x1F600#x1B#x7F]"}},
		"t[1].py::test_x":                 {{"t[1]", "test_x"}, {"", "t[1].py::test_x"}}, // 9, until 8
		"a.yaml::open[bracket":            {{"a.yaml", "open[bracket]"}, {"a.yaml", "open[bracket"}},
		"sub/test_flake.py::FLAKE8":       {{"sub.test_flake", "FLAKE8"}},
		"a.py":                            {{"", "a"}},
		"a.py::":                          {{"a", ""}},
		"":                                {{"", ""}},
		"dir.py/test_a.py::test_in_dotpy": {{"dir.py.test_a", "test_in_dotpy"}},
	} {
		if diff := cmp.Diff(want, KeysOf(id)); diff != "" {
			t.Errorf("%q: %s", id, diff)
		}
	}
}

// TestOddIdsSurvive: whatever the ids, a file that reports exactly what was
// planned has nothing missing and nothing unexpected, and one less is missed.
func TestOddIdsSurvive(t *testing.T) {
	part := rapid.StringOfN(rapid.RuneFrom([]rune("ab[]:/. \n\té\u200b日\U0001f600<&>\"'#\\")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
			id := "d/" + part.Draw(t, "path") + ".py::" + part.Draw(t, "name")
			if rapid.Bool().Draw(t, "param") {
				id += "[" + part.Draw(t, "param") + "]"
			}
			return id
		}), 1, 6, func(id string) Key { return KeysOf(id)[0] }).Draw(t, "ids")
		// Distinct in the other dialect too, else names are ambiguous by nature.
		keys := map[Key]bool{}
		for _, id := range ids {
			for _, k := range KeysOf(id) {
				if keys[k] {
					t.Skip("two ids have one name")
				}
				keys[k] = true
			}
		}
		old := rapid.Bool().Draw(t, "pytest 8")
		file := func(ids []string) string {
			var b strings.Builder
			b.WriteString("<testsuite>")
			for _, id := range ids {
				k := KeysOf(id)[0]
				if old {
					k = KeysOf(id)[len(KeysOf(id))-1]
				}
				var x xmlWriter
				b.WriteString(x.text(xml.StartElement{Name: xml.Name{Local: "testcase"}, Attr: []xml.Attr{
					{Name: xml.Name{Local: "classname"}, Value: k.Class}, {Name: xml.Name{Local: "name"}, Value: k.Name},
				}}) + x.text(xml.EndElement{}))
			}
			return b.String() + "</testsuite>"
		}
		var out bytes.Buffer
		if _, err := Merge(&out, textSource("all", file(ids))); err != nil {
			t.Fatal(err)
		}
		m, err := Merge(io.Discard, textSource("merged", out.String()))
		if err != nil {
			t.Fatal(err)
		}
		if c := CheckPlan(ids, m); len(c.Missing)+len(c.Unexpected) != 0 {
			t.Fatalf("missing %q, unexpected %q in %s", c.Missing, c.Unexpected, out.String())
		}
		m, err = Merge(io.Discard, textSource("less", file(ids[1:])))
		if err != nil {
			t.Fatal(err)
		}
		if c := CheckPlan(ids, m); !slices.Equal(c.Missing, ids[:1]) || len(c.Unexpected) != 0 {
			t.Fatalf("missing %q, unexpected %q", c.Missing, c.Unexpected)
		}
	})
}

func TestDuplicatesAndConflicts(t *testing.T) {
	one := `<testsuites><testsuite hostname="first" timestamp="2026-02-01T00:00:00">
		<testcase classname="a" name="same" time="1"/><testcase classname="a" name="differs" time="1"/></testsuite></testsuites>`
	two := `<testsuite timestamp="2026-01-01T00:00:00"><testcase classname="a" name="same" time="2"/>
		<testcase classname="a" name="differs" time="2"><failure message="no&#10;more">text</failure></testcase></testsuite>`
	var out bytes.Buffer
	m, err := Merge(&out, textSource("one", one), textSource("two", two))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Duplicates) != 2 || len(m.Conflicts) != 1 || m.Conflicts[0].Kept != "two" || m.Conflicts[0].Name != "differs" {
		t.Errorf("duplicates %v, conflicts %v", m.Duplicates, m.Conflicts)
	}
	want := `<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="1" skipped="0" tests="2" time="3.000" timestamp="2026-01-01T00:00:00" hostname="first"><testcase classname="a" name="same" time="1" /><testcase classname="a" name="differs" time="2"><failure message="no&#10;more">text</failure></testcase></testsuite></testsuites>` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestMergedRunHasOneVerdict(t *testing.T) {
	file := `<testsuite><testcase classname="a" name="ok" time="1"/><testcase classname="a" name="extra"/>%s</testsuite>`
	for _, c := range []struct {
		name    string
		more    string
		planned []string
		exit    int
		reason  string
	}{
		{"as planned", "", []string{"a.py::ok", "a.py::extra"}, report.ExitGreen, ""},
		{"no plan", "", nil, report.ExitGreen, ""},
		{"missing", "", []string{"a.py::ok", "a.py::extra", "a.py::lost"}, report.ExitInfrastructure, "1 test not run"},
		{"unexpected", "", []string{"a.py::ok"}, report.ExitInfrastructure, "1 test was reported that nobody planned"},
		{"failed and missing", `<testcase classname="a" name="bad"><failure/></testcase>`, []string{"a.py::ok", "a.py::extra", "a.py::bad", "a.py::lost"}, report.ExitFailed, "1 test failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Merge(io.Discard, textSource("f", fmt.Sprintf(file, c.more)))
			if err != nil {
				t.Fatal(err)
			}
			s := report.NewState()
			m.Events(c.planned, func(b report.Body) { s.Apply(report.Event{Body: b}) })
			code, reasons := s.Exit()
			if code != c.exit || c.reason != "" && !strings.HasPrefix(reasons[0].Text, c.reason) {
				t.Errorf("exit %d, %v", code, reasons)
			}
		})
	}
}

func TestHostileJUnit(t *testing.T) {
	deep := strings.Repeat("<testsuite>", 100)
	for name, c := range map[string]struct{ text, want string }{
		"deep":          {deep, "nested more than 64 deep"},
		"deep in case":  {"<testsuite><testcase>" + strings.Repeat("<a>", 100), "nested more than"},
		"entity bomb":   {`<!DOCTYPE x [<!ENTITY a "aaaa">]><testsuite>&a;</testsuite>`, "document type"},
		"other entity":  {`<testsuite><testcase name="&a;"/></testsuite>`, "invalid character entity"},
		"cut":           {`<testsuite><testcase name="a">`, "unexpected EOF"},
		"empty":         {``, "unexpected EOF"},
		"crossed":       {`<testsuite><testcase></testsuite></testcase>`, "ends nothing"},
		"not junit":     {`<html></html>`, "it is no JUnit file"},
		"text":          {`hello`, "text outside"},
		"two roots":     {`<testsuite></testsuite><html>`, "it is no JUnit file"},
		"attributes":    {"<testsuite><testcase" + strings.Repeat(` a="b"`, 300) + "/></testsuite>", "more than 256 attributes"},
		"wrong charset": {`<?xml version="1.0" encoding="utf-7"?><testsuite/>`, "encoding"},
	} {
		_, err := Merge(io.Discard, textSource("evil.xml", c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "evil.xml") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	endless := Source{Name: "endless", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader("<testsuite>"), &repeat{text: "<testcase name='x'/>"})), nil
	}}
	nothing := func(*element) error { return nil }
	if err := scan(mustOpen(t, endless), 1<<20, nothing, nil); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("endless: got %v", err)
	}
	stop := errors.New("enough")
	if err := Read(mustOpen(t, endless), func(Case) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func mustOpen(t *testing.T, s Source) io.Reader {
	t.Helper()
	r, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// repeat is a text without an end.
type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

// FuzzMerge: whatever is merged is a file that merges to itself.
func FuzzMerge(f *testing.F) {
	for _, name := range []string{"whole.xml", "xunit1.xml"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add(`<testsuite><testcase classname="a" name="b" time="1,234.5"><x:y z="&#xD;&#9;"/><!-- c --><![CDATA[ ]]&gt;<]]></testcase></testsuite>`)
	f.Fuzz(func(t *testing.T, text string) {
		var one, two bytes.Buffer
		m, err := Merge(&one, textSource("a", text))
		if err != nil {
			return
		}
		n, err := Merge(&two, textSource("b", one.String()))
		if err != nil {
			t.Fatalf("%v in\n%q", err, one.String())
		}
		if one.String() != two.String() || m.Tests != n.Tests {
			t.Fatalf("not stable:\n%q\n%q", one.String(), two.String())
		}
	})
}

// TestWhereAFailureIs: a failure's text says where; the test's own file counts
// before others, and what lies outside of the project never does.
func TestWhereAFailureIs(t *testing.T) {
	const text = `def test_b():
&gt;       helper(1)

tests/test_a.py:12:
src/helper.py:3: AssertionError
/usr/lib/python3/x.py:7: ValueError
../outside.py:8: ValueError
12:30: no place`
	for name, c := range map[string]struct {
		attributes string
		text       string
		want       Place
	}{
		"by its class":     {`classname="tests.test_a.TestX" name="t"`, text, Place{"tests/test_a.py", 12}},
		"by its file":      {`classname="x" name="t" file="./src/helper.py"`, text, Place{"src/helper.py", 3}},
		"of another class": {`classname="tests.test_abc" name="t"`, text, Place{"src/helper.py", 3}},
		"without any":      {`classname="a" name="t"`, "assert 0", Place{}},
	} {
		var got Place
		file := "<testsuite><testcase " + c.attributes + "><system-out>a.py:1: x</system-out><failure message='m'>" + c.text + "</failure></testcase></testsuite>"
		if err := Read(strings.NewReader(file), func(c Case) error { got = c.At; return nil }); err != nil || got != c.want {
			t.Errorf("%s: %v, want %v (%v)", name, got, c.want, err)
		}
	}
}
