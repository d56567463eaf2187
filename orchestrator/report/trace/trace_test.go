package trace

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// sample is a run with what a trace may hold: steps that overlap, a lost worker, a file
// collected between tests, a clock that disagrees, and a verdict taken over.
func sample() *report.Report {
	ms := report.Millis
	return &report.Report{
		Run: "20261128-001500-abcde", Project: "/home/ada/shop", Suite: "unit", StartedAt: time.Date(2026, 11, 28, 0, 15, 0, 0, time.UTC), Exit: 1, Branch: "main",
		Steps: []report.Step{{Name: "snapshot", Duration: ms(300), Done: true}, {Name: "start", Started: ms(300), Duration: ms(900)}, {Name: "discover", Started: ms(500), Duration: ms(400), Error: "no"}},
		Workers: []report.Worker{
			{Worker: 1, Name: "worker-1", Asked: ms(310), Created: ms(500), Greeted: ms(600), Started: ms(700), Ready: ms(900), Collected: ms(200), Ended: ms(3000), Collects: []report.Collection{{At: ms(995), Duration: ms(20), File: "b.py"}}},
			{Worker: 2, Name: "worker-2", Started: ms(800), Ended: ms(2000), Lost: "killed"},
		},
		Steals: []report.Steal{{At: ms(1500), Stolen: report.Stolen{From: 1, To: 2, Tests: 31}}},
		Tests: []report.Test{
			{Test: "a.py::test_1", File: "a.py", Verdict: report.Pass, Attempts: []report.Attempt{{Attempt: 1, Worker: 1, Outcome: worker.Passed, Started: ms(900), Setup: ms(40), Call: ms(58), Teardown: ms(2), At: ms(1001)}}},
			{Test: "</script>\x1b\xff", Verdict: report.Fail, Attempts: []report.Attempt{
				{Attempt: 1, Worker: 2, Outcome: worker.Failing, Message: "assert 1 == 2", Call: ms(50), At: ms(1100)},
				{Attempt: 2, Worker: 1, Outcome: worker.Failing, Message: "assert 1 == 2", Call: ms(50), At: ms(1200), Expected: report.Expected{Estimate: ms(40)}},
			}},
			{Test: "carried", Verdict: report.Pass, Attempts: []report.Attempt{{Attempt: 1, Worker: 1, Run: "20261127-000000-aaaaa", Outcome: worker.Passed, Call: ms(50)}}},
		},
	}
}

func read(t *testing.T, from io.Reader) (doc document) {
	t.Helper()
	if err := json.NewDecoder(from).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestWrite: what is on one thread comes in order and nests, as every viewer wants it.
func TestWrite(t *testing.T) {
	later := sample()
	later.StartedAt = later.StartedAt.Add(time.Minute)
	var out bytes.Buffer
	if err := Write(&out, sample(), later); err != nil {
		t.Fatal(err)
	}
	doc := read(t, &out)
	open := map[[2]int][]int64{} // ends of what is open, by thread
	named := map[string]int{}
	for _, e := range doc.Events {
		named[e.Name]++
		if e.Phase != "X" {
			continue
		}
		thread := [2]int{e.Process, e.Thread}
		end := e.At + *e.Took
		for len(open[thread]) > 0 && slices.Min(open[thread]) <= e.At {
			open[thread] = slices.DeleteFunc(open[thread], func(x int64) bool { return x <= e.At })
		}
		for _, x := range open[thread] {
			if end > x {
				t.Errorf("%s of %d to %d overlaps what ends at %d", e.Name, e.At, end, x)
			}
		}
		open[thread] = append(open[thread], end)
		if e.Process > 2 && e.At < time.Minute.Microseconds() {
			t.Errorf("%s of the second run is at %d", e.Name, e.At)
		}
	}
	for name, want := range map[string]int{
		"a.py::test_1": 2, "</script>\x1b\uFFFD": 4, "carried": 0, "setup": 2, "teardown": 2, "starting": 2, "collecting": 4, "lost: killed": 2,
		"took 31 tests over from worker-1": 2, "snapshot": 2, "process_name": 4,
	} {
		if named[name] != want {
			t.Errorf("%q is there %d times, want %d", name, named[name], want)
		}
	}
}

func TestSavePacks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.json.gz")
	if err := Save(path, sample()); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	packed, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if doc := read(t, packed); len(doc.Events) < 10 {
		t.Errorf("%d events", len(doc.Events))
	}
	if err := Save(filepath.Join(path, "no", "run.json"), sample()); err == nil {
		t.Error("a file that cannot be written was written")
	}
}
