// Package trace writes runs as a file of trace events, the format of Chrome that
// Perfetto, chrome://tracing, speedscope and others open: the steps of a run, and what
// each of its workers did when.
package trace

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A document is the whole file.
type document struct {
	Events []event        `json:"traceEvents"`
	Unit   string         `json:"displayTimeUnit"`
	About  map[string]any `json:"otherData"`
}

// An event is one trace event; times are microseconds.
type event struct {
	Name    string         `json:"name"`
	Kind    string         `json:"cat,omitempty"`
	Phase   string         `json:"ph"` // X has a start and a length, i is a moment, M names something
	At      int64          `json:"ts"`
	Took    *int64         `json:"dur,omitempty"`
	Process int            `json:"pid"`
	Thread  int            `json:"tid"`
	Scope   string         `json:"s,omitempty"`
	Color   string         `json:"cname,omitempty"` // of chrome://tracing
	Args    map[string]any `json:"args,omitempty"`
}

// Save writes the trace of runs to a file, packed where its name ends in .gz.
func Save(path string, runs ...*report.Report) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if !strings.HasSuffix(path, ".gz") {
		return Write(f, runs...)
	}
	packed := gzip.NewWriter(f)
	return errors.Join(Write(packed, runs...), packed.Close())
}

// Write writes the trace of runs, which share one axis of time.
func Write(w io.Writer, runs ...*report.Report) error {
	doc := document{Unit: "ms", Events: []event{}, About: map[string]any{}}
	var ids []string
	var first time.Time
	for _, r := range runs {
		ids = append(ids, r.Run)
		if at := r.StartedAt; !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	doc.About["runs"] = ids
	for i, r := range runs {
		d := drawing{report: r, process: 2*i + 1}
		if !r.StartedAt.IsZero() {
			d.start = r.StartedAt.Sub(first)
		}
		d.steps()
		d.workers()
		doc.Events = append(doc.Events, d.events...)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	return nil
}

// A drawing becomes the events of one run: a process for its steps and, behind it, one
// for its workers, each of which is a thread.
type drawing struct {
	report  *report.Report
	process int
	start   time.Duration // of the run, on the file's axis
	events  []event
}

// A slice is something with a start and a length on a worker.
type slice struct {
	at, took time.Duration
	event    event
	parts    [3]time.Duration // of a test: setup, call, teardown
}

func (d *drawing) name(what string, process, thread int, name string) {
	d.events = append(d.events, event{Name: what, Phase: "M", Process: process, Thread: thread, Args: map[string]any{"name": name}})
}

func (d *drawing) micros(at time.Duration) int64 { return (d.start + at).Microseconds() }

// title is what a run is called.
func (d *drawing) title() string {
	parts := []string{filepath.Base(d.report.Project), d.report.Suite, d.report.Run}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" || s == "." }), " ")
}

// steps draws the pipeline. Steps that overlap stand on threads of their own: what is
// on one thread must nest.
func (d *drawing) steps() {
	d.name("process_name", d.process, 0, d.title()+": steps")
	var free []time.Duration
	for _, s := range d.report.Steps {
		row := slices.IndexFunc(free, func(end time.Duration) bool { return end <= s.Started.Std() })
		if row < 0 {
			row, free = len(free), append(free, 0)
			d.name("thread_name", d.process, row+1, "steps")
		}
		free[row] = (s.Started + s.Duration).Std()
		args := map[string]any{"cached": s.Cached}
		for key, text := range map[string]string{"detail": s.Detail, "error": s.Error} {
			if text != "" {
				args[key] = text
			}
		}
		d.events = append(d.events, event{
			Name: s.Name, Kind: "step", Phase: "X", At: d.micros(s.Started.Std()), Took: new(s.Duration.Std().Microseconds()), Process: d.process, Thread: row + 1, Args: args,
		})
	}
}

// workers draws what each worker did.
func (d *drawing) workers() {
	d.name("process_name", d.process+1, 0, d.title()+": workers")
	lanes := map[int][]slice{}
	for i := range d.report.Workers {
		w := &d.report.Workers[i]
		lanes[w.Worker] = phases(w)
	}
	for i := range d.report.Tests {
		t := &d.report.Tests[i]
		for k := range t.Attempts {
			if a := &t.Attempts[k]; a.Run == "" {
				lanes[a.Worker] = append(lanes[a.Worker], attempt(t, a))
			}
		}
	}
	for i := range d.report.Workers {
		w := &d.report.Workers[i]
		d.name("thread_name", d.process+1, w.Worker, w.Name)
		d.lane(w.Worker, lanes[w.Worker])
		if w.Lost != "" {
			d.moment(w.Worker, w.Ended, "lost: "+w.Lost)
		}
	}
	for _, s := range d.report.Steals {
		d.moment(s.To, s.At, fmt.Sprintf("took %s over from %s", report.Count(s.Tests, "test", "tests"), report.WorkerName(s.From)))
	}
}

func (d *drawing) moment(thread int, at report.Duration, name string) {
	d.events = append(d.events, event{Name: name, Phase: "i", Scope: "t", At: d.micros(at.Std()), Process: d.process + 1, Thread: thread})
}

// lane draws the slices of a worker, none of which begins before the one before it has
// ended: viewers draw no others.
func (d *drawing) lane(thread int, list []slice) {
	slices.SortStableFunc(list, func(a, b slice) int { return cmp.Compare(a.at, b.at) })
	var free time.Duration
	for _, s := range list {
		at := max(s.at, free)
		end := max(s.at+s.took, at)
		free = end
		e := s.event
		e.Phase, e.Process, e.Thread = "X", d.process+1, thread
		e.At = d.micros(at)
		e.Took = new(d.micros(end) - e.At)
		d.events = append(d.events, e)
		if at == s.at && (s.parts[0] >= time.Millisecond || s.parts[2] >= time.Millisecond) {
			d.parts(e, at, s.parts)
		}
	}
}

// parts draws setup, call and teardown of a test below it.
func (d *drawing) parts(of event, at time.Duration, parts [3]time.Duration) {
	for i, name := range []string{"setup", "call", "teardown"} {
		from := d.micros(at)
		at += parts[i]
		if parts[i] > 0 {
			d.events = append(d.events, event{Name: name, Kind: "phase", Phase: "X", At: from, Took: new(d.micros(at) - from), Process: of.Process, Thread: of.Thread})
		}
	}
}

// phases are what a worker did besides tests.
func phases(w *report.Worker) (list []slice) {
	add := func(name string, at, end report.Duration, args map[string]any) {
		if end > at {
			list = append(list, slice{at: at.Std(), took: (end - at).Std(), event: event{Name: name, Kind: "worker", Args: args}})
		}
	}
	ready := cmp.Or(w.Ready, w.Started)
	session := cmp.Or(w.Started, ready)
	if w.Collected > 0 {
		session = ready - w.Collected
	}
	if w.Asked > 0 || w.Greeted > 0 {
		add("starting", w.Asked, session, nil)
	}
	add("collecting", session, ready, nil)
	for _, c := range w.Collects {
		add("collecting", c.At, c.At+c.Duration, map[string]any{"file": c.File})
	}
	return list
}

// attempt is one execution of a test.
func attempt(t *report.Test, a *report.Attempt) slice {
	args := map[string]any{"outcome": a.Outcome, "verdict": t.Verdict, "attempt": a.Attempt}
	if t.File != "" {
		args["file"] = t.File
	}
	if a.Message != "" {
		args["message"] = a.Message
	}
	if a.Estimate > 0 {
		args["planned_ms"] = (a.Estimate + a.FixturesEstimate)
	}
	s := slice{
		at: a.Began(), took: a.Total(), event: event{Name: t.Test, Kind: "test", Args: args},
		parts: [3]time.Duration{a.Setup.Std(), a.Call.Std(), a.Teardown.Std()},
	}
	if report.VerdictOf(a.Outcome) == report.Fail {
		s.event.Color = "terrible"
	}
	return s
}
