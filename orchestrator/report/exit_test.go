package report

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestExitCode(t *testing.T) {
	green := Totals{Discovered: 3, Passed: 2, Skipped: 1}
	failed := Totals{Discovered: 3, Passed: 2, Failed: 1}
	for _, c := range []struct {
		name    string
		r       Report
		code    int
		reasons []string
	}{
		{"green", Report{Totals: green}, 0, nil},
		{"failed", Report{Totals: failed}, 1, []string{"1 test failed"}},
		{"not run", Report{Totals: Totals{Discovered: 3, Passed: 2, NotRun: 1}}, 3, []string{"1 test not run"}},
		{"no verdict", Report{Totals: Totals{Discovered: 1003, Passed: 2}}, 3, []string{"1 001 tests not run"}},
		{"nothing", Report{}, 4, []string{"nothing to test: no test was found where the arguments and the project's configuration say to look"}},
		{"all deselected, pytest says 5", Report{Totals: Totals{Deselected: 9}, Concluded: &Concluded{Code: 5}}, 4, []string{"nothing to test: 9 tests were found, and the selection leaves all out: look at it, on the command line and in the project's configuration"}},
		{"usage", Report{Faults: []Fault{{Kind: Usage, Text: "no such option"}}}, 2, []string{"no such option"}},
		{"infrastructure before discovery", Report{Faults: []Fault{{Kind: Infrastructure, Text: "no engine"}}}, 3, []string{"no engine"}},
		{"collection errors end the run", Report{Totals: Totals{Discovered: 5, CollectErrors: 2, CollectStop: true}}, 1, []string{"2 files could not be collected"}},
		{
			"collection errors are named", Report{Totals: Totals{Discovered: 5, CollectErrors: 5, CollectStop: true, Uncollected: []string{"a.py", "b.py", "c.py", "d.py"}}}, 1,
			[]string{"5 files could not be collected: a.py, b.py, c.py and 2 more"},
		},
		{"collection errors, tests not run", Report{Totals: Totals{Discovered: 5, CollectErrors: 1, CollectStop: true, NotRun: 5}}, 1, []string{"1 file could not be collected", "5 tests not run"}},
		{"collection errors, continued", Report{Totals: Totals{Discovered: 1, Passed: 1, CollectErrors: 1}}, 1, []string{"1 file could not be collected"}},
		{"coverage incomplete", Report{Totals: green, Coverage: &Coverage{Percent: 10, FailUnder: 90, Reason: "worker-2 left none"}}, 3, []string{"coverage is incomplete: worker-2 left none"}},
		{"coverage low", Report{Totals: green, Coverage: &Coverage{Percent: 84.996, FailUnder: 85, Under: true, Complete: true}}, 5, []string{"coverage 84.996 % is under the limit of 85 %"}},
		{"coverage at the limit", Report{Totals: green, Coverage: &Coverage{Percent: 85, FailUnder: 85, Complete: true}}, 0, nil},
		{"coverage that its tool rounds up to the limit", Report{Totals: green, Coverage: &Coverage{Percent: 84.7, FailUnder: 85, Complete: true}}, 0, nil},
		{"flaky", Report{Totals: Totals{Discovered: 1, Flaky: 1}}, 0, nil},
		{"flaky when asked", Report{Totals: Totals{Discovered: 1, Flaky: 1}, FailOn: []string{"flaky"}}, 5, []string{"1 test is flaky, and --fail-on flaky is set"}},
		{"the framework is not content", Report{Totals: green, Concluded: &Concluded{Code: 1}}, 1, []string{"the framework itself ended with status 1: what it printed says why"}},
		{"a session is not content", Report{Totals: green, Workers: []Worker{
			{Worker: 1}, {Worker: 2, Code: 7, Unexplained: true, Closing: "\n=== 2 snapshots unused ===\nsnapshot a\n"}, {Worker: 3, Code: 7, Unexplained: true, Closing: "2 snapshots unused"}, {Worker: 4, Code: 1, Unexplained: true},
		}}, 1, []string{
			"the sessions of worker-2, worker-3 ended with status 7, which no test explains: 2 snapshots unused",
			"the session of worker-4 ended with status 1, which no test explains: look for a plugin's or a conftest's end of the session",
		}},
		{"a session is not content with its share, and the framework is with the whole", Report{
			Totals: green, Concluded: &Concluded{Excused: []string{"worker-1"}}, Workers: []Worker{{Worker: 1, Code: 1, Unexplained: true}},
		}, 0, nil},
		{"nor is the framework with the whole", Report{
			Totals: green, Concluded: &Concluded{Code: 1, Excused: []string{"worker-1"}}, Workers: []Worker{{Worker: 1, Code: 1, Unexplained: true, Closing: "1 unused"}},
		}, 1, []string{"the session of worker-1 ended with status 1, which no test explains: 1 unused"}},
		{"hooks forgive what failed", Report{
			Totals: failed, Concluded: &Concluded{Forgiven: true}, Workers: []Worker{{Worker: 1}, {Worker: 2, Code: 1}},
			Tests: []Test{{Verdict: Fail, Attempts: []Attempt{{Worker: 1}}}},
		}, 0, nil},
		{"hooks forgive it where all reports are, and not in its worker", Report{
			Totals: failed, Concluded: &Concluded{Forgiven: true}, Workers: []Worker{{Worker: 1, Code: 1}},
			Tests: []Test{{Verdict: Fail, Attempts: []Attempt{{Worker: 1}}}},
		}, 1, []string{"1 test failed"}},
		{"hooks forgive, and a test ended its process", Report{
			Totals: failed, Concluded: &Concluded{Forgiven: true}, Workers: []Worker{{Worker: 1}},
			Tests: []Test{{Verdict: Fail, Attempts: []Attempt{{Worker: 1, Cause: "signal"}}}},
		}, 1, []string{"1 test failed"}},
		{"hooks forgive that there is nothing", Report{Totals: Totals{Deselected: 9}, Concluded: &Concluded{Forgiven: true}}, 0, nil},
		{"the framework ended the run before its time", Report{
			Totals: Totals{Discovered: 3, NotRun: 3}, Stopped: &Stopped{Reason: "enough"}, Workers: []Worker{{Worker: 1, Code: 2, Unexplained: true}},
		}, 3, []string{"3 tests not run: enough"}},
		{"the framework ended the run after the last test", Report{
			Totals: green, Stopped: &Stopped{Reason: "enough"}, Workers: []Worker{{Worker: 1, Code: 2, Unexplained: true, Closing: "enough"}},
		}, 1, []string{"the session of worker-1 ended with status 2, which no test explains: enough"}},
		{"not concluded", Report{Totals: green, Concluded: &Concluded{Error: "killed"}}, 3, []string{"the run could not be concluded: killed"}},
		{"Ctrl-C", Report{Totals: Totals{Discovered: 3, Failed: 1, NotRun: 2}, Stopped: &Stopped{Reason: "interrupted", Signal: "interrupt"}}, 130, []string{"interrupted", "1 test failed", "2 tests not run: interrupted"}},
		{"terminated", Report{Totals: green, Stopped: &Stopped{Reason: "terminated", Signal: "terminated"}}, 143, []string{"terminated"}},
		{"Ctrl-C before discovery", Report{Stopped: &Stopped{Reason: "interrupted", Signal: "interrupt"}}, 130, []string{"interrupted"}},
		{"stopped before discovery", Report{Stopped: &Stopped{Reason: "conftest.py ended it"}}, 3, []string{"no test was discovered: conftest.py ended it"}},
		{"--maxfail", Report{Totals: Totals{Discovered: 3, Failed: 1, NotRun: 2}, Stopped: &Stopped{Reason: "stopping after 1 failure"}}, 1, []string{"1 test failed", "2 tests not run: stopping after 1 failure"}},
		{
			"all at once", Report{
				Totals: Totals{Discovered: 4, Failed: 1, Flaky: 1, NotRun: 2}, Stopped: &Stopped{Reason: "interrupted", Signal: "interrupt"}, FailOn: []string{"flaky"},
				Faults: []Fault{{Kind: Infrastructure, Text: "lost"}, {Kind: Usage, Text: "bad"}}, Coverage: &Coverage{Percent: 1, FailUnder: 2, Under: true, Complete: true},
			}, 130, []string{
				"interrupted", "bad", "1 test failed", "2 tests not run: interrupted", "lost", "coverage 1 % is under the limit of 2 %",
				"1 test is flaky, and --fail-on flaky is set",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, why := ExitCode(&c.r)
			var reasons []string
			for _, r := range why {
				reasons = append(reasons, r.Text)
			}
			if diff := cmp.Diff(c.reasons, reasons); code != c.code || diff != "" {
				t.Errorf("exit %d, want %d\n%s", code, c.code, diff)
			}
		})
	}
}

// TestNeverGreenByMistake: green means that every test that was discovered
// passed, was skipped, or was flaky while that is allowed.
func TestNeverGreenByMistake(t *testing.T) {
	n := rapid.IntRange(0, 2)
	rapid.Check(t, func(t *rapid.T) {
		r := &Report{Totals: Totals{
			Passed: n.Draw(t, "passed"), Failed: n.Draw(t, "failed"), Skipped: n.Draw(t, "skipped"), Flaky: n.Draw(t, "flaky"),
			NotRun: n.Draw(t, "not run"), CollectErrors: n.Draw(t, "errors"), CollectStop: rapid.Bool().Draw(t, "stop"),
		}}
		lost := n.Draw(t, "lost")
		r.Totals.Discovered = r.Totals.Judged() + lost
		for range n.Draw(t, "faults") {
			r.Faults = append(r.Faults, Fault{Kind: rapid.SampledFrom([]FaultKind{Usage, Infrastructure}).Draw(t, "kind"), Text: "x"})
		}
		code, reasons := ExitCode(r)
		if (code == ExitGreen) != (len(reasons) == 0) {
			t.Fatalf("exit %d with reasons %v", code, reasons)
		}
		if !slices.Contains([]int{0, 1, 2, 3, 4}, code) {
			t.Fatalf("exit %d", code)
		}
		if lost > 0 && !r.Totals.CollectStop || r.Totals.Failed+r.Totals.NotRun+r.Totals.CollectErrors+len(r.Faults) > 0 {
			if code == ExitGreen {
				t.Fatalf("green: %+v", r.Totals)
			}
		}
	})
}

func TestWorst(t *testing.T) {
	for _, c := range []struct {
		codes []int
		want  int
	}{{nil, 0}, {[]int{0, 0}, 0}, {[]int{4, 5, 0}, 5}, {[]int{3, 1, 4}, 1}, {[]int{1, 130}, 130}} {
		var runs []*Report
		for _, code := range c.codes {
			runs = append(runs, &Report{Exit: code})
		}
		if got := Worst(runs...); got != c.want {
			t.Errorf("%v: %d, want %d", c.codes, got, c.want)
		}
	}
}

// TestReasonsOfFormat1: a run.json of an earlier version has bare texts.
func TestReasonsOfFormat1(t *testing.T) {
	var r Report
	if err := json.Unmarshal([]byte(`{"format":1,"exit":3,"reasons":["1 test not run: lost"]}`), &r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Reason{{Text: "1 test not run: lost"}}, r.Reasons); diff != "" {
		t.Error(diff)
	}
	b, err := json.Marshal(Reason{ReasonNotRun, ExitInfrastructure, "1 test not run"})
	if want := `{"code":"not-run","exit":3,"text":"1 test not run"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}
