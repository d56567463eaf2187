package page

import (
	"cmp"
	"slices"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A run is what ran where and when. Times are milliseconds since its start.
type run struct {
	rows      []*lane
	end       float64 // of the run
	first     float64 // when the first test began
	last      float64 // when the last test ended
	predicted float64 // 0 is unknown
	attempts  int
}

// A lane is one worker.
type lane struct {
	worker  *report.Worker
	planned bool    // the plan counted on it
	session float64 // its session begins to collect
	ready   float64 // it takes tests
	blocks  []block
	last    float64 // when its last test ended; ready if none did
	busy    float64 // its tests' time
	collect float64 // collecting, all of it
}

// A block is one attempt at a test.
type block struct {
	test     int // in Report.Tests
	attempt  *report.Attempt
	at, took float64
	kind     kind
}

// kind is what a block shows.
type kind int

const (
	fine kind = iota
	failed
	flaky
	skipped
)

// survey finds out what ran where and when.
func survey(r *report.Report) *run {
	s := &run{end: millis(r.Times.Duration), predicted: millis(r.Times.Predicted)}
	byNumber := map[int]*lane{}
	count := len(r.Workers)
	if r.Plan != nil && r.Plan.Workers > 0 {
		count = r.Plan.Workers
	}
	for i := range r.Workers {
		w := &r.Workers[i]
		l := &lane{worker: w, planned: w.Worker <= count, ready: millis(cmp.Or(w.Ready, w.Started)), collect: millis(w.Collected + w.Collect)}
		l.session = l.ready - millis(w.Collected)
		if w.Collected == 0 && w.Started > 0 {
			l.session = millis(w.Started)
		}
		l.last = l.ready
		byNumber[w.Worker] = l
		s.rows = append(s.rows, l)
	}
	for i := range r.Tests {
		t := &r.Tests[i]
		for k := range t.Attempts {
			a := &t.Attempts[k]
			l := byNumber[a.Worker]
			if l == nil || a.Run != "" {
				continue
			}
			b := block{test: i, attempt: a, at: millis(report.Duration(a.Began())), took: float64(a.Total().Microseconds()) / 1000, kind: kindOf(t, a)}
			l.blocks = append(l.blocks, b)
			l.busy += b.took
			l.last = max(l.last, b.at+b.took)
			s.attempts++
		}
	}
	for _, l := range s.rows {
		slices.SortFunc(l.blocks, func(a, b block) int { return cmp.Or(cmp.Compare(a.at, b.at), a.test-b.test) })
		if len(l.blocks) > 0 {
			if begun := l.blocks[0].at; s.first == 0 || begun < s.first {
				s.first = begun
			}
			s.last = max(s.last, l.last)
		}
	}
	s.end = max(s.end, s.last, 1)
	return s
}

func kindOf(t *report.Test, a *report.Attempt) kind {
	switch v := report.VerdictOf(a.Outcome); {
	case v == report.Fail && t.Verdict == report.Flaky:
		return flaky
	case v == report.Fail && !a.Void && (!a.Tentative || t.Verdict == report.Fail):
		return failed
	case v == report.Skip:
		return skipped
	}
	return fine
}

// planned are the lanes that the plan counted on; all where it counted on none.
func (s *run) planned() (list []*lane) {
	for _, l := range s.rows {
		if l.planned {
			list = append(list, l)
		}
	}
	return list
}
