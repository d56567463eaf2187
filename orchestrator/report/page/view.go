package page

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/internal/shell"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// A view is what the template shows.
type view struct {
	Policy         string
	Style, Script  template.HTML
	Title          string
	Badge, Verdict string // "FAIL", and its class
	Headline       string
	Extra          string
	Facts          []fact // under the headline
	Numbers        []number
	Reasons        []string
	Advice         []string
	Nav            []link

	Failed      int
	Cards       []card
	MoreCards   int
	Uncollected []Text
	Flaky       []card
	NotRun      []Text
	MoreNotRun  int

	Timeline *timeline
	Findings []finding
	Parts    []share
	Causes   []cause
	Forecast string
	Curve    *chart
	CurveSay string

	Total    int
	Slowest  []row
	Slower   []slower
	Files    []fileRow
	Coverage []coverRow
	Covered  string
	MoreRows int
	Trend    *chart
	TrendSay string
	Measured *chart
	About    []fact
	Notes    []report.Note
	Results  []string
	Workers  []workerRow
	Payload  template.HTML
}

type fact struct {
	Name, Value string
	Code        bool
}

type number struct{ Name, Value, Note string }

type link struct {
	To, Name string
	Count    int
}

// look makes the view of a run.
func look(d Data, lean lean) (*view, error) {
	r := d.Report
	v := &view{Total: len(r.Tests), Results: d.Results}
	var err error
	if v.Policy, v.Style, v.Script, err = head(); err != nil {
		return nil, err
	}
	v.head(d)
	v.failures(d, lean)
	ran := survey(r)
	v.Timeline = draw(r, ran)
	v.Findings = findings(r, ran)
	v.Parts = parts(ran)
	v.causes(r)
	v.Curve, v.CurveSay = curve(r)
	v.slow(d)
	kept := sources(d, lean)
	v.coverage(d, kept)
	v.trend(d)
	v.about(d)
	v.nav()
	packed, err := payload(r, ran, kept)
	v.Payload = template.HTML(packed) //nolint:gosec // base64
	return v, err
}

func (v *view) head(d Data) {
	r, t := d.Report, d.Report.Totals
	v.Badge, v.Verdict = "FAIL", "fail"
	switch r.Exit {
	case report.ExitGreen:
		v.Badge, v.Verdict = "PASS", "pass"
	case report.ExitInterrupted, report.ExitTerminated:
		v.Badge, v.Verdict = "STOPPED", "warn"
	case report.ExitGate, report.ExitEmpty:
		v.Badge, v.Verdict = "GATE", "warn"
		if r.Exit == report.ExitEmpty {
			v.Badge = "NOTHING"
		}
	case report.ExitFailed:
	default:
		v.Badge = "BROKEN"
	}
	all := max(t.Discovered, len(r.Tests))
	switch {
	case t.Failed > 0:
		v.Headline = fmt.Sprintf("%s of %s failed", report.Number(t.Failed), report.Count(all, "test", "tests"))
	case r.Exit == report.ExitGreen:
		v.Headline = report.Count(t.Passed+t.Flaky, "test", "tests") + " passed"
	case len(r.Reasons) > 0:
		v.Headline = report.Clean(r.Reasons[0].Text)
	default:
		v.Headline = report.Count(all, "test", "tests")
	}
	var extra []string
	for _, x := range []struct {
		n    int
		what string
	}{{t.NotRun, "not run"}, {t.Flaky, "flaky"}, {t.Skipped, "skipped"}} {
		if x.n > 0 {
			extra = append(extra, report.Number(x.n)+" "+x.what)
		}
	}
	v.Extra = strings.Join(extra, " · ")
	v.Title = v.Badge + " " + v.Headline
	if d.Name != "" {
		v.Title += " · " + d.Name
	}
	for _, reason := range r.Reasons {
		if reason.Code != report.ReasonFailed && report.Clean(reason.Text) != v.Headline {
			v.Reasons = append(v.Reasons, reason.Text)
		}
	}
	for _, a := range r.Advice {
		v.Advice = append(v.Advice, a.What+": "+a.Do)
	}
	v.facts(d)
	v.numbers(r)
}

func (v *view) facts(d Data) {
	r := d.Report
	add := func(value string, code bool) {
		if value != "" {
			v.Facts = append(v.Facts, fact{Value: value, Code: code})
		}
	}
	name := d.Name
	if r.Suite != "" {
		name += " / " + r.Suite
	}
	add(name, false)
	add(r.Branch, false)
	add(short(r.Commit), true)
	add(r.Subject, false)
	if r.Dirty {
		add("with changes", false)
	}
	if !r.StartedAt.IsZero() {
		add(r.StartedAt.UTC().Format("2 Jan 2006, 15:04 UTC"), false)
	}
	n := len(r.Workers)
	if p := r.Plan; p != nil && p.Workers > 0 && p.Workers < n {
		add(fmt.Sprintf("%s and %d later", report.Count(p.Workers, "worker", "workers"), n-p.Workers), false)
	} else if n > 0 {
		add(report.Count(n, "worker", "workers"), false)
	}
	add(r.Engine, false)
	add(r.Framework, false)
	add(r.Runtime, false)
}

func (v *view) numbers(r *report.Report) {
	t := r.Times
	wall := number{"wall clock", span(t.Duration.Std()), ""}
	if t.Predicted > 0 {
		wall.Note = "predicted " + span(t.Predicted.Std())
	}
	quick := number{"faster than one worker", "–", "one worker's time is not known"}
	if t.Speedup > 0 {
		quick.Value, quick.Note = fmt.Sprintf("%.1f×", t.Speedup), "about "+span(t.Serial.Std())+" alone"
		if t.SerialMeasured {
			quick.Note = span(t.Serial.Std()) + " alone, measured"
		}
	}
	balance := number{"balance", "–", ""}
	if t.Balance > 0 {
		balance.Value, balance.Note = percent(t.Balance, 1), "longest test "+span(t.Longest.Std())
	}
	cover := number{"coverage", "–", "not measured"}
	if c := r.Coverage; c != nil {
		cover.Value, cover.Note = report.Percent(c.Percent), "complete"
		switch {
		case !c.Complete:
			cover.Note = "not complete"
		case c.FailUnder > 0:
			cover.Note = "limit " + report.Percent(c.FailUnder)
		}
	}
	flaky := number{"flaky", report.Number(r.Totals.Flaky), "failed, then passed"}
	if r.Totals.Flaky == 0 {
		flaky.Note = "none was seen"
	}
	cache := number{"cache", cmp.Or(t.Cache, "–"), "nothing is built"}
	switch {
	case t.Saved > 0:
		cache.Note = "saved " + span(t.Saved.Std())
	case t.Cache != "":
		cache.Note = "nothing was saved"
	}
	v.Numbers = []number{wall, quick, balance, cover, flaky, cache}
}

func (v *view) nav() {
	add := func(to, name string, count int, there bool) {
		if there {
			v.Nav = append(v.Nav, link{to, name, count})
		}
	}
	add("failures", "Failures", v.Failed+len(v.Uncollected), len(v.Cards)+len(v.Uncollected) > 0)
	add("not-run", "Not run", len(v.NotRun)+v.MoreNotRun, len(v.NotRun) > 0)
	add("flaky", "Flaky", len(v.Flaky), len(v.Flaky) > 0)
	add("timeline", "Timeline", 0, v.Timeline != nil)
	add("time", "Where time goes", 0, len(v.Parts) > 0)
	add("tests", "Tests", v.Total, v.Total > 0)
	add("slow", "Slow", 0, len(v.Slowest) > 0)
	add("coverage", "Coverage", 0, v.Covered != "")
	add("trend", "Trend", 0, v.Trend != nil)
	add("about", "About this run", 0, true)
}

func (v *view) about(d Data) {
	r := d.Report
	add := func(name, value string, code bool) {
		if value != "" {
			v.About = append(v.About, fact{name, value, code})
		}
	}
	add("run", r.Run, true)
	add("project", d.Name, false)
	add("suite", r.Suite, false)
	add("arguments", words(r.Args), true)
	add("branch", r.Branch, false)
	add("commit", r.Commit, true)
	add("subject", r.Subject, false)
	add("author", r.Author, false)
	add("tree", r.Tree, true)
	if r.Dirty {
		add("", "the tree differs from the commit", false)
	}
	add("engine", r.Engine, false)
	add("image", r.Image, false)
	add("", r.ImageNote, false)
	add("framework", r.Framework, false)
	add("runtime", r.Runtime, false)
	if r.CPUs > 0 {
		machine := report.Count(r.CPUs, "processor", "processors")
		if r.Memory > 0 {
			machine += ", " + report.Bytes(r.Memory)
		}
		if r.Load > 0 {
			machine += fmt.Sprintf(", load %.1f at the start", r.Load)
		}
		add("machine", machine, false)
	}
	if r.Times.Waited.Std() >= time.Second { // less is nobody's concern
		add("waited", span(r.Times.Waited.Std())+" for another run", false)
	}
	add("shardyard", r.Version, false)
	add("exit status", fmt.Sprint(r.Exit), false)
	v.Notes = r.Notes[:min(len(r.Notes), maxSaid)]
	for _, w := range r.Workers {
		v.Workers = append(v.Workers, workerOf(r, w))
	}
}

// words are arguments as a shell would be given them, with quotes where they matter to
// the eye.
func words(args []string) string {
	list := slices.Clone(args)
	for i, a := range list {
		if strings.ContainsAny(a, ` '"$`) {
			list[i] = shell.Quote(a)
		}
	}
	return strings.Join(list, " ")
}

// A workerRow is a worker in the table about the run.
type workerRow struct {
	Name, Mode, Host  string
	Planned, Busy     string
	Tests, Took, Gave int
	Collected, Ready  string
	Memory, Lost      string
}

func workerOf(r *report.Report, w report.Worker) workerRow {
	row := workerRow{
		Name: w.Name, Mode: w.Mode, Host: w.Host, Busy: span(w.Busy.Std()), Tests: len(w.Order), Collected: span((w.Collected + w.Collect).Std()),
		Ready: span(w.Ready.Std()), Lost: w.Lost,
	}
	if p := r.Plan; p != nil {
		for _, s := range p.Shards {
			if s.Worker == w.Worker {
				row.Planned = span(s.Load.Std())
			}
		}
	}
	for _, s := range r.Steals {
		if s.To == w.Worker {
			row.Took += s.Tests
		}
		if s.From == w.Worker {
			row.Gave += s.Tests
		}
	}
	if w.PeakMemory > 0 {
		row.Memory = report.Bytes(w.PeakMemory)
	}
	return row
}

// fileRow is a file in the table of slow ones.
type fileRow struct {
	Path  string
	Tests int
	Took  time.Duration
}
