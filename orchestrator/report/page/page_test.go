package page

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/internal/shell"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// hostile is text that would run, close or break something if it were markup.
const hostile = `</script><img src=x onerror="document.title='pwned'"><svg onload=alert(1)>` + "\u202e\x1b[31m{{.}}'\"`&amp;<!--"

// invented is a run of so many tests on so many workers. Some of its tests failed.
func invented(tests, workers int) Data {
	random := rand.New(rand.NewPCG(7, 9))
	r := &report.Report{
		Format: report.Format, Run: "20261128-001500-abcde", Version: "0.9.0", Suite: "unit", Engine: "docker 27.3.1", Image: "python:3.12-slim",
		Tree: "ab12cd34ef56ab12cd34", Commit: "0123456789abcdef0123", Branch: "main", Subject: "Round prices once", Author: "A. Dev", Dirty: true, CPUs: 8, Memory: 16 << 30, Load: 1.5,
		Framework: "pytest 8.4.1", Runtime: "Python 3.12.4", StartedAt: time.Date(2026, 11, 28, 0, 15, 0, 0, time.UTC),
		Finished: true, Exit: report.ExitFailed, Reasons: []report.Reason{{Code: report.ReasonFailed, Exit: 1, Text: "tests failed"}},
		Plan: &report.Plan{Workers: workers}, Notes: []report.Note{{Text: "detected a uv project"}},
	}
	at := make([]float64, workers)
	for w := range workers {
		at[w] = 1500 + 100*random.Float64()
		worker := report.Worker{Worker: w + 1, Name: report.WorkerName(w + 1), Mode: "lazy", Asked: report.Millis(400), Created: report.Millis(800), Greeted: report.Millis(900),
			Started: report.Millis(1200), Ready: report.Millis(1400), PeakMemory: 90 << 20}
		if w == 0 {
			worker.Mode, worker.Collected = "full", report.Millis(300)
		}
		r.Workers = append(r.Workers, worker)
	}
	d := Data{Report: r, Name: "shop", Past: map[string][]Mark{}, Texts: map[Attempt]string{}}
	for i := range tests {
		file := fmt.Sprintf("tests/area_%02d/test_module_%04d.py", i/1600%40, i/40)
		w := i * workers / tests
		took := 4 + 30*random.ExpFloat64()
		if i%997 == 3 {
			took += 400
		}
		t := report.Test{Test: fmt.Sprintf("%s::TestThing::test_case_%d[value-%d]", file, i%40, random.IntN(9)), File: file, Line: 3 + i%40, Verdict: report.Pass}
		a := report.Attempt{Attempt: 1, Worker: w + 1, Outcome: worker.Passed, Started: report.Millis(at[w]), Setup: report.Millis(took / 10), Call: report.Millis(took * 0.8), Teardown: report.Millis(took / 10), First: i%40 == 0}
		a.Estimate = report.Millis(took * (0.7 + 0.6*random.Float64()))
		if a.First {
			a.Fixtures, a.FixturesEstimate = report.Millis(took/12), report.Millis(took/14)
		}
		at[w] += took + 1
		a.At = report.Millis(at[w])
		switch {
		case i%4999 == 17:
			t.Verdict, a.Outcome = report.Fail, worker.Failing
			a.Message = fmt.Sprintf("AssertionError: %d != 404", i)
			t.Message = a.Message
			d.Texts[Attempt{t.Test, 1}] = "    def test_case():\n>       assert status == 404\nE       assert 200 == 404\n\ntests/test_module.py:12: AssertionError"
			d.Past[t.Test] = slices.Repeat([]Mark{{report.Pass, time.Millisecond}}, 19)
		case i%7919 == 5:
			t.Verdict = report.Flaky
			first := a
			first.Outcome, first.Message = worker.Failing, "TimeoutError: no answer"
			t.Attempts = append(t.Attempts, first)
			a.Attempt, a.Worker = 2, workers
		case i%53 == 0:
			t.Verdict, a.Outcome = report.Skip, worker.Skipped
		}
		t.Attempts = append(t.Attempts, a)
		r.Tests = append(r.Tests, t)
		r.Workers[w].Busy += a.Setup + a.Call + a.Teardown
		r.Workers[w].Ended = a.At + report.Millis(80)
		r.Workers[w].Order = append(r.Workers[w].Order, t.Test)
		switch t.Verdict {
		case report.Fail:
			r.Totals.Failed++
		case report.Flaky:
			r.Totals.Flaky++
		case report.Skip:
			r.Totals.Skipped++
		case report.Pass, report.NotRun:
			r.Totals.Passed++
		}
		r.Times.Total += a.Setup + a.Call + a.Teardown
		r.Times.Longest = max(r.Times.Longest, report.Duration(a.Total()))
	}
	r.Totals.Discovered = tests
	last := report.Millis(slices.Max(at))
	r.Times.Duration, r.Times.Predicted = last+report.Millis(900), last+report.Millis(300)
	r.Times.Serial, r.Times.Speedup, r.Times.Balance, r.Times.Cache, r.Times.Saved = r.Times.Total, float64(r.Times.Total)/float64(r.Times.Duration), 0.93, "warm", report.Millis(26300)
	r.Steps = []report.Step{{Name: "snapshot", Duration: report.Millis(300), Done: true}, {Name: "start", Started: report.Millis(350), Duration: report.Millis(900), Done: true}, {Name: "conclude", Started: last, Duration: report.Millis(880), Done: true}}
	for _, n := range []int{1, workers, 2 * workers} {
		r.Curve = append(r.Curve, report.Point{Workers: n, Wall: r.Times.Total/report.Duration(n) + report.Millis(3000), Total: r.Times.Total + report.Millis(float64(n)*3000)})
	}
	return d
}

func written(t testing.TB, d Data) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, d); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// unpacked is the book of a page.
func unpacked(t *testing.T, html string) (b book) {
	t.Helper()
	found := regexp.MustCompile(`id="data">([^<]*)<`).FindStringSubmatch(html)
	if found == nil {
		t.Fatal("there is no payload")
	}
	packed, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(found[1])))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(packed).Decode(&b); err != nil {
		t.Fatal(err)
	}
	return b
}

// forged is a run in which everything that has a name is called hostile.
func forged() Data {
	d := invented(400, 3)
	r := d.Report
	r.Branch, r.Subject, r.Author, r.Suite, r.Args = hostile, hostile, hostile, hostile, []string{hostile}
	r.Notes = []report.Note{{Text: hostile}}
	r.Reasons = append(r.Reasons, report.Reason{Code: report.ReasonInfrastructure, Exit: 3, Text: hostile})
	r.Steps[0].Name, r.Workers[0].Lost, r.Workers[0].Host = hostile, hostile, hostile
	for i := range 9 {
		x := &r.Tests[i]
		x.Test, x.File, x.Verdict, x.Message, x.Reason = hostile+fmt.Sprint(i), hostile, []report.Verdict{report.Fail, report.Flaky, report.NotRun}[i%3], hostile, hostile
		d.Texts[Attempt{x.Test, 1}] = "E " + hostile
	}
	d.Name, d.Uncollected = hostile, []Text{{hostile, hostile}}
	d.Coverage = []File{{Path: hostile, Lines: 9, Missing: []int{1}, Source: hostile}}
	d.Runs = []Run{{ID: hostile, Commit: hostile}}
	d.Results = []string{"javascript:alert(1)", "junit.xml"}
	d.Commands = func(test string) []Command { return []Command{{hostile, "shardyard run -- " + test}} }
	return d
}

// Whatever a test, a message, a commit or a file is called, it is text.
func TestHostileTextIsText(t *testing.T) {
	html := written(t, forged())
	css, script := "<style>", "<script>"
	for what, want := range map[string]int{"<img": 0, "<svg onload": 0, `href="javascript`: 0, script: 1, css: 1, "</script": 2, "\x1b": 0} {
		if n := strings.Count(html, what); n != want {
			t.Errorf("%q is there %d times, want %d", what, n, want)
		}
	}
	if b := unpacked(t, html); b.Files[b.File[0]] != hostile || b.ID[0] != "\u00010" {
		t.Errorf("the list has %q of %q", b.ID[0], b.Files[b.File[0]])
	}
	wellFormed(t, html)
}

// wellFormed reads a page as XML, but for its script and style, so that what is not
// closed shows.
func wellFormed(t *testing.T, html string) {
	t.Helper()
	html = regexp.MustCompile(`(?s)<(style|script)[^>]*>.*?</(style|script)>`).ReplaceAllString(html, "")
	html = regexp.MustCompile(`(<(?:meta|link|input)\b[^>]*)>`).ReplaceAllString(html, "$1/>")
	html = regexp.MustCompile(` (hidden|disabled)([ >])`).ReplaceAllString(strings.TrimPrefix(html, "<!DOCTYPE html>"), ` $1="" $2`)
	html = regexp.MustCompile(` (hidden|disabled)([ >])`).ReplaceAllString(html, ` $1="" $2`)
	dec := xml.NewDecoder(strings.NewReader(html))
	dec.Entity = xml.HTMLEntity
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			at := int(dec.InputOffset())
			t.Fatalf("%v at %q", err, html[max(0, at-200):min(len(html), at+50)])
		}
	}
}

// All but the full list is there without scripts, and drawn without styles.
func TestThePageReadsWithoutScripts(t *testing.T) {
	d := invented(20_000, 4)
	d.Coverage = []File{{Path: "shop/cart.py", Lines: 120, Missing: []int{7, 8, 9, 44}, Source: "a\nb\n"}, {Path: "shop/whole.py", Lines: 3}}
	ran := 81.5
	d.Runs = []Run{{ID: "a", At: d.Report.StartedAt.Add(-time.Hour), Duration: time.Minute, Coverage: &ran}, {ID: "b", Duration: time.Minute, Exit: 1, Failed: 2, Coverage: &ran}}
	d.Commands = func(test string) []Command { return []Command{{"it alone", "shardyard run -- " + shell.Quote(test)}} }
	slow := d.Report.Tests[40]
	d.Past[slow.Test] = slices.Repeat([]Mark{{report.Pass, 100 * time.Microsecond}}, 5)
	d.Report.Tests[40].Attempts[0].Call = report.Millis(900)
	html := written(t, d)
	plain := regexp.MustCompile(`(?s)<(style|script)[^>]*>.*?</(style|script)>`).ReplaceAllString(html, "")
	for _, want := range []string{
		"FAIL</span> 4 of 20 000 tests failed", "4 tests</b> fail the same way", "assert 200 == 404", "passed in the 19 runs before", `aria-label="20 runs, the latest last: passed`, "shardyard run -- &#39;tests/area_",
		"3 tests are flaky", "TimeoutError: no answer", "predicted ", "starting", "What if there were more workers", "Slowest tests", "Slower than in earlier runs", "shop/cart.py", "7–9, 44",
		"1 file is covered in full", "Trend", "Round prices once", "0123456789abcdef0123", "8 processors, 17.2 GB, load 1.5", `fill="#c0222f"`, `fill="#6fa8d8"`, "The list of all tests needs scripts", "94.4 MB",
	} {
		if !strings.Contains(plain, want) {
			t.Errorf("without scripts the page lacks %q", want)
		}
	}
	if strings.Contains(plain, "src=") || strings.Contains(plain, "http:") || strings.Contains(strings.ReplaceAll(html, `"http://www.w3.org/2000/svg"`, ""), "https:") {
		t.Error("the page asks for something")
	}
	wellFormed(t, html)
	b := unpacked(t, html)
	if len(b.ID) != 20_000 || len(b.Test) != len(b.At) || len(b.Test) < 20_000 || len(b.Sources) != 1 {
		t.Errorf("the list has %d tests, %d attempts, %d sources", len(b.ID), len(b.Test), len(b.Sources))
	}
}

func TestAPageIsNoLongerThanItMayBe(t *testing.T) {
	d := invented(300, 2)
	long := strings.Repeat("<", 100) + "\n" // four characters each
	noise := func(n int) string {
		random := rand.New(rand.NewPCG(uint64(n), 1))
		var b strings.Builder
		for b.Len() < n {
			fmt.Fprintln(&b, random.Uint64(), random.Uint64())
		}
		return b.String()
	}
	for i := range 120 {
		x := &d.Report.Tests[i]
		x.Verdict, x.Message = report.Fail, strings.Repeat(string(rune('a'+i%26)), 1+i/26)
		d.Texts[Attempt{x.Test, 1}] = strings.Repeat(long, 2000)
	}
	for i := range 700 {
		d.Coverage = append(d.Coverage, File{Path: fmt.Sprintf("a/%03d.py", i), Lines: 900, Missing: []int{1, 2}, Source: noise(20_000)})
	}
	html := written(t, d)
	if len(html) > maxPage {
		t.Errorf("%d bytes", len(html))
	}
	if n := strings.Count(html, `<article class="card">`); n != maxCards {
		t.Errorf("%d cards, want %d", n, maxCards)
	}
	for _, want := range []string{"failed tests are not shown here", "characters are left out", "200 files are not shown"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if b := unpacked(t, html); len(b.Sources) > 0 {
		t.Errorf("%d sources are left where there is no room", len(b.Sources))
	}
	if text := clip(strings.Repeat("a", 70_000)+"END", maxText); !strings.HasPrefix(text, strings.Repeat("a", 16_000)+"\n[... 6 003 characters are left out ...]\n") || !strings.HasSuffix(text, "END") {
		t.Errorf("a text is cut to %q ... %q", text[:40], text[len(text)-40:])
	}
}

// A run that hardly was one has a page all the same.
func TestAPageOfNothing(t *testing.T) {
	for _, r := range []*report.Report{
		{Run: "a", Exit: report.ExitInfrastructure, Reasons: []report.Reason{{Code: report.ReasonInfrastructure, Exit: 3, Text: "no engine: is docker running?"}}},
		{Run: "b", Exit: report.ExitInterrupted, Workers: []report.Worker{{Worker: 1, Name: "worker-1", Lost: "killed", Ended: report.Millis(10)}}, Tests: []report.Test{{Test: "a"}}},
		{Run: "c"},
	} {
		html := written(t, Data{Report: r})
		wellFormed(t, html)
		html, _, _ = strings.Cut(html, "<script")
		if found := regexp.MustCompile(`.{40}(NaN|[+"]Inf|ZgotmplZ).{40}`).FindString(html); found != "" {
			t.Errorf("run %s: the page has %q", r.Run, found)
		}
	}
}

// TestInvent writes the pages that scripts/viewers looks at, where PAGES names a
// directory.
func TestInvent(t *testing.T) {
	to := os.Getenv("PAGES")
	if to == "" {
		return
	}
	for name, d := range map[string]Data{"large": invented(50_000, 32), "hostile": forged()} {
		began := time.Now()
		html := written(t, d)
		t.Logf("%s: %d bytes in %s", name, len(html), time.Since(began))
		if err := os.WriteFile(filepath.Join(to, name+".html"), []byte(html), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
