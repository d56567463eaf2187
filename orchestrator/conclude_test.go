package orchestrator

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// resultOf is a test with attempts under the tokens 1, 2, and so on; one
// without an outcome is void.
func resultOf(id worker.TestID, reason string, outcomes ...worker.Outcome) dispatch.Result {
	res := dispatch.Result{Test: plan.Test{ID: id}, Reason: reason}
	for i, o := range outcomes {
		a := dispatch.Attempt{Number: i + 1, Token: worker.Token(i + 1), Outcome: o}
		if o == "" {
			a.Void = "its worker was lost"
		}
		res.Attempts = append(res.Attempts, a)
	}
	return res
}

// The order of the reports is a function of the outcome: each test's last
// attempt that counts.
func TestTheReportsThatCount(t *testing.T) {
	results := []dispatch.Result{
		resultOf("retried", "", worker.Failing, worker.Passed),
		resultOf("lost", "", worker.Passed, ""),
		resultOf("never", "nobody had time"),
	}
	reports := map[attempt][]extent{
		{"retried", 1}: {{10, 1}}, {"retried", 2}: {{20, 2}, {40, 4}}, {"lost", 1}: {{30, 3}},
	}
	session := []extent{{0, 10}}
	for name, c := range map[string]struct {
		out     outcome
		want    string
		spooled string // what is made up
	}{
		"a test without reports gets one that says why": {
			outcome{results: results, reports: reports, session: session},
			"[[0,10]]\n[[20,2],[40,4]]\n[[30,3]]\n[[0,89]]\n",
			`{"worker":"","test":"never","kind":"died","data":{"message":"not run: nobody had time"}}` + "\n",
		},
		"what a stopped run did not reach is left out": {
			outcome{results: results, reports: reports, session: session, stopped: true}, "[[0,10]]\n[[20,2],[40,4]]\n[[30,3]]\n", "",
		},
		"of a broken suite no test counts": {
			outcome{results: results, reports: reports, session: session, broken: "a file could not be collected"}, "[[0,10]]\n", "",
		},
		"a run may have nothing": {outcome{}, "[]\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := runDir(t.TempDir())
			if err := dir.make(); err != nil {
				t.Fatal(err)
			}
			s, err := newSpool(filepath.Join(string(dir), reportsFile))
			if err != nil {
				t.Fatal(err)
			}
			made := &conclusion{dir: dir, out: &c.out, spool: s}
			if err := made.writeOrder(); err != nil {
				t.Fatal(err)
			}
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			for path, want := range map[string]string{
				filepath.Join(dir.conclusion(), "order.jsonl"): c.want, filepath.Join(string(dir), reportsFile): c.spooled,
			} {
				got, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, string(got)); diff != "" {
					t.Errorf("%s: %s", filepath.Base(path), diff)
				}
			}
		})
	}
}

// Of a worker whose session no test explains there are its own attempts, in the
// order of their reports, those that do not count included.
func TestTheSharesOfSessions(t *testing.T) {
	results := []dispatch.Result{
		resultOf("late", "", worker.Passed), resultOf("retried", "", worker.Failing, worker.Passed), resultOf("elsewhere", "", worker.Passed),
	}
	for i, w := range []dispatch.WorkerID{2, 2, 1} {
		results[i].Attempts[0].Worker = w
	}
	results[1].Attempts[1].Worker = 1
	reports := map[attempt][]extent{{"late", 1}: {{50, 1}}, {"retried", 1}: {{20, 2}, {40, 4}}, {"retried", 2}: {{60, 1}}, {"elsewhere", 1}: {{30, 3}}}
	dir := runDir(t.TempDir())
	if err := dir.make(); err != nil {
		t.Fatal(err)
	}
	c := &conclusion{dir: dir, out: &outcome{
		results: results, reports: reports, session: []extent{{0, 10}}, unexplained: []report.WorkerClosed{{Worker: 2, Code: 1, Closing: "unused"}},
	}}
	ends, err := c.writeShares()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]sessionEnd{{"worker-2", 1, "unused"}}, ends); diff != "" {
		t.Error(diff)
	}
	got, err := os.ReadFile(filepath.Join(dir.conclusion(), "shares", "worker-2.jsonl"))
	if want := "[[0,10]]\n[[20,2],[40,4]]\n[[50,1]]\n"; err != nil || string(got) != want {
		t.Errorf("%s%v", got, err)
	}
}

// Whatever the finisher says, coverage is not complete while files are missing.
func TestCoverageWithoutAWorkersFiles(t *testing.T) {
	lost := []missing{{2, "it was lost: killed"}}
	for _, c := range []struct {
		missing []missing
		says    framework.Covered
		want    report.Covered
	}{
		{nil, framework.Covered{Percent: 90, Complete: true}, report.Covered{Percent: 90, Complete: true}},
		{lost, framework.Covered{Percent: 90, Complete: true}, report.Covered{Percent: 90, Reason: "worker-2: it was lost: killed"}},
		{lost, framework.Covered{Reason: "worker-2: its file is damaged"}, report.Covered{Reason: "worker-2: its file is damaged"}},
	} {
		got := (&conclusion{out: &outcome{missing: c.missing}}).covered(c.says)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v, %+v: %s", c.missing, c.says, diff)
		}
	}
}
