package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// Totals counts what is known now, without copying the tests.
func (s *State) Totals() Totals {
	t := Totals{
		Discovered: max(s.discovered.Tests, len(s.tests)),
		Passed:     s.verdicts[Pass],
		Failed:     s.verdicts[Fail],
		Skipped:    s.verdicts[Skip],
		Flaky:      s.verdicts[Flaky],
		NotRun:     s.verdicts[NotRun],

		Deselected:    s.discovered.Deselected,
		CollectErrors: s.discovered.Errors,
		Uncollected:   slices.Clone(s.discovered.Broken),
		CollectStop:   s.discovered.Stop,
		Unknown:       s.planned.Unknown,
	}
	for o, n := range s.outcomes {
		if n == 0 {
			continue
		}
		if t.Outcomes == nil {
			t.Outcomes = make(map[worker.Outcome]int)
		}
		t.Outcomes[o] = n
	}
	return t
}

// Report returns the run as known now.
func (s *State) Report() *Report {
	r := &Report{
		Format: Format, Run: s.run.Run, Version: s.run.Version, Suite: s.run.Suite, Project: s.run.Project,
		Root: s.sourced.Root, Args: slices.Clone(s.run.Args), Engine: s.based.Engine, Image: s.based.Image,
		ImageNote: s.based.ImageNote, Tree: s.sourced.Tree, Commit: s.sourced.Commit, Dirty: s.sourced.Dirty,
		Branch: s.sourced.Branch, Subject: s.sourced.Subject, Author: s.sourced.Author,
		CPUs: s.based.CPUs, Memory: s.based.Memory, Load: s.based.Load, Curve: slices.Clone(s.curve), Steals: slices.Clone(s.stolen),
		Framework: cmp.Or(s.runs.Framework, s.run.Framework), Runtime: s.runs.Runtime, StartedAt: s.run.StartedAt, FailOn: slices.Clone(s.run.FailOn),
		Totals: s.Totals(), Faults: slices.Clone(s.faults), Advice: slices.Clone(s.advice), Artifacts: slices.Clone(s.gathered.Artifacts), Notes: slices.Clone(s.notes), Steps: slices.Clone(s.steps),
	}
	if s.installed.Environment != "" {
		i := s.installed
		r.Installed = &i
	}
	r.Coverage, r.Concluded, r.Stopped = clone(s.coverage), clone(s.concluded), clone(s.stopped)
	for _, n := range s.Workers() {
		w := *s.workers[n]
		w.Order, w.Collects = slices.Clone(w.Order), slices.Clone(w.Collects)
		if w.Order == nil {
			w.Order = []string{}
		}
		r.Workers = append(r.Workers, w)
	}
	for _, t := range s.tests {
		c := *t
		c.Attempts = slices.Clone(t.Attempts)
		r.Tests = append(r.Tests, c)
	}
	if s.planned.Workers > 0 {
		r.Plan = &Plan{Workers: s.planned.Workers, Shards: slices.Clone(s.planned.Shards)}
	}
	r.Times = s.times(r)
	if s.end != nil {
		r.Finished, r.Exit, r.Reasons = true, s.end.Exit, slices.Clone(s.end.Reasons)
	} else {
		r.Exit, r.Reasons = ExitCode(r)
	}
	r.Forecast = s.forecast(r)
	return r
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

func (s *State) times(r *Report) Times {
	t := Times{Duration: Duration(s.at), Predicted: s.planned.Predicted, Makespan: s.planned.Makespan, Collecting: s.discovered.Duration}
	if s.end != nil && s.end.Duration > 0 {
		t.Duration = s.end.Duration
	}
	for i := range r.Tests {
		for _, a := range r.Tests[i].Attempts {
			if a.Run == "" {
				t.Longest = max(t.Longest, Duration(a.Total()))
			}
		}
	}
	var busiest Duration
	var all gaps
	for _, w := range r.Workers {
		all.add(w.gaps)
		t.Total += w.Busy
		busiest = max(busiest, w.Busy)
		if ended := w.Ended; ended > 0 {
			t.Alive += ended - w.Started
		} else {
			t.Alive += Duration(s.at) - w.Started
		}
	}
	t.PerTest = all.mean()
	n := s.workerCount()
	if n > 0 {
		t.LowerBound = max(t.Total/Duration(n), t.Longest)
		if busiest > 0 {
			t.Balance = min(float64(t.Total)/(float64(n)*float64(busiest)), 1)
		}
	}
	t.Cache, t.Saved = cacheOf(s.steps)
	for _, st := range s.steps {
		t.Waited += st.Waited
		if slices.Contains(cacheable, st.Name) && !st.Cached {
			t.Installing += st.Duration
		}
	}
	s.serial(&t, n)
	return t
}

// serial is measured by this very run when it had one worker, else what the
// plan said, else the sum of this run's times; a plan without history leaves
// it unknown, since what a session costs beside its tests is not known either.
// All of these are times with everything installed.
func (s *State) serial(t *Times, workers int) {
	switch {
	case workers == 1 && s.end != nil:
		t.Serial, t.SerialMeasured = t.Installed(), true
	case s.planned.Serial > 0:
		t.Serial, t.SerialMeasured = s.planned.Serial, s.planned.SerialMeasured
	case s.planned.Unknown == 0:
		t.Serial = t.Total
	}
	if took := t.Installed(); took > 0 && t.Serial > 0 {
		t.Speedup = float64(t.Serial) / float64(took)
	}
}

// workerCount returns how many workers the run had at once: as planned, or else
// those that were not lost.
func (s *State) workerCount() int {
	n := s.planned.Workers
	if n == 0 {
		n = s.staffed.Workers
	}
	if n > 0 {
		return n
	}
	for _, w := range s.workers {
		if w.Lost == "" {
			n++
		}
	}
	return n
}

// cacheable steps are those that a warm cache spares.
var cacheable = []string{"environment", "prepare"}

func cacheOf(steps []Step) (state string, saved Duration) {
	var cached, all int
	for _, st := range steps {
		if !st.Done || st.Error != "" || !slices.Contains(cacheable, st.Name) {
			continue
		}
		all++
		if st.Cached {
			cached++
			saved += max(st.Saved-st.Duration, 0)
		}
	}
	switch {
	case all == 0:
		return "", 0
	case cached == all:
		return "warm", saved
	case cached == 0:
		return "cold", 0
	default:
		return "partly warm", saved
	}
}

// Running returns the tests that run now, by worker.
func (s *State) Running() map[int]string {
	running := make(map[int]string)
	for n, w := range maps.All(s.workers) {
		if w.Running != "" && w.Lost == "" && w.Ended == 0 {
			running[n] = w.Running
		}
	}
	return running
}

// Elapsed returns the time of the last event.
func (s *State) Elapsed() time.Duration { return s.at }

// Installed has the keys of the layers; zero before they are known.
func (s *State) Installed() Installed { return s.installed }
