package dispatch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/worker"
)

// An answer spec is a script like a spec's; after each line with an answer,
// indented by "=", comes what it says: of the attempt, then the tests judged.
var answerSpecs = []struct {
	name    string
	workers int
	retries int
	script  string
}{
	{"an attempt has its number, its place in its file and what ran before", 1, 0, `
		add a1:1s@a a2:1s@a b1:1s@b
		complete
		ready 1 full
		start 1 a1
		= a1 attempt 1 first
		1s pass 1 a1 1s
		= a1 attempt 1 first passed; a1 passed
		start 1 a2
		= a2 attempt 1 after a1
		2s pass 1 a2 1s
		= a2 attempt 1 after a1 passed; a2 passed
		start 1 b1
		= b1 attempt 1 first after a2`},
	{"a test that ends without having started has started then", 1, 0, `
		add a1:1s@a a2:1s@a
		complete
		ready 1 full
		1s pass 1 a1 1s
		= a1 attempt 1 first passed; a1 passed
		2s pass 1 a2 1s
		= a2 attempt 1 after a1 passed; a2 passed`},
	{"a start that comes twice counts once", 1, 0, `
		add a1:1s@a a2:1s@a
		complete
		ready 1 full
		start 1 a1
		= a1 attempt 1 first
		start 1 a1
		= evidence
		pass 1 a1 1s
		= a1 attempt 1 first passed; a1 passed`},
	{"a result without a lease is evidence", 2, 0, `
		add a:1s b:1s
		complete
		ready 1
		start 2 a
		= evidence
		pass 2 a 1s
		= evidence
		start 1 nobody
		= evidence
		pass 1 nobody 1s
		= evidence`},
	{"a worker cannot use another one's lease", 2, 0, `
		add a:1s b:1s
		complete
		ready 1
		ready 2
		forge 2 1 a
		= evidence
		pass 1 a 1s
		= a attempt 1 first passed; a passed`},
	{"what runs after its lease was withdrawn opens its file all the same", 1, 0, `
		hint a1:1s@a a2:1s@a
		ready 1
		drop a1
		start 1 a1
		= evidence
		pass 1 a1 1s
		= evidence
		start 1 a2
		= a2 attempt 1 after a1`},
	{"a failure on a lazy worker is tentative and no verdict; its confirmation is", 2, 0, `
		add a:1s b:1s
		complete
		ready 1 full
		ready 2
		start 2 b
		= b attempt 1 first
		1s tentative 2 b 1s
		= b attempt 1 first failed tentative
		1s pass 1 a 1s
		= a attempt 1 first passed; a passed
		2s fail 1 b 1s
		= b attempt 2 first after a failed; b failed`},
	{"a failure that is tried again is judged when that has ended", 1, 1, `
		add a:1s
		complete
		ready 1 full
		1s fail 1 a 1s
		= a attempt 1 first failed
		ready 2 full
		start 2 a
		= a attempt 2 first
		2s skip 2 a 1s
		= a attempt 2 first skipped; a failed`},
	{"the attempt of a lost worker counts, and the loss names its test", 1, 0, `
		add a:1s
		complete
		ready 1 full
		start 1 a
		= a attempt 1 first
		lost 1 killed
		= a attempt 1 first lost
		ready 2 full
		1s pass 2 a 1s
		= a attempt 2 first passed; a passed`},
	{"an amended attempt is judged once more, also after the end", 1, 0, `
		add a:1s
		complete
		ready 1 full
		1s pass 1 a 1s
		= a attempt 1 first passed; a passed
		error 1 a 1s
		= a attempt 1 first error; a failed`},
	{"an attempt that is void loses the test its verdict", 1, 0, `
		add a:1s b:1s
		complete
		ready 1
		pass 1 a 1s
		= a attempt 1 first passed; a passed
		reject 1 a
		= a open
		pass 1 a 2s
		= a attempt 1 first passed void
		pass 1 b 1s
		= b attempt 1 first after a passed; b passed`},
	{"who is stopped gives every test that waits its verdict", 1, 0, `
		add a:1s b:1s
		complete
		stop interrupted
		= a not-run; b not-run`},
}

// The first of a batch to end is its first: its setup has what the batch cost.
func TestAnswerOfABatch(t *testing.T) {
	a := &actor{t: t, d: dispatch.New(dispatch.Config{Workers: 1, Runner: dispatch.Atomic}), tokens: map[string]worker.Token{}}
	for _, step := range []struct{ line, want string }{
		{"add a:3s b:1s c:1s", ""}, {"complete", ""}, {"ready 1", ""}, {"start 1 a", "a attempt 1 first"},
		{"1s pass 1 a 1s", "a attempt 1 first passed; a passed"},
		{"start 1 b", "b attempt 1 first after a"},
		{"2s pass 1 b 1s", "b attempt 1 first after a passed; b passed"},
	} {
		if a.act(step.line); step.want != "" && a.answer != step.want {
			t.Errorf("after %q the answer is %q, want %q", step.line, a.answer, step.want)
		}
	}
	b := &actor{t: t, d: dispatch.New(dispatch.Config{Workers: 1, Runner: dispatch.Atomic, BatchCost: time.Second}), tokens: map[string]worker.Token{}}
	for _, step := range []struct{ line, want string }{
		{"add a:1s@f b:1s@f", ""}, {"complete", ""}, {"ready 1", ""}, {"start 1 a", "a attempt 1 first"}, {"start 1 b", "b attempt 1 after a"},
		{"2s pass 1 b 1s", "b attempt 1 first after a passed; b passed"},
		{"2s pass 1 a 1s", "a attempt 1 passed; a passed"},
	} {
		if b.act(step.line); step.want != "" && b.answer != step.want {
			t.Errorf("after %q the answer is %q, want %q", step.line, b.answer, step.want)
		}
	}
}

func TestAnswer(t *testing.T) {
	for _, s := range answerSpecs {
		t.Run(s.name, func(t *testing.T) {
			a := &actor{t: t, d: dispatch.New(dispatch.Config{Workers: s.workers, Retries: s.retries, MaxReplacements: 1}), tokens: map[string]worker.Token{}}
			for _, line := range strings.Split(strings.TrimSpace(s.script), "\n") {
				line = strings.TrimSpace(line)
				want, ok := strings.CutPrefix(line, "= ")
				if !ok {
					a.act(line)
					continue
				}
				if a.answer != want {
					t.Fatalf("after %q the answer is %q, want %q", a.line, a.answer, want)
				}
			}
		})
	}
}

// answered puts an answer into words.
func answered(d *dispatch.Dispatcher, in dispatch.Input, a dispatch.Answer) string {
	var words []string
	if a.Test.ID != "" {
		words = append(words, string(a.Test.ID), "attempt", fmt.Sprint(a.Attempt.Number))
	}
	add := func(ok bool, w string) {
		if ok {
			words = append(words, w)
		}
	}
	add(a.Attempt.First, "first")
	add(a.Attempt.Before != "", "after "+string(a.Attempt.Before))
	add(a.Attempt.Outcome != "", string(a.Attempt.Outcome))
	add(a.Attempt.Tentative, "tentative")
	lost := strings.HasPrefix(a.Attempt.Void, "worker lost")
	add(lost, "lost")
	add(a.Attempt.Void != "" && !lost, "void")
	switch in.(type) {
	case dispatch.TestStarted, dispatch.TestFinished:
		add(!a.Live, "evidence")
	}
	parts := []string{}
	if len(words) > 0 {
		parts = append(parts, strings.Join(words, " "))
	}
	for _, id := range a.Judged {
		r, _ := d.Result(id)
		v := string(r.Verdict)
		if !r.Final {
			v = "open"
		}
		parts = append(parts, string(id)+" "+v)
	}
	return strings.Join(parts, "; ")
}
