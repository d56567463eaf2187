package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// State is the fold of a run's events. The zero State is a run of which
// nothing is known. It has one owner: it must not be used concurrently.
type State struct {
	run     RunStarted
	sourced Sourced
	based   Based
	staffed Staffed
	// installed has the keys of the layers.
	installed Installed
	runs      WorkerStarted // the first that said with what it runs tests
	planned   Planned
	end       *RunFinished
	at        time.Duration // of the last event

	discovered Discovered
	inventory  Inventoried
	coverage   *Coverage
	gathered   Gathered
	concluded  *Concluded
	stopped    *Stopped
	faults     []Fault
	advice     []Advised
	notes      []Note
	steps      []Step
	attached   map[int]WorkerAttached
	stolen     []Steal
	curve      []Point
	workers    map[int]*Worker
	tests      []*Test // in order of appearance
	byID       map[string]*Test
	worked     Duration // estimates of the tests that have run
	verdicts   map[Verdict]int
	outcomes   map[worker.Outcome]int
}

// NewState returns a state of which nothing is known.
func NewState() *State { return new(State) }

// Apply folds one event in. An event that does not fit the ones before it (an end
// without a start) is applied as far as it goes; none is an error.
func (s *State) Apply(e Event) {
	s.at = max(s.at, e.At)
	switch b := e.Body.(type) {
	case RunStarted:
		s.run = b
	case Sourced:
		s.sourced = b
	case Based:
		s.based = b
	case Installed:
		s.installed = b
	case Staffed:
		s.staffed = b
	case Note:
		s.notes = append(s.notes, b)
	case StepStarted:
		s.steps = append(s.steps, Step{Name: b.Name, Started: Duration(e.At)})
	case StepFinished:
		s.finishStep(b, e.At)
	case WorkerStarted:
		w := s.worker(b.Worker)
		w.Mode, w.Host, w.Started = b.Mode, b.Host, Duration(e.At)
		if there, ok := s.attached[b.Worker]; ok {
			w.Asked, w.Created, w.Greeted = there.Asked, there.Created, there.Greeted
		}
		if s.runs.Framework == "" {
			s.runs = b
		}
	case WorkerAttached:
		if s.attached == nil {
			s.attached = make(map[int]WorkerAttached)
		}
		s.attached[b.Worker] = b // one that is not needed any more has no other event
	case Stolen:
		s.stolen = append(s.stolen, Steal{At: Duration(e.At), Stolen: b})
	case Curved:
		s.curve = b.Points
	case WorkerReady:
		w := s.worker(b.Worker)
		w.Ready, w.Collected = Duration(e.At), b.Collected
	case WorkerLost:
		w := s.worker(b.Worker)
		w.Lost, w.Code, w.OOM, w.Ended = b.Cause, b.Code, b.OOM, Duration(e.At)
		if b.Test != "" {
			w.Running = b.Test
		}
	case WorkerClosed:
		w := s.worker(b.Worker)
		w.Code, w.Ended, w.Running = b.Code, Duration(e.At), ""
		w.Unexplained, w.Closing, w.PeakMemory = b.Unexplained, b.Closing, b.PeakMemory
	case Output:
		if b.Dropped > 0 {
			s.worker(b.Worker).Dropped += b.Dropped
		}
	case Died:
		w := s.worker(b.Worker)
		w.Died = append(w.Died, b)
	case Discovered:
		s.discovered = b
	case Inventoried:
		s.inventory = b
	case Planned:
		s.planned = b
	case TestStarted:
		s.startTest(b, e.At)
	case TestFinished:
		s.finishTest(b, e.At)
	case Evidence:
		s.hear(b, e.At)
	case Dropped:
		s.drop(b.Tests)
	case Rejected:
		s.reject(b)
	case Judged:
		t := s.test(b.Test)
		s.judge(t, b.Verdict)
		t.Reason, t.Reports = b.Reason, b.Reports
		if b.Verdict == NotRun {
			s.forget(b.Test)
		}
	case Carried:
		s.carry(b)
	case Covered:
		c := Coverage(b)
		s.coverage = &c
	case Gathered:
		s.gathered = b
	case Concluded:
		s.concluded = &b
	case Stopped:
		s.stop(b)
	case Fault:
		s.faults = append(s.faults, b)
	case Advised:
		s.advice = append(s.advice, b)
	case RunFinished:
		s.end = &b
	}
}

func keep[T comparable](now *T, old T) {
	var zero T
	if *now == zero {
		*now = old
	}
}

func (s *State) finishStep(b StepFinished, at time.Duration) {
	i := len(s.steps) - 1
	for i >= 0 && (s.steps[i].Name != b.Name || s.steps[i].Done) {
		i--
	}
	if i < 0 {
		s.steps = append(s.steps, Step{Name: b.Name, Started: Duration(max(at-b.Duration.Std(), 0))})
		i = len(s.steps) - 1
	}
	st := &s.steps[i]
	st.Done, st.Cached, st.Duration, st.Saved = true, b.Cached, b.Duration, b.Saved
	st.Detail, st.Error, st.Waited = b.Detail, b.Error, b.Waited
}

func (s *State) startTest(b TestStarted, at time.Duration) {
	t := s.test(b.Test)
	keep(&t.File, b.File)
	w := s.worker(b.Worker)
	w.runs, w.began = b.Test, b.Began
	if b.Collected > 0 {
		began := max(cmp.Or(b.Began, Duration(at))-b.Collected, 0)
		w.Collects = append(w.Collects, Collection{At: began, Duration: b.Collected, File: b.File})
	}
	w.Running, w.since = b.Test, Duration(at)
	w.Collect += b.Collected
	w.gaps.collected = b.Collected
	w.Order = append(w.Order, b.Test)
}

func (s *State) finishTest(b TestFinished, at time.Duration) {
	a := Attempt{
		Attempt: max(b.Attempt, 1), Worker: b.Worker, Outcome: b.Outcome, Message: b.Message, At: Duration(at),
		Setup: b.Setup, Call: b.Call, Teardown: b.Teardown, Cause: b.Cause, Code: b.Code, Tentative: b.Tentative, First: b.First, Expected: b.Expected, Lack: b.Lack,
	}
	t := s.test(b.Test)
	if len(t.Attempts) == 0 {
		s.worked += b.Estimate + b.FixturesEstimate + s.planned.PerTest
	}
	if b.Line > 0 && b.File != "" {
		t.File, t.Line = b.File, b.Line
	}
	keep(&t.File, b.File)
	w := s.worker(b.Worker)
	if w.Running == b.Test && w.Lost == "" {
		w.Running = ""
	}
	if last := t.Last(); last != nil {
		s.outcomes[last.Outcome]--
	}
	w.Busy += Duration(a.Total())
	i := slices.IndexFunc(t.Attempts, func(x Attempt) bool { return x.Attempt == a.Attempt && x.Worker == a.Worker })
	if i < 0 {
		if w.runs == b.Test {
			a.Started = w.began
		}
		t.Attempts = append(t.Attempts, a)
		w.gaps.finish(a)
	} else { // amended
		w.Busy -= Duration(t.Attempts[i].Total())
		a.Void, a.Started = t.Attempts[i].Void, t.Attempts[i].Started
		t.Attempts[i] = a
	}
	if last := t.Last(); last != nil {
		s.outcomes[last.Outcome]++
	}
	t.Message = failureOf(t)
	if t.counting() == 1 { // whether a later one changes the verdict is the ledger's to say
		s.judge(t, VerdictOf(t.Last().Outcome))
	}
}

// hear updates a worker from evidence. It changes no test.
func (s *State) hear(b Evidence, at time.Duration) {
	w := s.worker(b.Worker)
	if b.Outcome == "" {
		w.Running, w.since = b.Test, Duration(at)
		w.Order = append(w.Order, b.Test)
		return
	}
	if w.Running == b.Test && w.Lost == "" {
		w.Running = ""
	}
	a := Attempt{At: Duration(at), Setup: b.Setup, Call: b.Call, Teardown: b.Teardown}
	w.Busy += Duration(a.Total())
	w.gaps.finish(a)
}

// drop removes tests that do not exist.
func (s *State) drop(ids []string) {
	gone := make(map[*Test]bool)
	for _, id := range ids {
		t, ok := s.byID[id]
		if !ok {
			continue
		}
		if last := t.Last(); last != nil {
			s.outcomes[last.Outcome]--
		}
		s.judge(t, "")
		delete(s.byID, id)
		gone[t] = true
	}
	s.tests = slices.DeleteFunc(s.tests, func(t *Test) bool { return gone[t] })
}

// reject voids a worker's attempts at some tests.
func (s *State) reject(b Rejected) {
	for _, id := range b.Tests {
		t, ok := s.byID[id]
		if !ok {
			continue
		}
		if last := t.Last(); last != nil {
			s.outcomes[last.Outcome]--
		}
		for i := range t.Attempts {
			t.Attempts[i].Void = t.Attempts[i].Void || t.Attempts[i].Worker == b.Worker
		}
		if last := t.Last(); last != nil {
			s.outcomes[last.Outcome]++
		}
		t.Message = failureOf(t)
	}
}

// failureOf returns the message of the last attempt that failed and was neither
// tentative nor void.
func failureOf(t *Test) string {
	for _, a := range slices.Backward(t.Attempts) {
		if !a.Tentative && !a.Void && VerdictOf(a.Outcome) == Fail {
			return a.Message
		}
	}
	return ""
}

// carry takes over a verdict, with the attempts at it.
func (s *State) carry(b Carried) {
	t := s.test(b.Of.Test)
	t.File, t.Line, t.Reason, t.Message, t.Reports = b.Of.File, b.Of.Line, b.Of.Reason, b.Of.Message, b.Reports
	for _, a := range b.Of.Attempts {
		keep(&a.Run, b.Run)
		t.Attempts = append(t.Attempts, a)
	}
	if last := t.Last(); last != nil {
		s.outcomes[last.Outcome]++
	}
	s.judge(t, b.Of.Verdict)
}

// judge moves a test from its verdict to another.
func (s *State) judge(t *Test, v Verdict) {
	if t.Verdict != "" {
		s.verdicts[t.Verdict]--
	}
	if t.Verdict = v; v != "" {
		s.verdicts[v]++
	}
}

// forget takes a test that gets no result off the workers that run it.
func (s *State) forget(id string) {
	for _, w := range s.workers {
		if w.Running == id && w.Lost == "" {
			w.Running = ""
		}
	}
}

// stop keeps the first reason, and the first signal.
func (s *State) stop(b Stopped) {
	if s.stopped == nil {
		s.stopped = &b
		return
	}
	keep(&s.stopped.Signal, b.Signal)
}

func (s *State) worker(n int) *Worker {
	w, ok := s.workers[n]
	if !ok {
		if s.workers == nil {
			s.workers = make(map[int]*Worker)
		}
		w = &Worker{Worker: n, Name: WorkerName(n)}
		s.workers[n] = w
	}
	return w
}

func (s *State) test(id string) *Test {
	t, ok := s.byID[id]
	if !ok {
		if s.byID == nil {
			s.byID = make(map[string]*Test)
			s.verdicts = make(map[Verdict]int)
			s.outcomes = make(map[worker.Outcome]int)
		}
		t = &Test{Test: id}
		s.byID[id] = t
		s.tests = append(s.tests, t)
	}
	return t
}

// Run returns the run's first event; zero before it.
func (s *State) Run() RunStarted { return s.run }

// Source returns the sources under test; zero before they are known.
func (s *State) Source() Sourced { return s.sourced }

// Base returns the engine and the image; zero before they are known.
func (s *State) Base() Based { return s.based }

// Staff returns the number of workers that the run asks for; zero before it is
// known.
func (s *State) Staff() int { return s.staffed.Workers }

// Discovery returns what discovery found; zero before it ended.
func (s *State) Discovery() Discovered { return s.discovered }

// Inventoried reports whether the run's directory has the list of the tests.
func (s *State) Inventoried() bool { return s.inventory.File != "" }

// Unexplained returns the workers whose sessions ended otherwise than their tests
// explain, and are not excused; of those that say the same, the first.
func (s *State) Unexplained() (out []*Worker) {
	for _, n := range s.Workers() {
		w := s.workers[n]
		if w.Unexplained && !s.concluded.excuses(n) && !slices.ContainsFunc(out, func(o *Worker) bool { return o.Code == w.Code && o.Closing == w.Closing }) {
			out = append(out, w)
		}
	}
	return out
}

// Dropped returns the number of bytes that a worker printed beyond what is kept.
func (s *State) Dropped(worker int) int64 {
	if w, ok := s.workers[worker]; ok {
		return w.Dropped
	}
	return 0
}

// Workers returns the workers' numbers, ascending.
func (s *State) Workers() []int { return slices.Sorted(maps.Keys(s.workers)) }
