package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

// TestLacking: each thing once, what most failures name first; a test that passed
// in the end lacks nothing.
func TestLacking(t *testing.T) {
	yaml, git := worker.Lack{Kind: worker.LackModule, Name: "yaml"}, worker.Lack{Kind: worker.LackProgram, Name: "git"}
	option := worker.Lack{Kind: worker.LackOption, Name: "--x"}
	s := NewState()
	for _, b := range []Body{
		Discovered{Tests: 3, Errors: 2, Lacks: []worker.Lack{yaml, yaml}},
		TestFinished{Test: "a", Attempt: 1, Worker: 1, Outcome: worker.Failing, Lack: &git},
		TestFinished{Test: "b", Attempt: 1, Worker: 1, Outcome: worker.Errored, Lack: &yaml},
		TestFinished{Test: "c", Attempt: 1, Worker: 1, Outcome: worker.Failing, Lack: &git},
		TestFinished{Test: "c", Attempt: 2, Worker: 2, Outcome: worker.Passed},
		Judged{Test: "c", Verdict: Flaky},
		Fault{Kind: Usage, Text: "no option", Lack: &option},
	} {
		s.Apply(Event{Body: b})
	}
	want := []Advised{{Lack: yaml, Tests: 1, Files: 2}, {Lack: git, Tests: 1}, {Lack: option}}
	if diff := cmp.Diff(want, s.Lacking()); diff != "" {
		t.Error(diff)
	}
}
