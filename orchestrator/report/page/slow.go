package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A row is a test in a table.
type row struct {
	Path, Name string
	Took       string
	Where      string
}

// slower is a test that took longer than it used to.
type slower struct {
	Path, Name       string
	Now, Usual, Lost string
}

func (v *view) slow(d Data) {
	type timed struct {
		test *report.Test
		took time.Duration
	}
	var all []timed
	files := map[string]*fileRow{}
	r := d.Report
	for i := range r.Tests {
		t := &r.Tests[i]
		last := t.Last()
		if last == nil || last.Run != "" {
			continue
		}
		all = append(all, timed{t, last.Total()})
		f := files[t.File]
		if f == nil {
			f = &fileRow{Path: t.File}
			files[t.File] = f
		}
		f.Tests++
		f.Took += last.Total()
	}
	slices.SortStableFunc(all, func(a, b timed) int { return cmp.Compare(b.took, a.took) })
	for _, t := range all[:min(len(all), maxSlow)] {
		x := row{Took: span(t.took), Where: report.WorkerName(t.test.Last().Worker)}
		x.Path, x.Name = part(t.test.Test)
		v.Slowest = append(v.Slowest, x)
	}
	v.slower(d)
	for _, f := range files {
		if f.Path != "" {
			v.Files = append(v.Files, *f)
		}
	}
	slices.SortFunc(v.Files, func(a, b fileRow) int { return cmp.Or(cmp.Compare(b.Took, a.Took), cmp.Compare(a.Path, b.Path)) })
	v.Files = v.Files[:min(len(v.Files), maxSlow)]
}

// slower finds tests that took longer than in the median of at least three earlier runs.
func (v *view) slower(d Data) {
	type drift struct {
		slower
		by time.Duration
	}
	var all []drift
	for i := range d.Report.Tests {
		t := &d.Report.Tests[i]
		last := t.Last()
		var before []time.Duration
		for _, m := range d.Past[t.Test] {
			if m.Verdict == report.Pass {
				before = append(before, m.Took)
			}
		}
		if last == nil || last.Run != "" || len(before) < 3 || t.Verdict != report.Pass {
			continue
		}
		slices.Sort(before)
		usual, now := before[len(before)/2], last.Total()
		if now < usual || !report.Differ(usual, now) {
			continue
		}
		x := drift{by: now - usual, slower: slower{Now: span(now), Usual: span(usual), Lost: fmt.Sprintf("%.1f×", float64(now)/float64(max(usual, time.Microsecond)))}}
		x.Path, x.Name = part(t.Test)
		all = append(all, x)
	}
	slices.SortStableFunc(all, func(a, b drift) int { return cmp.Compare(b.by, a.by) })
	for _, x := range all[:min(len(all), maxSlow)] {
		v.Slower = append(v.Slower, x.slower)
	}
}
