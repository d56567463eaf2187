package report

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// script makes a record by hand, one event a line; at is in milliseconds.
type script struct{ events []Event }

func (s *script) at(ms float64, bodies ...Body) {
	for _, b := range bodies {
		s.events = append(s.events, Event{Seq: int64(len(s.events) + 1), At: Millis(ms).Std(), Body: b})
	}
}

func (s *script) end(ms float64) {
	slices.SortStableFunc(s.events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	for i := range s.events {
		s.events[i].Seq = int64(i + 1)
	}
	code, reasons := fold(s.events).Exit()
	s.at(ms, RunFinished{Exit: code, Reasons: reasons, Duration: Millis(ms)})
}

// head is how every scripted run begins.
func (s *script) head(cached bool) {
	s.at(0, RunStarted{
		Run: "20260301T120000-7f3a", Version: "0.3.0", Suite: "unit", Project: "shop", Args: []string{"-m", "not db"}, Selection: "5e1ec710", Framework: "pytest",
		StartedAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), FailOn: []string{"flaky"},
	})
	s.at(1, Note{Text: "detected a uv project: uv.lock"})
	s.at(2, StepStarted{Name: "snapshot"})
	s.at(120, StepFinished{Name: "snapshot", Duration: 118e6, Detail: "5 204 files, 63 MB"},
		Sourced{Tree: "sha256:ab12cd34ef56ab12cd34ef56", Commit: "0123456789abcdef0123", Dirty: true})
	s.at(130, Based{
		Engine: "docker 20.10.24", Image: "host", ImageNote: "python:3.12-slim cannot be pulled: no route to the registry",
	}, Staffed{Workers: 3})
	s.at(140, StepStarted{Name: "environment"})
	if cached {
		s.at(150, StepFinished{Name: "environment", Cached: true, Duration: 10e6, Saved: 48_010e6}, Installed{Environment: "e1"})
	} else {
		s.at(1140, StepProgress{Name: "environment", Text: "Resolved 41 packages in 0.9s"})
		s.at(1150, StepProgress{Name: "environment", Text: "not printed: too soon"})
		s.at(31000, StepProgress{Name: "environment", Text: "Installed 41 packages\x1b[2K in 12s\r\n"})
		s.at(48150, StepFinished{Name: "environment", Duration: 48_010e6, Detail: "41 packages"}, Installed{Environment: "e1"})
	}
}

func (s *script) test(start, took float64, on int, id string, o worker.Outcome, message string) {
	s.at(start, TestStarted{Worker: on, Test: id, Attempt: 1, File: "tests/a.py"})
	s.at(start+took, TestFinished{
		Worker: on, Test: id, Attempt: 1, Outcome: o, Message: message, Setup: Millis(took / 4), Call: Millis(took / 2), Teardown: Millis(took / 4),
	})
}

func failing() *script {
	s := new(script)
	s.head(true)
	s.at(160, StepStarted{Name: "start"})
	s.at(600, WorkerStarted{Worker: 1, Mode: "full", Framework: "pytest 8.4.1", Runtime: "Python 3.12.4", Host: "box"},
		StepFinished{Name: "start", Duration: 440e6})
	s.at(700, WorkerStarted{Worker: 2, Mode: "lazy", Host: "box"}, WorkerStarted{Worker: 3, Mode: "lazy", Host: "box"})
	s.at(900, Discovered{Tests: 10, Deselected: 4, Duration: 300e6},
		Inventoried{File: "tests.jsonl", Tests: 10}, Planned{Workers: 3, Predicted: 7000e6, Makespan: 5800e6, Serial: 17_000e6, Unknown: 2},
		Leased{Worker: 1, Token: 1, Tests: []string{"tests/a.py::test_one"}})
	s.test(1000, 2000, 1, "tests/a.py::test_one", worker.Passed, "")
	s.test(1010, 500, 2, "tests/a.py::test_ünïcode[日本語-\x1b[31m-é\n]", worker.Failing, "AssertionError: 'ß' != 'ss'\nsecond line")
	s.at(1300, Output{Worker: 2, Text: "noise\n"}, Output{Worker: 2, Dropped: 3_210_000})
	s.test(1520, 480, 2, "tests/a.py::test_skipped", worker.Skipped, "no database")
	s.test(2010, 490, 2, "tests/a.py::test_xfail", worker.XFailed, "")
	s.at(2600, TestStarted{Worker: 3, Test: "tests/b.py::test_exits", Attempt: 1})
	s.at(2700, TestFinished{Worker: 3, Test: "tests/b.py::test_exits", Attempt: 1, Outcome: worker.Failing, Cause: "exited", Call: 100e6},
		Died{Worker: 3, Test: "tests/b.py::test_exits", Cause: "exited", Code: 3, Again: true})
	s.test(2710, 290, 3, "tests/b.py::test_flaky", worker.Failing, "ConnectionError")
	s.at(3100, TestStarted{Worker: 3, Test: "tests/b.py::test_lost"})
	s.at(3500, WorkerLost{Worker: 3, Cause: "it ran out of memory: raise limits.memory", Code: 137, OOM: true, Test: "tests/b.py::test_lost"},
		WorkerStarted{Worker: 4, Mode: "full", Host: "box"})
	s.test(4000, 1000, 4, "tests/b.py::test_lost", worker.Passed, "")
	s.at(5100, TestStarted{Worker: 4, Test: "tests/b.py::test_flaky", Attempt: 2})
	s.at(5300, TestFinished{Worker: 4, Test: "tests/b.py::test_flaky", Attempt: 2, Outcome: worker.Passed, Call: 200e6})
	s.at(5300, Judged{Test: "tests/b.py::test_flaky", Verdict: Flaky, Attempts: 2})
	s.at(5305, Evidence{Worker: 4, Test: "tests/b.py::test_gone", Outcome: worker.Passed}, Dropped{Tests: []string{"tests/b.py::test_gone"}})
	s.test(5310, 100, 4, "tests/b.py::test_teardown", worker.Passed, "")
	s.at(5500, TestFinished{ // amended: a module's fixture fails later
		Worker: 4, Test: "tests/b.py::test_teardown", Attempt: 1, Outcome: worker.Errored, Message: "OSError in teardown",
		Setup: 25e6, Call: 50e6, Teardown: 125e6, File: "tests/b.py", Line: 7,
	})
	s.at(5600, TestStarted{Worker: 1, Test: "tests/b.py::test_tentative"})
	s.at(5700, TestFinished{Worker: 1, Test: "tests/b.py::test_tentative", Attempt: 1, Outcome: worker.Failing, Message: "lazy only", Tentative: true})
	s.test(5800, 100, 4, "tests/b.py::test_tentative", worker.Passed, "")
	s.test(5910, 20, 2, "tests/b.py::test_void", worker.Failing, "another file")
	s.at(5940, Rejected{Worker: 2, Tests: []string{"tests/b.py::test_void", "tests/b.py::test_unknown"}}, Judged{Test: "tests/b.py::test_void"})
	s.at(5941, TestStarted{Worker: 4, Test: "tests/b.py::test_void", Attempt: 2, Token: 9, File: "tests/b.py"})
	s.at(5950, TestFinished{Worker: 4, Test: "tests/b.py::test_void", Attempt: 2, Outcome: worker.Passed, Call: 9e6, First: true})
	s.at(6000, WorkerClosed{Worker: 1}, WorkerClosed{Worker: 2, Code: 1}, WorkerClosed{Worker: 4, Code: 1})
	s.at(6100, StepStarted{Name: "conclude"}, Covered{Percent: 79.96, FailUnder: 85, Under: true, Complete: true},
		Concluded{Code: 1, Files: []string{"junit.xml"}}, StepFinished{Name: "conclude", Duration: 300e6},
		Gathered{
			Artifacts: []Artifact{{Name: "out/a.worker-1.json", Path: "out/a.json", From: []string{"worker-1"}, Bytes: 12, Placed: true}},
			Unkept:    2, UnkeptFiles: []string{"b.txt"}, Missing: []string{"c.txt of worker-2: gone"},
		},
		Advised{Lack: worker.Lack{Kind: worker.LackProgram, Name: "git"}, Tests: 1, Files: 2, What: "no program git", Do: "write `image: host`"})
	s.end(6500)
	return s
}

func green() *script {
	s := new(script)
	s.head(false)
	s.at(48200, Planned{Workers: 1, Unknown: 2}, WorkerStarted{Worker: 1, Mode: "full", Host: "box"})
	s.at(48300, Discovered{Tests: 2, Duration: 50e6})
	s.test(48400, 4000, 1, "tests/a.py::test_one", worker.Passed, "")
	s.test(52500, 40, 1, "tests/a.py::test_two", worker.XPassed, "")
	s.at(52600, Judged{Test: "tests/a.py::test_one", Verdict: Pass, Attempts: 1}, Judged{Test: "tests/a.py::test_two", Verdict: Pass, Attempts: 1},
		WorkerClosed{Worker: 1}, Covered{Percent: 99.97, Complete: true}, Concluded{Files: []string{"junit.xml"}})
	s.end(53000)
	return s
}

func interrupted() *script {
	s := new(script)
	s.head(true)
	s.at(600, WorkerStarted{Worker: 1, Mode: "full"}, Discovered{Tests: 3, Errors: 1})
	s.test(1000, 100, 1, "tests/a.py::test_one", worker.Failing, "assert 0")
	s.at(1200, TestStarted{Worker: 1, Test: "tests/a.py::test_two"}, Stopped{Reason: "interrupted", Signal: "interrupt", Grace: 3000e6})
	s.at(1300, Judged{Test: "tests/a.py::test_two", Verdict: NotRun, Reason: "interrupted"},
		Judged{Test: "tests/a.py::test_three", Verdict: NotRun, Reason: "interrupted"})
	s.at(1310, Covered{Percent: 41, Complete: false, Reason: "worker-1 left no data"},
		Fault{Kind: Infrastructure, Text: "worker-1 could not be removed"},
		Unknown{Name: "of_a_later_version", Data: []byte(`{"x":1}`)})
	s.end(1400)
	return s
}

// unbuilt ends before there are tests: what a command printed keeps its lines.
func unbuilt() *script {
	s := new(script)
	s.at(0, RunStarted{Run: "20260301T120000-7f3a", Version: "0.3.0"}, Based{Engine: "process linux", Image: "host"}, Staffed{Workers: 2})
	s.at(10, StepStarted{Name: "environment"})
	s.at(20, StepProgress{Name: "environment", Text: "$ pip install nope"})
	text := "environment failed, nothing of it is kept: `pip install nope` ended with exit status 1 after 1.2s:\n" +
		"  Looking in indexes\n  ERROR: No matching \x1b[31mdistribution found for nope\n"
	s.at(1200, StepFinished{Name: "environment", Duration: 1190e6, Error: text}, Fault{Kind: Infrastructure, Text: text})
	s.end(1300)
	return s
}

// predicted is a warm run whose first worker collects while the second runs,
// and whose second one takes over a test that took longer than expected.
func predicted() *script {
	s := new(script)
	s.head(true)
	expected := func(start, took, estimate float64, on int, id string, fixtures Expected) {
		fixtures.Estimate = Millis(estimate)
		s.at(start, TestStarted{Worker: on, Test: id, Attempt: 1, File: "tests/a.py", Collected: Millis(map[int]float64{2: 20}[on])})
		s.at(start+took, TestFinished{Worker: on, Test: id, Attempt: 1, Outcome: worker.Passed, Setup: fixtures.Fixtures, Call: Millis(took) - fixtures.Fixtures, Expected: fixtures})
	}
	s.at(600, WorkerStarted{Worker: 1, Mode: "full", Framework: "pytest 8.4.1", Runtime: "Python 3.12.4", Host: "box"})
	s.at(700, WorkerStarted{Worker: 2, Mode: "lazy", Host: "box"}, WorkerReady{Worker: 2})
	s.at(1100, Discovered{Tests: 4, Duration: 500e6}, Planned{
		Workers: 2, Predicted: 4500e6, Start: 500e6, Makespan: 3000e6, Serial: 6900e6,
		Shards: []Shard{{Worker: 1, Tests: 2, Load: 3000e6}, {Worker: 2, Tests: 2, Load: 2900e6}},
	}, WorkerReady{Worker: 1})
	expected(1150, 2300, 1500, 1, "tests/a.py::test_one", Expected{Fixtures: 700e6, FixturesEstimate: 500e6})
	expected(720, 1900, 1900, 2, "tests/a.py::test_two", Expected{})
	expected(2650, 1000, 1000, 2, "tests/b.py::test_three", Expected{})
	expected(3700, 1000, 1000, 2, "tests/b.py::test_stolen", Expected{})
	s.at(4720, WorkerClosed{Worker: 1}, WorkerClosed{Worker: 2}, Concluded{Files: []string{"junit.xml"}})
	s.end(5600)
	return s
}

// rerun takes over one verdict of an earlier run, and runs one test.
func rerun() *script {
	s := new(script)
	s.head(true)
	s.at(600, WorkerStarted{Worker: 1, Mode: "full"}, Discovered{Tests: 2})
	s.at(610, Carried{Run: "20260228T120000-1111", Reports: []Extent{{0, 10}}, Of: Test{
		Test: "tests/a.py::test_one", File: "tests/a.py", Line: 3, Verdict: Pass,
		Attempts: []Attempt{{Attempt: 1, Worker: 7, Outcome: worker.Passed, Call: 60e9}},
	}})
	s.test(1000, 100, 1, "tests/a.py::test_two", worker.Passed, "")
	s.at(1150, Judged{Test: "tests/a.py::test_two", Verdict: Pass, Attempts: 1, Reports: []Extent{{10, 5}, {20, 5}}}, WorkerClosed{Worker: 1})
	s.end(1400)
	return s
}

type nopCloser struct{ *bytes.Buffer }

func (nopCloser) Close() error { return nil }

// measured is a run that says of its workers all that they tell: how they came, when
// tests began by their clocks, what they took from each other, and what would have been.
func measured() *script {
	s := new(script)
	s.head(true)
	s.at(500, WorkerAttached{Worker: 1, Asked: 200e6, Created: 450e6, Greeted: 490e6}, WorkerAttached{Worker: 2, Asked: 210e6, Created: 460e6, Greeted: 495e6})
	s.at(510, WorkerAttached{Worker: 3, Asked: 220e6, Created: 470e6, Greeted: 505e6}) // which is not needed
	s.at(600, WorkerStarted{Worker: 1, Mode: "full", Framework: "pytest 8.4.1", Runtime: "Python 3.12.4", Host: "box"})
	s.at(700, WorkerStarted{Worker: 2, Mode: "lazy", Host: "box"}, WorkerReady{Worker: 2})
	s.at(1100, Discovered{Tests: 2, Duration: 500e6}, Planned{
		Workers: 2, Makespan: 3000e6, Shards: []Shard{{Worker: 1, Tests: 2, Load: 3000e6}},
	}, WorkerReady{Worker: 1, Collected: 480e6})
	s.at(1101, Stolen{From: 1, To: 2, Tests: 1})
	for w, id := range []string{"tests/a.py::test_one", "tests/b.py::test_stolen"} {
		s.at(1150, TestStarted{Worker: w + 1, Test: id, Attempt: 1, File: id[:10], Began: 1148e6, Collected: Duration(w) * 20e6})
	}
	for w, id := range []string{"tests/a.py::test_one", "tests/b.py::test_stolen"} {
		s.at(2200, TestFinished{Worker: w + 1, Test: id, Attempt: 1, Outcome: worker.Passed, Call: 1050e6})
	}
	s.at(2210, TestFinished{Worker: 1, Test: "tests/a.py::test_one", Attempt: 1, Outcome: worker.Passed, Call: 1050e6, Teardown: 10e6}) // amended
	s.at(2300, WorkerClosed{Worker: 1, PeakMemory: 64 << 20}, WorkerClosed{Worker: 2}, Curved{Points: []Point{{1, 3300e6, 3200e6}, {2, 2400e6, 4300e6}}})
	s.end(2400)
	return s
}
