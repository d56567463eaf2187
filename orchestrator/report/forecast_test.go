package report

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestAccount: one thing goes otherwise than predicted, and stands under its
// name. Predicted are a start of 2 s, shards of 10 s and 8 s, and an end of 1 s.
func TestAccount(t *testing.T) {
	const s = Duration(time.Second)
	type facts struct {
		expectation
		a, b workload
	}
	for name, c := range map[string]struct {
		change func(*facts)
		a, b   Causes
		mean   Causes
	}{
		"as predicted": {func(*facts) {}, Causes{}, Causes{}, Causes{}},
		"an environment was built": {
			func(f *facts) {
				f.built = 5 * s
				f.later(5 * s)
				f.a.there, f.a.ready, f.a.last, f.b.there, f.b.ready, f.b.last = 7*s, 7*s, 17*s, 7*s, 7*s, 15*s
			}, Causes{Build: 5 * s}, Causes{Build: 5 * s}, Causes{Build: 5 * s},
		},
		"the second worker was late, and ended in time": {
			func(f *facts) { f.b.there, f.b.ready, f.b.last = 3*s, 4*s, 12*s },
			Causes{},
			Causes{Start: s, Collect: s, Idle: -2 * s},
			Causes{Start: s / 2, Collect: s / 2, Idle: -s},
		},
		"the first worker's tests took longer": {
			func(f *facts) { f.a.tests, f.a.last = 14*s, 16*s; f.later(4 * s) },
			Causes{Estimates: 4 * s},
			Causes{Idle: 4 * s},
			Causes{Estimates: 2 * s, Idle: 2 * s},
		},
		"a fixture took longer": {
			func(f *facts) {
				f.a.tests, f.a.expectedTests, f.a.fixtures, f.a.expectedFixtures = 9*s, 9*s, 2*s, 1*s
				f.a.last = 13 * s
				f.later(s)
			}, Causes{Fixtures: s}, Causes{Idle: s}, Causes{Fixtures: s / 2, Idle: s / 2},
		},
		"the second stole a test": {
			func(f *facts) {
				f.a.tests, f.a.expectedTests, f.a.last = 9*s, 9*s, 11*s
				f.b.tests, f.b.expectedTests, f.b.last = 9*s, 9*s, 11*s
				f.later(-s)
			}, Causes{Work: -s}, Causes{Work: s, Idle: -2 * s}, Causes{Idle: -s},
		},
		"files were collected in between, and the wire was slow": {
			func(f *facts) { f.a.collected, f.a.last = s, 15*s; f.later(3 * s) },
			Causes{Collect: s, Gaps: 2 * s}, Causes{Idle: 3 * s},
			Causes{Collect: s / 2, Gaps: s, Idle: s + s/2},
		},
		"what the plan counted for each test came": {
			func(f *facts) {
				f.perTest, f.a.attempts, f.b.attempts = s/4, 4, 4
				f.a.tests, f.a.expectedTests, f.b.tests, f.b.expectedTests = 9*s, 9*s, 7*s, 7*s
			}, Causes{}, Causes{}, Causes{},
		},
		"and more": {
			func(f *facts) {
				f.perTest, f.a.attempts, f.b.attempts = s/4, 4, 4
				f.a.tests, f.a.expectedTests, f.b.tests, f.b.expectedTests = 9*s, 9*s, 7*s, 7*s
				f.a.last = 14 * s
				f.later(2 * s)
			}, Causes{Gaps: 2 * s}, Causes{Idle: 2 * s}, Causes{Gaps: s, Idle: s},
		},
		"the second was lost at once": {
			func(f *facts) {
				f.b = workload{worker: 2, planned: 8 * s, there: 2 * s, ready: 2 * s, lost: true}
				f.a.tests, f.a.expectedTests, f.a.last = 18*s, 18*s, 20*s
				f.later(8 * s)
			}, Causes{Work: 8 * s},
			Causes{Work: -8 * s, Lost: 18 * s, Idle: -2 * s},
			Causes{Lost: 9 * s, Idle: -s},
		},
		"the second never came": {
			func(f *facts) {
				f.b = workload{worker: 2, planned: 8 * s, there: never, ready: never}
				f.a.tests, f.a.expectedTests, f.a.last = 18*s, 18*s, 20*s
				f.later(8 * s)
			}, Causes{Work: 8 * s},
			Causes{Start: 18 * s, Work: -8 * s, Idle: -2 * s},
			Causes{Start: 9 * s, Idle: -s},
		},
		"the conclusion took longer": {
			func(f *facts) { f.actual += s },
			Causes{Conclude: s}, Causes{Conclude: s}, Causes{Conclude: s},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts{
				expectation: expectation{predicted: 13 * s, makespan: 10 * s, start: 2 * s, actual: 13 * s, lastTest: 12 * s},
				a:           workload{worker: 1, planned: 10 * s, there: 2 * s, ready: 2 * s, last: 12 * s, tests: 10 * s, expectedTests: 10 * s},
				b:           workload{worker: 2, planned: 8 * s, there: 2 * s, ready: 2 * s, last: 10 * s, tests: 8 * s, expectedTests: 8 * s},
			}
			c.change(&f)
			got := account(f.expectation, []workload{f.a, f.b})
			want := []Causes{c.a, c.b, c.mean}
			if diff := cmp.Diff(want, []Causes{got.Workers[0].Causes, got.Workers[1].Causes, got.Causes}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, w := range want {
				if w.Sum() != got.Difference {
					t.Errorf("%+v is %s, not %s", w, w.Sum().Std(), got.Difference.Std())
				}
			}
		})
	}
}

// later lets the run's last test end later, and so the run.
func (e *expectation) later(d Duration) { e.lastTest += d; e.actual += d }

// TestAccountIsAnIdentity: whatever happened, the causes add up, and they
// still do in run.json.
func TestAccountIsAnIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Duration {
			return Duration(rapid.Int64Range(0, 1e9).Draw(t, name)) * Duration(time.Microsecond)
		}
		e := expectation{draw("predicted"), draw("makespan"), draw("start"), draw("per test"), draw("actual"), draw("built"), draw("last test")}
		var workers []workload
		for i := range rapid.IntRange(1, 9).Draw(t, "workers") {
			l := workload{i + 1, draw("planned"), draw("there"), draw("ready"), draw("last"), rapid.Bool().Draw(t, "lost"),
				draw("collected"), draw("tests"), draw("fixtures"), rapid.IntRange(0, 99).Draw(t, "attempts"), draw("expected"), draw("expected fixtures")}
			if rapid.IntRange(0, 9).Draw(t, "never") == 0 {
				l.there, l.ready = never, never
			}
			workers = append(workers, l)
		}
		holds(t, account(e, workers))
	})
}

// TestForecastOfAnyRun: so do those of events, in whatever order they come.
func TestForecastOfAnyRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewState()
		at := time.Duration(0)
		ns := func(name string) Duration { return Duration(rapid.Int64Range(0, 5e9).Draw(t, name)) }
		apply := func(b Body) {
			at += ns("later").Std()
			s.Apply(Event{At: at, Body: b})
		}
		n := rapid.IntRange(1, 4).Draw(t, "workers")
		p := Planned{Workers: n, Predicted: ns("predicted") + 1, Start: ns("start") + 1, Makespan: ns("makespan"), PerTest: ns("per test")}
		for w := range n {
			p.Shards = append(p.Shards, Shard{Worker: w + 1, Load: ns("load")})
		}
		apply(StepFinished{Name: "environment", Duration: ns("built"), Cached: rapid.Bool().Draw(t, "cached")})
		apply(p)
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			w := rapid.IntRange(1, n+1).Draw(t, "worker")
			test := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "test")
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				apply(WorkerStarted{Worker: w})
			case 1:
				apply(WorkerReady{Worker: w})
			case 2:
				apply(WorkerLost{Worker: w, Cause: "killed"})
			case 3:
				apply(TestStarted{Worker: w, Test: test, Collected: ns("collected")})
			default:
				apply(TestFinished{Worker: w, Test: test, Outcome: "passed", Setup: ns("setup"), Call: ns("call"), Teardown: ns("teardown"),
					Expected: Expected{Estimate: ns("estimate"), Fixtures: ns("fixtures"), FixturesEstimate: ns("fixtures estimate")}})
			}
		}
		for _, test := range []string{"a", "b", "c"} {
			apply(TestFinished{Worker: 1, Test: test, Outcome: "passed"})
		}
		apply(Discovered{Tests: 3})
		apply(RunFinished{Duration: Duration(at)})
		f := s.Report().Forecast
		if f == nil {
			t.Fatal("a whole run has no forecast")
		}
		holds(t, f)
	})
}

func holds(t *rapid.T, f *Forecast) {
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back Forecast
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, &back); diff != "" {
		t.Fatalf("run.json has not the same (-want +got):\n%s", diff)
	}
	if f.Difference != f.Actual-f.Predicted || f.Causes.Sum() != f.Difference {
		t.Fatalf("the run's causes are %s of %s", f.Causes.Sum().Std(), f.Difference.Std())
	}
	for _, w := range f.Workers {
		if w.Causes.Sum() != f.Difference {
			t.Fatalf("worker %d: the causes are %s of %s", w.Worker, w.Causes.Sum().Std(), f.Difference.Std())
		}
	}
}

// TestNoForecast: what is not known, and what is not comparable, is left out.
func TestNoForecast(t *testing.T) {
	for name, change := range map[string]func(*script){
		"no history":                       func(s *script) { s.replan(func(p *Planned) { *p = Planned{Workers: p.Workers, Unknown: 4} }) },
		"no overhead":                      func(s *script) { s.replan(func(p *Planned) { p.Predicted, p.Start = 0, 0 }) },
		"a database of an earlier version": func(s *script) { s.replan(func(p *Planned) { p.Start = 0 }) },
		"stopped":                          func(s *script) { s.at(5900, Stopped{Reason: "interrupted"}) },
		"not run":                          func(s *script) { s.at(5900, Judged{Test: "tests/a.py::test_one", Verdict: NotRun}) },
		"more was found":                   func(s *script) { s.at(5900, Discovered{Tests: 40}) },
	} {
		s := predicted()
		change(s)
		if f := fold(s.events).Report().Forecast; f != nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
	s := predicted()
	if f := fold(s.events[:len(s.events)-1]).Report().Forecast; f != nil {
		t.Errorf("a run without an end: %+v", f)
	}
}

func (s *script) replan(change func(*Planned)) {
	for i := range s.events {
		if p, ok := s.events[i].Body.(Planned); ok {
			change(&p)
			s.events[i].Body = p
		}
	}
}

// Times between tests are told apart from those in which there was nothing to
// do, or files were collected; tests that end together are told of together.
func TestPerTest(t *testing.T) {
	const ms = Duration(time.Millisecond)
	s := NewState()
	run := func(at time.Duration, test string, call, collected Duration) {
		s.Apply(Event{At: at, Body: TestStarted{Worker: 1, Test: test, Collected: collected}})
		s.Apply(Event{At: at, Body: TestFinished{Worker: 1, Test: test, Outcome: "passed", Call: call}})
	}
	run(1000*time.Millisecond, "first", 700*ms, 0) // what was before it is its start
	if got := s.Report().Times.PerTest; got != 0 {
		t.Errorf("after one test: %s", got.Std())
	}
	run(1014*time.Millisecond, "second", 4*ms, 0)
	run(1014*time.Millisecond, "third", 4*ms, 0)
	run(1050*time.Millisecond, "of another file", 4*ms, 29*ms)
	run(9000*time.Millisecond, "handed late", 4*ms, 0)
	if got := s.Report().Times.PerTest; got != 3*ms {
		t.Errorf("%s, want (10 - 4 + 3) / 3 ms", got.Std())
	}
}
