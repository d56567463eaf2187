package report

import (
	"slices"
	"time"
)

// A Forecast compares the predicted time with the actual one, and accounts for the
// difference. It exists for runs in which every test has its verdict.
//
// The account is an identity. For each planned worker, and for the run, whose
// causes are the means over the planned workers, the causes add up to
// Difference to the microsecond.
type Forecast struct {
	Predicted  Duration `json:"predicted_ms"`  // wall clock of the whole run
	Actual     Duration `json:"actual_ms"`     // likewise
	Difference Duration `json:"difference_ms"` // Actual - Predicted
	Causes     Causes   `json:"causes"`
	// Workers are those that the plan counted on. One that came later, for a
	// lost one or to confirm failures, is not among them.
	Workers []WorkerForecast `json:"workers"`
}

// A WorkerForecast is one planned worker's account. Times of the clock are
// since the start of the run.
type WorkerForecast struct {
	Worker       int      `json:"worker"`
	Planned      Duration `json:"planned_ms"`       // its shard: tests and fixtures
	Busy         Duration `json:"busy_ms"`          // what it really had to do
	PredictedEnd Duration `json:"predicted_end_ms"` // of its shard
	End          Duration `json:"end_ms"`           // of its last test
	Causes       Causes   `json:"causes"`
}

// Causes are the parts of a difference: actual less predicted time. A cause
// that made the run shorter is negative; one that is 0 is left out.
type Causes struct {
	// Build is the environment's and the project's installation, which no
	// prediction counts on.
	Build Duration `json:"build_ms,omitempty"`
	// Start is the time until the worker is there, less the predicted time
	// until the first test.
	Start Duration `json:"start_ms,omitempty"`
	// Collect is the time in which the worker collected tests: the whole suite
	// before its first test, or single files in between.
	Collect Duration `json:"collect_ms,omitempty"`
	// Fixtures is what opening files cost, against what it was estimated to
	// cost for the same files.
	Fixtures Duration `json:"fixtures_ms,omitempty"`
	// Estimates is what tests took without that, against their estimates.
	Estimates Duration `json:"estimates_ms,omitempty"`
	// Work is the estimated time of what ran, less that of what was planned:
	// stolen tests; for the run new tests, files opened once more, retries.
	Work Duration `json:"work_ms,omitempty"`
	// Gaps are the times between the worker's tests, against what the plan
	// counted for them.
	Gaps Duration `json:"gaps_ms,omitempty"`
	// Lost is the time from a lost worker's last result on.
	Lost Duration `json:"lost_ms,omitempty"`
	// Idle is the time from the worker's last test to the run's, less what was
	// planned of it.
	Idle Duration `json:"idle_ms,omitempty"`
	// Conclude is the time from the last test to the end of the run.
	Conclude Duration `json:"conclude_ms,omitempty"`
}

// List returns the causes with their names, in the order in which they come in a run.
func (c *Causes) List() []Cause {
	return []Cause{
		{"build", &c.Build},
		{"start", &c.Start},
		{"collect", &c.Collect},
		{"fixtures", &c.Fixtures},
		{"estimates", &c.Estimates},
		{"work", &c.Work},
		{"gaps", &c.Gaps},
		{"lost", &c.Lost},
		{"idle", &c.Idle},
		{"conclude", &c.Conclude},
	}
}

// A Cause is one part of a difference, by its name.
type Cause struct {
	Name string
	Time *Duration
}

// Sum returns the difference that the causes make.
func (c Causes) Sum() (sum Duration) {
	for _, x := range c.List() {
		sum += *x.Time
	}
	return sum
}

// expectation is what was predicted of a run, and the events that all its
// workers share.
type expectation struct {
	predicted, makespan, start Duration // start: until the first test
	perTest                    Duration // that the plan counted for each test besides its times
	actual, built, lastTest    Duration
}

// workload holds what one planned worker was expected to do and what it did. Times
// of the clock are since the start of the run.
type workload struct {
	worker  int
	planned Duration // its shard
	// there is when the worker had started, ready when it took tests, last when
	// its last test ended. A moment that never came is later than the run's last
	// test.
	there, ready, last Duration
	lost               bool
	collected          Duration // time of collecting single files, after ready
	tests, fixtures    Duration // its attempts' time without fixtures, and that of the fixtures
	attempts           int
	expectedTests      Duration
	expectedFixtures   Duration
}

// account makes the forecast's account. It is exact for whole microseconds.
func account(e expectation, workers []workload) *Forecast {
	f := &Forecast{Predicted: e.predicted, Actual: e.actual, Difference: e.actual - e.predicted}
	for _, w := range workers {
		f.Workers = append(f.Workers, e.worker(w))
	}
	f.Causes = mean(f.Workers)
	return f
}

func (e expectation) worker(w workload) WorkerForecast {
	there := min(w.there, e.lastTest)
	ready := min(max(w.ready, there), e.lastTest)
	last := min(max(w.last, ready), e.lastTest)
	busy := w.tests + w.fixtures
	overhead := Duration(w.attempts) * e.perTest
	c := Causes{
		Build:     e.built,
		Start:     there - e.built - e.start,
		Collect:   ready - there + w.collected,
		Fixtures:  w.fixtures - w.expectedFixtures,
		Estimates: w.tests - w.expectedTests,
		Work:      w.expectedTests + w.expectedFixtures + overhead - w.planned,
		Gaps:      last - ready - busy - w.collected - overhead,
		Idle:      w.planned - e.makespan,
		Conclude:  e.actual - e.lastTest - (e.predicted - e.makespan - e.start),
	}
	if w.lost {
		c.Lost = e.lastTest - last
	} else {
		c.Idle += e.lastTest - last
	}
	return WorkerForecast{
		Worker: w.worker, Planned: w.planned, Busy: busy, PredictedEnd: e.start + w.planned, End: last, Causes: c,
	}
}

// mean returns the workers' mean, in whole microseconds. The largest cause takes
// the remainder of rounding.
func mean(workers []WorkerForecast) (m Causes) {
	n := Duration(len(workers))
	if n == 0 {
		return m
	}
	parts := m.List()
	sum := Duration(0)
	for i := range workers {
		for k, c := range workers[i].Causes.List() {
			*parts[k].Time += *c.Time
			sum += *c.Time
		}
	}
	for _, p := range parts {
		*p.Time = micros(*p.Time / n)
	}
	most := slices.MaxFunc(parts, func(a, b Cause) int { return int(abs(*a.Time) - abs(*b.Time)) })
	*most.Time += sum/n - m.Sum()
	return m
}

func abs(d Duration) Duration { return max(d, -d) }

// micros is d as the log keeps it.
func micros(d Duration) Duration { return Duration(d.Std().Round(time.Microsecond)) }

// forecast returns nil if the run was not predicted, or if other tests ran than the
// prediction was for.
func (s *State) forecast(r *Report) *Forecast {
	p := s.planned
	whole := r.Finished && r.Stopped == nil && r.Totals.Discovered > 0 && r.Totals.Judged()-r.Totals.NotRun == r.Totals.Discovered
	if !whole || p.Predicted == 0 || p.Start == 0 || len(p.Shards) == 0 {
		return nil
	}
	e := expectation{
		predicted: micros(p.Predicted), makespan: micros(p.Makespan), start: micros(p.Start), actual: micros(r.Times.Duration),
		perTest: micros(p.PerTest),
	}
	for _, st := range r.Steps {
		if slices.Contains(cacheable, st.Name) && !st.Cached {
			e.built += micros(st.Duration)
		}
	}
	ran := map[int]*workload{}
	for i := range r.Workers {
		ran[r.Workers[i].Worker] = r.Workers[i].workload()
	}
	for i := range r.Tests {
		for _, a := range r.Tests[i].Attempts {
			if a.Run != "" {
				continue
			}
			ran[a.Worker].add(a)
			e.lastTest = max(e.lastTest, micros(a.At))
		}
	}
	var workers []workload
	for _, shard := range p.Shards {
		w := ran[shard.Worker]
		if w == nil {
			w = (&Worker{Worker: shard.Worker}).workload()
		}
		w.planned = micros(shard.Load)
		workers = append(workers, *w)
	}
	return account(e, workers)
}

const never = Duration(1<<63 - 1)

func (w *Worker) workload() *workload {
	l := &workload{worker: w.Worker, there: never, ready: never, lost: w.Lost != "", collected: micros(w.Collect)}
	if w.Started > 0 {
		l.there = micros(w.Started)
	}
	if w.Ready > 0 {
		l.ready = micros(w.Ready)
	}
	if l.lost { // moments that never came count as the loss
		l.there, l.ready = min(l.there, micros(w.Ended)), min(l.ready, micros(w.Ended))
	}
	return l
}

func (l *workload) add(a Attempt) {
	l.last = max(l.last, micros(a.At))
	l.attempts++
	l.tests += micros(a.Setup) + micros(a.Call) + micros(a.Teardown) - micros(a.Fixtures)
	l.fixtures += micros(a.Fixtures)
	l.expectedTests += micros(a.Estimate)
	l.expectedFixtures += micros(a.FixturesEstimate)
}
