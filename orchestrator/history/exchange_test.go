package history

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/shardyard/shardyard/worker"
)

func parse(t *testing.T, format Format, text string) []Timing {
	t.Helper()
	list, err := Parse(format, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPytestSplitBothForms(t *testing.T) {
	want := []Timing{
		{Test: "a.py::T::é[x]", File: "a.py", Seconds: 0.25, Call: 0.25},
		{Test: "b.py::t", File: "b.py", Seconds: 1e-05, Call: 1e-05},
	}
	for _, text := range []string{
		`{"b.py::t": 1e-05, "a.py::T::\u00e9[x]": 0.25}`,
		"\n [[\"b.py::t\", 1e-05], [\"a.py::T::é[x]\", 0.25]]\n",
	} {
		if diff := cmp.Diff(want, parse(t, PytestSplit, text)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestKnapsackIsSpreadOverKnownTests(t *testing.T) {
	d := open(t)
	record(t, d, Run{ID: "1", Suite: "s", Attempts: []Attempt{attempt("a.py::one", ms), attempt("a.py::two", ms), attempt("b.py::t", ms)}})
	n, err := d.Import(t.Context(), "s", parse(t, Knapsack, `{"./a.py": 3, "unknown.py": 9}`))
	if n != 2 || err != nil {
		t.Fatal(n, err)
	}
	s := samplesOf(t, d, "s")
	for _, id := range []worker.TestID{"a.py::one", "a.py::two"} {
		if list := s.Tests[id]; len(list) != 2 || list[1].Call != 1500*ms {
			t.Errorf("%s: %v", id, list)
		}
	}
	if len(s.Tests["b.py::t"]) != 1 || len(s.Tests) != 3 {
		t.Errorf("got %v", s.Tests)
	}
}

func TestWhatIsExportedCanBeImported(t *testing.T) {
	d := open(t)
	for i, call := range []time.Duration{10 * ms, 30 * ms, 500 * ms} {
		a := attempt("a.py::t[\"x,\n\"]", call)
		a.Setup, a.Teardown = 2*ms, ms
		b := attempt("b.py::t", time.Second)
		b.Outcome = worker.Failing
		record(t, d, Run{ID: string(rune('a' + i)), Suite: "s", Attempts: []Attempt{a, b}})
	}
	want := []Timing{
		{Test: "a.py::t[\"x,\n\"]", File: "a.py", Outcome: worker.Passed, Seconds: 0.033, Setup: 0.002, Call: 0.03, Tear: 0.001, Samples: 3},
		{Test: "b.py::t", File: "b.py", Outcome: worker.Failing, Seconds: 1, Call: 1, Samples: 3},
	}
	for _, format := range []Format{JSON, CSV} {
		var out bytes.Buffer
		if err := d.Export(t.Context(), "s", format, &out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, parse(t, format, out.String())); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
	}
	var out bytes.Buffer
	if err := d.Export(t.Context(), "s", PytestSplit, &out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "{\n    \"a.py::t[\\\"x,\\n\\\"]\": 0.033,\n    \"b.py::t\": 1\n}\n"; got != want {
		t.Errorf("pytest-split: %q, want %q", got, want)
	}
	n, err := d.Import(t.Context(), "other", parse(t, PytestSplit, out.String()))
	if n != 2 || err != nil || samplesOf(t, d, "other").Tests["b.py::t"][0].Call != time.Second {
		t.Errorf("imported %d, %v", n, err)
	}
	if err := d.Export(t.Context(), "s", Knapsack, io.Discard); err == nil {
		t.Error("exported a report of files")
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	for _, c := range []struct {
		format     Format
		text, want string
	}{
		{PytestSplit, `{"a": -1}`, "a has a time of -1 seconds"},
		{PytestSplit, `{"a": 1e300}`, "a time of 1e+300"},
		{PytestSplit, `{"a": "x"}`, "cannot unmarshal"},
		{PytestSplit, `[["a"]]`, "1 values where"},
		{PytestSplit, `{"a": 1} {`, "more text after the end"},
		{PytestSplit, ``, "EOF"},
		{CSV, "a,b\n", "the first line must be"},
		{CSV, strings.Join(columns, ",") + "\nt,f,passed,NaN,0,0,0,1\n", "NaN"},
		{CSV, strings.Join(columns, ",") + "\nt,f,passed,x,0,0,0,1\n", "line 2, seconds"},
		{JSON, `{"tests": {}}`, "cannot unmarshal"},
		{"toml", ``, "unknown format"},
	} {
		_, err := Parse(c.format, strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v", c.format, c.text, err)
		}
	}
}

func TestSlowest(t *testing.T) {
	d := open(t)
	record(t, d, Run{ID: "1", Suite: "s", Attempts: []Attempt{
		attempt("a", 2*ms), attempt("b", 9*ms), attempt("c", 9*ms),
		{Test: "skipped", Outcome: worker.Skipped, Call: time.Hour},
		{Test: "d", Outcome: worker.Failing, Call: 3 * ms},
	}})
	got, err := d.Slowest(t.Context(), "s", 3)
	if err != nil || len(got) != 3 || got[0].Test != "b" || got[1].Test != "c" || got[2].Test != "d" || got[2].Failed != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if all, _ := d.Slowest(t.Context(), "s", 0); len(all) != 5 || all[4].Test != "skipped" {
		t.Errorf("%+v", all)
	}
	if _, _, err := d.Show(t.Context(), "s", "nobody"); err == nil || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("got %v", err)
	}
}

func TestSamplesSurviveTheirText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(0, 1<<40)
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Sample {
			return Sample{
				Run: rapid.Int64Range(0, 1<<40).Draw(t, "run"), Worker: rapid.IntRange(0, 99).Draw(t, "w"), Attempt: rapid.IntRange(1, 9).Draw(t, "n"),
				Outcome: worker.Outcome(rapid.SampledFrom([]string{"passed", "error", "", `od"d],[`, "x\ny", "日本"}).Draw(t, "o")),
				Setup:   micros(us.Draw(t, "s")), Call: micros(us.Draw(t, "c")), Teardown: micros(us.Draw(t, "t")),
				First: rapid.Bool().Draw(t, "first"), Tentative: rapid.Bool().Draw(t, "tentative"), Host: rapid.SampledFrom([]string{"", "h1", "\\", "\n"}).Draw(t, "h"),
			}
		}), 1, 30).Draw(t, "samples")
		keep := rapid.IntRange(1, 30).Draw(t, "keep")
		text := ""
		for rest := list; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
			text = addSamples(text, rest[:n], keep)
			rest = rest[n:]
		}
		want := list[max(len(list)-keep, 0):]
		got, err := decodeSamples(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		if slow, err := decodeAny(text); err != nil || !cmp.Equal(want, slow) {
			t.Fatalf("as any JSON: %v, %v", slow, err)
		}
	})
}

// TestRealDurations reads a real project's file (see testdata/SOURCES.md).
func TestRealDurations(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "hypha.test_durations.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var want map[string]float64
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	d := open(t)
	if n, err := d.Import(t.Context(), "s", parse(t, PytestSplit, string(raw))); n != len(want) || err != nil {
		t.Fatal(n, err)
	}
	var out bytes.Buffer
	if err := d.Export(t.Context(), "s", PytestSplit, &out); err != nil {
		t.Fatal(err)
	}
	var got map[string]float64
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for id, s := range want {
		if delta := got[id] - s; delta > 1e-6 || delta < -1e-6 {
			t.Errorf("%s: %v, was %v", id, got[id], s)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("pytest-split", []byte(`{"a.py::t": 1.5}`))
	f.Add("pytest-split", []byte(` [["a.py::t", 1.5]]`))
	f.Add("knapsack", []byte(`{"a.py": 1}`))
	f.Add("csv", []byte(strings.Join(columns, ",")+"\nt,f,passed,1,0,1,0,2\n"))
	f.Add("json", []byte(`{"tests": [{"test": "t", "seconds": 1}]}`))
	f.Fuzz(func(t *testing.T, format string, text []byte) {
		list, err := Parse(Format(format), bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, x := range list {
			if a := x.attempt("t", 1); a.Call < 0 || a.Setup < 0 || a.Teardown < 0 {
				t.Errorf("%+v became %+v", x, a)
			}
		}
	})
}

func FuzzDecodeSamples(f *testing.F) {
	f.Add(`[[17,3,1,"passed",120,4500,80,0,0,"box"]]`)
	f.Add("[[1,1,1,\"p\",1,1,1,0,0,\"\"],\n[1,1,1,\"p\",1,1,1,0,1,\"\\\"\"]]")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := decodeSamples(text)
		if err != nil || len(list) == 0 {
			return
		}
		back, err := decodeSamples(addSamples("", list, len(list)))
		if diff := cmp.Diff(list, back); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}
