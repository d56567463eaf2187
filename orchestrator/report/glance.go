package report

import (
	"maps"
	"slices"
	"time"
)

// A Glance is the run at a moment as its scheduler sees it: what events do not say,
// for those who watch the run. It is in no log. The zero Glance knows nothing.
type Glance struct {
	At Duration `json:"at_ms"` // since the start of the run
	// End is when the run should end; 0 if that is not known.
	End Duration `json:"end_ms,omitempty"`
	// Work is the estimate of all tests, Worked of those with a verdict.
	Work   Duration `json:"work_ms,omitempty"`
	Worked Duration `json:"worked_ms,omitempty"`
	// Tests counts the tests, Unknown those without history.
	Tests   int        `json:"tests,omitempty"`
	Unknown int        `json:"unknown,omitempty"`
	Workers []Standing `json:"workers,omitempty"`
}

// A Standing is what the scheduler knows of one worker.
type Standing struct {
	Worker   int    `json:"worker"`
	Expected bool   `json:"expected,omitempty"` // it takes no tests yet
	Released bool   `json:"released,omitempty"` // it gets no more tests
	Test     string `json:"test,omitempty"`     // that runs
	// Usually is what Test took there in earlier runs; 0 is unknown.
	Usually Duration `json:"usually_ms,omitempty"`
	Next    string   `json:"next,omitempty"` // the file of the test that runs next, while none does
	// Taken counts the tests that it took over from another worker last, at TakenAt.
	Taken   int      `json:"taken,omitempty"`
	TakenAt Duration `json:"taken_at_ms,omitempty"`
	// Replacement is the worker that came for this one when it was lost; 0 for none.
	Replacement int `json:"replacement,omitempty"`
}

// estimated reports whether most tests have history.
func (g *Glance) estimated() bool { return g.Work > 0 && g.Unknown*2 <= g.Tests }

// Doing is what a worker is at.
type Doing int

// What a worker may be at.
const (
	Starting   Doing = iota // its place is being made, or its session begins
	Collecting              // the suite, or the file Lane.What
	Running                 // the test Lane.What
	Idle                    // nothing
	Lost                    // it is gone before its time, for the cause Lane.What
	Over                    // it has ended, or gets no more tests
)

// A Lane is one worker at a moment.
type Lane struct {
	Worker int
	Doing  Doing
	What   string
	Since  time.Duration // when it began with that, since the start of the run
	// Busy is its tests' time so far, without the one that runs; Load what was planned
	// for it, 0 if that is not known.
	Busy, Load time.Duration
	Usually    time.Duration // what the running test took in earlier runs; 0 is unknown
	// Taken counts the tests that it took over last, at TakenAt.
	Taken       int
	TakenAt     time.Duration
	Replacement int // the worker that came for it when it was lost; 0 for none
}

// Lanes returns the workers that the run has asked for, by number. What g knows
// besides may be a moment old.
func (s *State) Lanes(g Glance) []Lane {
	standing := map[int]Standing{}
	for _, w := range g.Workers {
		standing[w.Worker] = w
	}
	numbers := map[int]bool{}
	for n := range max(s.staffed.Workers, 0) {
		numbers[n+1] = true
	}
	for n := range s.workers {
		numbers[n] = true
	}
	for n := range standing {
		numbers[n] = true
	}
	load := map[int]time.Duration{}
	for _, sh := range s.planned.Shards {
		load[sh.Worker] = sh.Load.Std()
	}
	lanes := make([]Lane, 0, len(numbers))
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		l := s.lane(n, standing[n])
		l.Load = load[n]
		lanes = append(lanes, l)
	}
	return lanes
}

func (s *State) lane(n int, known Standing) Lane {
	l := Lane{Worker: n, Taken: known.Taken, TakenAt: known.TakenAt.Std(), Replacement: known.Replacement}
	w := s.workers[n]
	if w == nil {
		if known.Released {
			l.Doing = Over
		}
		return l
	}
	l.Busy, l.Since = w.Busy.Std(), max(w.Started, w.Ready, w.gaps.last).Std()
	switch {
	case w.Lost != "":
		l.Doing, l.What, l.Since = Lost, w.Lost, w.Ended.Std()
	case w.Ended > 0:
		l.Doing, l.Since = Over, w.Ended.Std()
	case w.Running != "":
		l.Doing, l.What, l.Since = Running, w.Running, w.since.Std()
		if known.Test == w.Running {
			l.Usually = known.Usually.Std()
		}
	case known.Released:
		l.Doing = Over
	case w.Started == 0:
	case w.Ready == 0:
		l.Doing = Collecting
	case known.Next != "":
		l.Doing, l.What = Collecting, known.Next
	default:
		l.Doing = Idle
	}
	return l
}

// Share returns how much of the run's tests is done, from 0 to 1: of their estimated
// time where most of them have history, else of their number.
func (s *State) Share(g Glance) float64 {
	t := s.Totals()
	done := t.Judged() - t.NotRun
	switch total := s.load(); {
	case t.Discovered == 0:
		return 0
	case done == t.Discovered:
		return 1
	case total > 0:
		return min(float64(s.worked)/float64(total), 0.99)
	case g.estimated():
		return min(float64(g.Worked)/float64(g.Work), 0.99)
	}
	return float64(done) / float64(t.Discovered)
}

// load returns what was planned for all workers; 0 if that is not known.
func (s *State) load() (sum Duration) {
	for _, sh := range s.planned.Shards {
		sum += sh.Load
	}
	return sum
}

// LeftOf returns the time that the run should still take: as the scheduler sees it,
// else as Left does.
func (s *State) LeftOf(g Glance, elapsed time.Duration) (time.Duration, bool) {
	if g.End > 0 && g.estimated() {
		return max(g.End.Std()-elapsed, 0), true
	}
	return s.Left(elapsed)
}

// Predicted returns the wall clock that was predicted for the run; 0 for none.
func (s *State) Predicted() time.Duration { return s.planned.Predicted.Std() }
