package orchestrator

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// told puts attempts into words: test, place in the suite, worker, attempt,
// outcome.
func told(attempts []history.Attempt) string {
	var out []string
	for _, a := range attempts {
		s := fmt.Sprintf("%s %d worker-%d %d %s", a.Test, a.Index, a.Worker, a.Attempt, a.Outcome)
		if a.First {
			s += " first"
		}
		if a.Tentative {
			s += " tentative"
		}
		out = append(out, s)
	}
	return strings.Join(out, "\n")
}

// Each trial with a history also compares what it got with its log: here is
// what must be in both.
func TestLessonsAreOfTheAttemptsThatCount(t *testing.T) {
	for name, c := range map[string]struct {
		suite func(*fakeSuite)
		hint  []history.File
		want  string
	}{
		"a failure on a lazy worker is evidence, and its confirmation counts": {
			suite: func(s *fakeSuite) { s.on("a2", fate{outcome: worker.Failing}) },
			want: `a1 0 worker-1 1 passed first
a2 1 worker-2 1 failed first tentative
a2 1 worker-1 2 failed
b1 2 worker-1 1 passed first
b2 3 worker-2 1 passed first`,
		},
		"what was void does not count, and what a later list has not either": {
			suite: func(s *fakeSuite) {
				s.collect = 10 * time.Second
				s.lazily = map[string][]worker.Item{"b.py": fileOf("b.py b2 b1").Items, "c.py": fileOf("c.py c1").Items}
				s.on("b1", fate{outcome: worker.Skipped}, fate{})
			},
			hint: hint("c.py c1", "a.py a1 a2", "b.py b1 b2"),
			want: `a1 0 worker-2 1 passed first
a2 1 worker-2 1 passed
b1 2 worker-1 1 passed first
b2 3 worker-1 1 passed`,
		},
		"an attempt on a lost worker has no outcome": {
			suite: func(s *fakeSuite) { s.killed("a2", 1, engine.Exit{Code: 137}) },
			want: `a1 0 worker-1 1 passed first
a2 1 worker-3 1 passed first
b1 2 worker-1 1 passed first
b2 3 worker-3 1 passed first`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := two(), &fakeHistory{inventory: c.hint}
			c.suite(s)
			x := try(t, s, func(x *trial) { x.deps.History = h })
			if got := told(h.recorded[0].Attempts); got != c.want {
				t.Errorf("got\n%s\nwant\n%s\n%s", got, c.want, numbered(x.story))
			}
		})
	}
}

func TestARunThatWasKilledTeachesWhatItKnew(t *testing.T) {
	h := &fakeHistory{}
	x := try(t, two(), func(x *trial) { x.deps.History = h })
	path := filepath.Join(x.req.Out, "events.jsonl")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// cut leaves the log as a kill does: up to a line, and a part of the next.
	cut := func(after string) {
		t.Helper()
		at := bytes.Index(whole, []byte(after))
		if at < 0 {
			t.Fatalf("no %s in the log", after)
		}
		end := at + bytes.IndexByte(whole[at:], '\n') + 10
		if err := os.WriteFile(path, whole[:end], 0o644); err != nil {
			t.Fatal(err)
		}
	}

	cut(`"type":"discovered"`)
	got, ok, err := Lessons(x.req.Out)
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	if len(got.Attempts) != 0 || len(got.Inventory) != 2 || got.Workers != 2 || got.Suite != suiteKey(&x.req) || got.Tree == "" {
		t.Errorf("after discovery %+v", got)
	}

	cut(`"type":"test_finished"`)
	if got, ok, err = Lessons(x.req.Out); err != nil || !ok || len(got.Attempts) != 1 {
		t.Errorf("after a test %+v, %v, %v", got, ok, err)
	}
	if got.Exit == report.ExitGreen {
		t.Error("a run that was killed is green")
	}

	cut(`"type":"staffed"`)
	if _, ok, err = Lessons(x.req.Out); ok || err != nil {
		t.Errorf("before discovery %v, %v", ok, err)
	}
	if _, _, err = Lessons(t.TempDir()); err == nil {
		t.Error("no log teaches something")
	}
}

// A verdict is in the log when the ledger gives it, and a lease when it is
// handed out.
func TestTheLogHasEachThingInItsMoment(t *testing.T) {
	var kinds []string
	try(t, suiteOf("a.py a1 a2 a3 a4"), func(x *trial) {
		x.req.Workers = 1
		x.during = func(e report.Event) {
			switch b := e.Body.(type) {
			case report.Leased:
				kinds = append(kinds, fmt.Sprintf("lease %d", b.Token))
			case report.TestStarted:
				kinds = append(kinds, fmt.Sprintf("start of %d", b.Token))
			case report.RunStarted, report.Sourced, report.Based, report.Installed, report.Staffed, report.Inventoried, report.Judged:
				kinds = append(kinds, string(e.Body.Type()))
			}
		}
	})
	got := strings.Join(kinds, ", ")
	for _, want := range []string{
		"run_started, sourced, based, installed, staffed, inventoried, lease 1, ", "start of 1, verdict, ", "start of 2, verdict, ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
	if n := strings.Count(got, "run_started"); n != 1 {
		t.Errorf("run_started comes %d times", n)
	}
}
