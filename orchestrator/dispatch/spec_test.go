package dispatch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// A spec is a script: what happens, with the time in front when it has moved,
// and after each line, indented by ">", what the dispatcher says. At the end
// come the verdicts.
type spec struct {
	name     string
	cfg      dispatch.Config
	script   string
	verdicts string
}

var specs = []spec{
	{
		name: "where the link is slow, four round trips' worth of work waits at a worker",
		cfg:  dispatch.Config{Workers: 1},
		script: `
			add a:1s b:1s c:1s d:1s e:1s f:1s g:1s h:1s
			complete
			ready 1
			> hand 1 a b
			start 1 a
			trip 1 1s
			> hand 1 c d e
			1s pass 1 a 1s
			start 1 b
			2s pass 1 b 1s
			start 1 c
			3s pass 1 c 1s
			> hand 1 f g h`,
		verdicts: "a passed, b passed, c passed, d not-run, e not-run, f not-run, g not-run, h not-run",
	},
	{
		name: "one message that is late does not make a link slow",
		cfg:  dispatch.Config{Workers: 1},
		script: `
			add a:1s b:1s c:1s d:1s
			complete
			trip 1 8ms
			trip 1 248ms
			ready 1
			> hand 1 a b
			trip 7 9s`,
		verdicts: "a not-run, b not-run, c not-run, d not-run",
	},
	{
		name: "each worker gets the longest of its share first, and one test waits behind the one that runs",
		cfg:  dispatch.Config{Workers: 2},
		script: `
			add a:4s b:3s c:2s d:1s e:1s f:1s
			complete
			ready 1
			> hand 1 a d
			ready 2
			> hand 2 b c
			start 1 a
			4s pass 1 a 4s
			> hand 1 e`,
		verdicts: "a passed, b not-run, c not-run, d not-run, e not-run, f not-run",
	},
	{
		name: "an idle worker takes what waits behind a test that runs for longer than expected",
		cfg:  dispatch.Config{Workers: 2},
		script: `
			add a:2s a2:1s@a b:2s
			complete
			ready 1
			> hand 1 a a2
			start 1 a
			ready 2
			> hand 2 b
			start 2 b
			2s pass 2 b 2s
			4s tick
			> take back 1 a2
			return 1 a2
			> hand 2 a2
			start 2 a2
			5s pass 2 a2 1s
			9s pass 1 a 9s
			> release 1
			> release 2
			> done`,
		verdicts: "a passed, a2 passed, b passed",
	},
	{
		name: "who is not needed any more is released while others run, but for one",
		cfg:  dispatch.Config{Workers: 3},
		script: `
			add a:9s b:1s c:2s
			complete
			ready 1
			> hand 1 a
			start 1 a
			ready 2
			> hand 2 c
			start 2 c
			ready 3
			> hand 3 b
			start 3 b
			1s pass 3 b 1s
			2s pass 2 c 2s
			> release 3
			9s pass 1 a 9s
			> release 1
			> release 2
			> done`,
		verdicts: "a passed, b passed, c passed",
	},
	{
		name: "a static plan stays as it is",
		cfg:  dispatch.Config{Workers: 2, Static: true},
		script: `
			add a:9s a2:1s@a b:1s
			complete
			ready 1
			> hand 1 a
			ready 2
			> hand 2 a2 b
			start 2 a2
			1s pass 2 a2 1s
			start 2 b
			2s pass 2 b 1s
			start 1 a
			9s pass 1 a 9s
			> release 1
			> release 2
			> done`,
		verdicts: "a passed, a2 passed, b passed",
	},
	{
		name: "a hint is handed out before discovery; what vanished is dropped, what is new is added",
		cfg:  dispatch.Config{Workers: 1},
		script: `
			ready 1
			hint a:2s b:1s
			> hand 1 a b
			start 1 a
			add a:2s c:1s
			drop b
			> take back 1 b
			complete
			> hand 1 c
			return 1 b
			2s pass 1 a 2s
			start 1 c
			3s pass 1 c 1s
			> release 1
			> done`,
		verdicts: "a passed, c passed",
	},
	{
		name: "the test that a lost worker ran is tried once more, last; what waited there goes to others",
		cfg:  dispatch.Config{Workers: 2, MaxReplacements: 1},
		script: `
			add a:4s b:3s c:2s
			complete
			ready 1
			> hand 1 a
			ready 2
			> hand 2 b c
			start 1 a
			start 2 b
			1s lost 2 killed
			> replace 3
			ready 3
			> hand 3 c
			start 3 c
			3s pass 3 c 2s
			> hand 3 b
			start 3 b
			4s pass 1 a 4s
			6s pass 3 b 3s
			> release 1
			> release 3
			> done`,
		verdicts: "a passed, b passed, c passed",
	},
	{
		name: "the test of a lost worker waits until nothing else does, also where a worker is idle",
		cfg:  dispatch.Config{Workers: 2, MaxReplacements: 1},
		script: `
			add g1:4s#g g2:4s#g g3:4s#g b:1s
			complete
			ready 1
			> hand 1 g1 g2
			ready 2
			> hand 2 b
			start 1 g1
			start 2 b
			1s lost 2 killed
			> replace 3
			ready 3
			4s pass 1 g1 4s
			> hand 1 g3
			> hand 3 b`,
		verdicts: "g1 passed, g2 not-run, g3 not-run, b not-run",
	},
	{
		name: "a test that two workers were lost with is not run",
		cfg:  dispatch.Config{Workers: 1, MaxReplacements: 2},
		script: `
			add a:4s
			complete
			ready 1
			> hand 1 a
			start 1 a
			1s lost 1 killed
			> replace 2
			ready 2
			> hand 2 a
			start 2 a
			2s lost 2 killed
			> done`,
		verdicts: "a not-run (worker lost twice while it ran: killed) lost",
	},
	{
		name: "when no worker is left, the rest is not run",
		cfg:  dispatch.Config{Workers: 1},
		script: `
			add a:4s b:1s
			complete
			ready 1
			> hand 1 a b
			start 1 a
			4s pass 1 a 4s
			lost 1 the engine is gone
			> done`,
		verdicts: "a passed, b not-run (no worker is left: the engine is gone) lost",
	},
	{
		name: "a result without a live lease is evidence, not a verdict",
		cfg:  dispatch.Config{Workers: 2, MaxReplacements: 0},
		script: `
			add a:4s
			complete
			ready 1
			> hand 1 a
			ready 2
			start 1 a
			1s lost 1 its heartbeat stopped
			> hand 2 a
			fail 1 a 1s
			start 2 a
			5s pass 2 a 4s
			> release 2
			> done`,
		verdicts: "a passed, 1 evidence",
	},
	{
		name: "a failed test runs again on a fresh worker, and is flaky when it passes there",
		cfg:  dispatch.Config{Workers: 1, Retries: 1},
		script: `
			add a:1s
			complete
			ready 1 full
			> hand 1 a
			start 1 a
			1s fail 1 a 1s
			> replace 2
			ready 2 full
			> hand 2 a
			start 2 a
			2s pass 2 a 1s
			> release 1
			> release 2
			> done`,
		verdicts: "a flaky",
	},
	{
		name: "a test that fails every time is failed",
		cfg:  dispatch.Config{Workers: 1, Retries: 1},
		script: `
			add a:1s
			complete
			ready 1 full
			> hand 1 a
			1s error 1 a 1s
			> replace 2
			ready 2 full
			> hand 2 a
			2s fail 2 a 1s
			> release 1
			> release 2
			> done`,
		verdicts: "a failed",
	},
	{
		name: "without a fresh worker the failure stands",
		cfg:  dispatch.Config{Workers: 1, Retries: 1},
		script: `
			add a:1s
			complete
			ready 1 full
			> hand 1 a
			1s fail 1 a 1s
			> replace 2
			lost 2 no such image
			> release 1
			> done`,
		verdicts: "a failed",
	},
	{
		name: "a failure on a lazy worker is final only when a full one sees it too",
		cfg:  dispatch.Config{Workers: 2},
		script: `
			add a:2s b:1s
			complete
			ready 1
			> hand 1 a
			ready 2 full
			> hand 2 b
			start 1 a
			start 2 b
			1s pass 2 b 1s
			2s tentative 1 a 2s
			> hand 2 a
			start 2 a
			4s pass 2 a 2s
			> release 1
			> release 2
			> done`,
		verdicts: "a passed disproved, b passed",
	},
	{
		name: "a full worker is asked for when there is none",
		cfg:  dispatch.Config{Workers: 1},
		script: `
			add a:2s
			complete
			ready 1
			> hand 1 a
			2s tentative 1 a 2s
			> replace 2 full
			ready 2 full
			> hand 2 a
			4s fail 2 a 2s
			> release 1
			> release 2
			> done`,
		verdicts: "a failed",
	},
	{
		name: "what is to be confirmed is confirmed the most expensive first",
		cfg:  dispatch.Config{Workers: 2},
		script: `
			add a:4s b:2s c:1s d:1s
			complete
			ready 1 full
			> hand 1 a
			ready 2
			> hand 2 b c
			start 1 a
			start 2 b
			1s tentative 2 b 100ms
			> hand 2 d
			> hand 1 b
			start 2 c
			2s tentative 2 c 200ms
			start 2 d
			3s tentative 2 d 300ms
			4s pass 1 a 4s
			> hand 1 d
			start 1 b
			4100ms fail 1 b 100ms
			> hand 1 c`,
		verdicts: "a passed, b failed, c not-run, d not-run",
	},
	{
		name: "idle lazy workers are exchanged for full ones when much is to be confirmed",
		cfg:  dispatch.Config{Workers: 3, StartCost: 2 * time.Second},
		script: `
			add a:4s b:4s c:4s
			complete
			ready 1 full
			> hand 1 a
			ready 2
			> hand 2 b
			ready 3
			> hand 3 c
			start 1 a
			start 2 b
			start 3 c
			4s tentative 2 b 4s
			> hand 1 b
			> release 2
			> replace 4 full
			4s tentative 3 c 4s
			> release 3
			> replace 5 full
			4s pass 1 a 4s
			> hand 1 c
			start 1 b
			6s ready 4 full
			> take back 1 c
			return 1 c
			> hand 4 c
			start 4 c
			6s ready 5 full
			8s fail 1 b 4s
			> release 5
			10s fail 4 c 4s
			> release 1
			> release 4
			> done`,
		verdicts: "a passed, b failed, c failed",
	},
	{
		name: "no worker is exchanged when the one that confirms is done sooner than another would come",
		cfg:  dispatch.Config{Workers: 2, StartCost: 2 * time.Second},
		script: `
			add a:4s b:1s c:1s
			complete
			ready 1 full
			> hand 1 a
			ready 2
			> hand 2 b c
			start 1 a
			start 2 b
			1s tentative 2 b 1s
			> hand 1 b
			start 2 c
			2s tentative 2 c 1s
			4s pass 1 a 4s
			> hand 1 c`,
		verdicts: "a passed, b not-run, c not-run",
	},
	{
		name: "a lazy worker on which everything fails is exchanged before it is done",
		cfg:  dispatch.Config{Workers: 2, StartCost: time.Second},
		script: `
			add a:9s b:4s c:4s d:4s e:4s
			complete
			ready 1 full
			> hand 1 a e
			ready 2
			> hand 2 b c
			start 1 a
			start 2 b
			4s tentative 2 b 4s
			> replace 3 full
			start 2 c
			5s ready 3 full
			> hand 3 b d
			start 3 b
			8s tentative 2 c 4s
			> release 2`,
		verdicts: "a not-run, b not-run, c not-run, d not-run, e not-run",
	},
	{
		name: "what ran and is not what was discovered runs again",
		cfg:  dispatch.Config{Workers: 2},
		script: `
			add a:2s b:1s
			complete
			ready 1
			> hand 1 a
			ready 2 full
			> hand 2 b
			2s pass 1 a 2s
			reject 1 a
			> hand 2 a
			pass 2 b 1s
			pass 2 a 1s
			> release 1
			> release 2
			> done`,
		verdicts: "a passed, b passed",
	},
	{
		name: "workers that found other tests in one file do not void what others ran of it",
		cfg:  dispatch.Config{Workers: 4, StartCost: time.Minute},
		script: `
			add a:2s b:2s c:2s d:2s
			complete
			ready 1 full
			> hand 1 a
			ready 2
			> hand 2 b
			ready 3
			> hand 3 c
			ready 4
			> hand 4 d
			2s pass 1 a 2s
			reject 2 a b c d
			> take back 2 b
			> hand 1 b
			reject 3 a b c d
			> take back 3 c
			> hand 1 c
			reject 4 a b c d
			> take back 4 d
			pass 1 b 2s
			> hand 1 d
			pass 1 c 2s
			pass 1 d 2s
			> release 1
			> release 2
			> release 3
			> release 4
			> done`,
		verdicts: "a passed, b passed, c passed, d passed",
	},
	{
		name: "what passes and is suspect runs again where everything was collected",
		cfg:  dispatch.Config{Workers: 2, StartCost: time.Minute},
		script: `
			add a:2s b:1s
			complete
			ready 1 full
			> hand 1 a
			ready 2
			> hand 2 b
			1s suspect 2 b 1s
			> hand 1 b
			2s pass 1 a 2s
			fail 1 b 1s
			> release 1
			> release 2
			> done`,
		verdicts: "a passed, b failed",
	},
	{
		name: "a failure on a lazy worker is no verdict when the workers that would confirm it are lost",
		cfg:  dispatch.Config{Workers: 2, MaxReplacements: 0},
		script: `
			add a:1s
			complete
			ready 1
			> hand 1 a
			ready 2 full
			1s tentative 1 a 1s
			> hand 2 a
			start 2 a
			lost 2
			> replace 3 full
			lost 3
			> release 1
			> done`,
		verdicts: "a not-run (no worker that has collected the whole suite is left) lost",
	},
	{
		name: "what is suspect has no verdict when nobody can confirm it",
		cfg:  dispatch.Config{Workers: 2, StartCost: time.Minute},
		script: `
			add a:2s b:1s
			complete
			ready 1 full
			> hand 1 a
			ready 2
			> hand 2 b
			1s suspect 2 b 1s
			> hand 1 b
			2s pass 1 a 2s
			stop enough
			> take back 1 b
			> release 2
			return 1 b
			> release 1
			> done`,
		verdicts: "a passed, b not-run (enough)",
	},
	{
		name: "nothing of a file in which a worker found other tests is final there",
		cfg:  dispatch.Config{Workers: 2, StartCost: time.Minute},
		script: `
			add a:2s@z b:1s@f
			complete
			ready 1 full
			> hand 1 a
			ready 2
			> hand 2 b
			refute 2 b
			> take back 2 b
			> hand 1 b
			add c:1s@f
			> hand 2 c
			1s pass 2 c 1s
			2s pass 1 a 2s
			> hand 1 c
			pass 1 b 1s
			fail 1 c 1s
			> release 1
			> release 2
			> done`,
		verdicts: "a passed, b passed, c failed",
	},
	{
		name: "a later report of the worker changes the outcome of its attempt",
		cfg:  dispatch.Config{Workers: 1},
		script: `
			add a:2s b:1s
			complete
			ready 1 full
			> hand 1 a b
			2s pass 1 a 2s
			error 1 a 2s
			pass 1 b 1s
			> release 1
			> done
			error 1 b 1s`,
		verdicts: "a failed, b failed",
	},
	{
		name: "stopped: nothing more is handed out, what runs may end",
		cfg:  dispatch.Config{Workers: 1},
		script: `
			add a:2s b:1s c:1s d:1s
			complete
			ready 1
			> hand 1 a b
			start 1 a
			stop interrupted
			> take back 1 b
			return 1 b
			pass 1 a 2s
			> release 1
			> done`,
		verdicts: "a passed, b not-run (interrupted), c not-run (interrupted), d not-run (interrupted)",
	},
	{
		name: "a group stays together, wherever its files are",
		cfg:  dispatch.Config{Workers: 2},
		script: `
			add a:4s b:1s#g c:1s#g d:1s#g
			complete
			ready 1
			> hand 1 a
			ready 2
			> hand 2 b c
			start 2 b
			1s pass 2 b 1s
			> hand 2 d`,
		verdicts: "a not-run, b passed, c not-run, d not-run",
	},
	{
		name: "no tests: done at once",
		cfg:  dispatch.Config{Workers: 2},
		script: `
			ready 1
			complete
			> release 1
			> done
			ready 2
			> release 2`,
	},
	{
		name: "a batch runs at once: when it is due, its worker will soon take what waits, and nobody else needs to",
		cfg:  dispatch.Config{Workers: 1, Runner: dispatch.Atomic, BatchCost: time.Second},
		script: `
			add a:4s b:1s
			complete
			ready 1
			> hand 1 a
			start 1 a
			4s ready 2
			4s tick
			4s pass 1 a 4s
			> hand 1 b`,
		verdicts: "a passed, b not-run",
	},
	{
		name: "a batch of several runs at once too",
		cfg:  dispatch.Config{Workers: 1, Runner: dispatch.Atomic, BatchCost: time.Second},
		script: `
			add a:2s b:2s c:1s
			complete
			ready 1
			> hand 1 a b
			start 1 a
			start 1 b
			4s ready 2
			4s pass 1 a 2s
			4s pass 1 b 2s
			> hand 1 c`,
		verdicts: "a passed, b passed, c not-run",
	},
	{
		name: "what a lost worker ran of a batch is tried once more, each alone",
		cfg:  dispatch.Config{Workers: 1, Runner: dispatch.Atomic, BatchCost: time.Second, MaxReplacements: 1},
		script: `
			add a:1s b:1s c:1s
			complete
			ready 1
			> hand 1 a b c
			start 1 a
			start 1 b
			start 1 c
			1s lost 1 killed
			> replace 2
			ready 2
			> hand 2 a
			start 2 a
			2s pass 2 a 1s
			> hand 2 b
			start 2 b
			3s pass 2 b 1s
			> hand 2 c
			start 2 c
			4s pass 2 c 1s
			> release 2
			> done`,
		verdicts: "a passed, b passed, c passed",
	},
}

func TestSpec(t *testing.T) { play(t, specs) }

func play(t *testing.T, specs []spec) {
	t.Helper()
	for _, s := range specs {
		t.Run(s.name, func(t *testing.T) {
			a := &actor{t: t, d: dispatch.New(s.cfg), tokens: map[string]worker.Token{}}
			var want []string
			for _, line := range strings.Split(strings.TrimSpace(s.script), "\n") {
				line = strings.TrimSpace(line)
				if said, ok := strings.CutPrefix(line, "> "); ok {
					want = append(want, said)
					continue
				}
				a.expect(want)
				want = nil
				a.act(line)
			}
			a.expect(want)
			if got := verdicts(a.d); got != s.verdicts {
				t.Errorf("verdicts\n%s\nwant\n%s", got, s.verdicts)
			}
		})
	}
}

// actor plays a script.
type actor struct {
	t      *testing.T
	d      *dispatch.Dispatcher
	now    time.Duration
	index  int
	tokens map[string]worker.Token // of each worker's lease of a test
	line   string
	said   []string
	answer string // of the last input, in words
}

func (a *actor) expect(want []string) {
	a.t.Helper()
	if got := strings.Join(a.said, "\n"); got != strings.Join(want, "\n") {
		a.t.Fatalf("after %q the dispatcher says\n%s\nwant\n%s", a.line, got, strings.Join(want, "\n"))
	}
	a.said = nil
}

func (a *actor) act(line string) {
	a.line = line
	words := strings.Fields(line)
	if at, err := time.ParseDuration(words[0]); err == nil {
		a.now = at
		words = words[1:]
	}
	in := a.input(words[0], words[1:])
	answer := a.d.Handle(a.now, in)
	a.answer = answered(a.d, in, answer)
	for _, c := range answer.Commands {
		a.said = append(a.said, a.hear(c))
	}
}

func (a *actor) input(verb string, args []string) dispatch.Input {
	switch verb {
	case "add":
		return dispatch.TestsAdded{Tests: a.tests(args)}
	case "hint":
		return dispatch.TestsAdded{Tests: a.tests(args), Hinted: true}
	case "drop":
		return dispatch.TestsDropped{Tests: ids(args)}
	case "complete":
		return dispatch.InventoryComplete{}
	case "tick":
		return dispatch.Ticked{}
	case "stop":
		return dispatch.Stopped{Reason: strings.Join(args, " ")}
	}
	var w dispatch.WorkerID
	if _, err := fmt.Sscan(args[0], &w); err != nil {
		a.t.Fatalf("%q: %v", a.line, err)
	}
	args = args[1:]
	switch verb {
	case "trip":
		took, err := time.ParseDuration(args[0])
		if err != nil {
			a.t.Fatalf("%q: %v", a.line, err)
		}
		return dispatch.RoundTripped{Worker: w, Took: took}
	case "ready":
		return dispatch.WorkerReady{Worker: w, Full: len(args) > 0 && args[0] == "full"}
	case "reject", "refute":
		return dispatch.TestsRejected{Worker: w, Tests: ids(args), Files: verb == "refute"}
	case "lost":
		return dispatch.WorkerLost{Worker: w, Cause: strings.Join(args, " ")}
	case "return":
		return dispatch.TestsReturned{Worker: w, Tests: ids(args)}
	case "start":
		return dispatch.TestStarted{Worker: w, Token: a.token(w, args[0]), Test: worker.TestID(args[0])}
	}
	if verb == "forge" { // the worker passes a test under another one's token
		var other dispatch.WorkerID
		if _, err := fmt.Sscan(args[0], &other); err != nil {
			a.t.Fatalf("%q: %v", a.line, err)
		}
		return dispatch.TestFinished{Worker: w, Token: a.token(other, args[1]), Test: worker.TestID(args[1]), Outcome: worker.Passed}
	}
	in := dispatch.TestFinished{Worker: w, Token: a.token(w, args[0]), Test: worker.TestID(args[0]), Tentative: verb == "tentative" || verb == "suspect", Suspect: verb == "suspect", Stray: verb == "stray"}
	in.Call, _ = time.ParseDuration(args[1])
	in.Outcome = map[string]worker.Outcome{"pass": worker.Passed, "fail": worker.Failing, "tentative": worker.Failing, "suspect": worker.Passed, "stray": worker.Passed, "error": worker.Errored, "skip": worker.Skipped}[verb]
	if in.Outcome == "" {
		a.t.Fatalf("%q: no such verb", a.line)
	}
	return in
}

func (a *actor) token(w dispatch.WorkerID, test string) worker.Token {
	return a.tokens[fmt.Sprint(w, test)]
}

// tests reads "id:estimate", with "#group" or "@file" behind.
func (a *actor) tests(args []string) []plan.Test {
	var out []plan.Test
	for _, arg := range args {
		arg, group, _ := strings.Cut(arg, "#")
		arg, file, _ := strings.Cut(arg, "@")
		id, est, _ := strings.Cut(arg, ":")
		d, err := time.ParseDuration(est)
		if err != nil {
			a.t.Fatalf("%q: %v", a.line, err)
		}
		if file == "" {
			file = id
		}
		out = append(out, plan.Test{ID: worker.TestID(id), File: file, Group: group, Index: a.index, Estimate: d, Known: true})
		a.index++
	}
	return out
}

func ids(args []string) []worker.TestID {
	out := make([]worker.TestID, len(args))
	for i, a := range args {
		out[i] = worker.TestID(a)
	}
	return out
}

func (a *actor) hear(c dispatch.Command) string {
	switch c := c.(type) {
	case dispatch.Hand:
		s := fmt.Sprintf("hand %d", c.Worker)
		for _, r := range c.Tests {
			s += " " + string(r.ID)
			a.tokens[fmt.Sprint(c.Worker, r.ID)] = c.Token
		}
		return s
	case dispatch.TakeBack:
		s := fmt.Sprintf("take back %d", c.Worker)
		for _, id := range c.Tests {
			s += " " + string(id)
		}
		return s
	case dispatch.Release:
		return fmt.Sprintf("release %d", c.Worker)
	case dispatch.Replace:
		return strings.TrimSpace(fmt.Sprintf("replace %d %s", c.Worker, map[bool]string{true: "full"}[c.Full]))
	case dispatch.Done:
		return "done"
	}
	return fmt.Sprintf("%#v", c)
}

// verdicts are the results in one line. The reason of a test that has not run
// yet is left out.
func verdicts(d *dispatch.Dispatcher) string {
	var out []string
	for _, r := range d.Results() {
		s := string(r.Test.ID) + " " + string(r.Verdict)
		if r.Reason != "" && r.Reason != "it has not run yet" {
			s += " (" + r.Reason + ")"
		}
		if r.Lost {
			s += " lost"
		}
		if r.Disproved {
			s += " disproved"
		}
		if r.Reordered {
			s += " reordered"
		}
		if r.Evidence > 0 {
			s += fmt.Sprintf(", %d evidence", r.Evidence)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}
