package census_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/census"
	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// A sentence is one of docs/architecture.md, with a script that shows it: what
// sessions say, and after each line, behind ">", what the census and the
// dispatcher make of it, in order. In the end come the verdicts.
type sentence struct {
	text     string
	cfg      census.Config
	hint     string // tests of the last run
	workers  int    // 0: 2
	retries  int
	script   string
	verdicts string
}

// suite is a full collection of two files by worker 1, as most scripts begin.
const suite = `
	hire 1
	> full
	hire 2
	> lazy
	opened 1 full
	> begun full
	opened 2 lazy
	> begun lazy
	> ready
	file 1 a.py a1 a2
	file 1 b.py b1 b2`

// running is a suite that is known, and of which every worker has two tests.
const running = suite + `
	collected 1
	> known
	> discovered 4
	> add a1 a2 b1 b2
	> complete
	> hand 2 b1 b2
	> planned
	> ready full
	> hand 1 a1 a2`

var lazyCollection = []sentence{
	{
		text: "One worker collects everything (that is discovery, and that worker then runs tests too), the others collect a skeleton.",
		script: suite + `
			collected 1
			> known
			> discovered 4
			> add a1 a2 b1 b2
			> complete
			> hand 2 b1 b2
			> planned
			> ready full
			> hand 1 a1 a2`,
	},
	{
		text: "A lazy worker publishes what it found in a file: ids, marks, fixtures, lines; it is held against the full list.",
		script: running + `
			file 2 b.py b1 b2
			file 2 a.py a1 a2!mark
			> warning: worker-2 found other tests in a.py than a full collection: the next 10 runs of this suite collect everything on every worker
			> reject 2 a1 a2`,
	},
	{
		text: "A long list comes in pieces, and is held against the full list as a whole; a process that died in the middle of one is forgotten.",
		script: `
			hire 1
			> full
			hire 2
			> lazy
			opened 1 full
			> begun full
			opened 2 lazy
			> begun lazy
			> ready
			part 1 a.py a1
			file 1 a.py a2
			collected 1
			> known
			> discovered 2
			> add a1 a2
			> complete
			> hand 2 a1 a2
			> planned
			> ready full
			part 2 a.py a1
			opened 2 lazy
			part 2 a.py a1
			file 2 a.py a2
			part 2 a.py a1 a2
			file 2 a.py a3
			> warning: worker-2 found other tests in a.py than a full collection: the next 10 runs of this suite collect everything on every worker
			> reject 2 a1 a2
			> take back 2 a1
			> take back 2 a2
			> hand 1 a1 a2`,
	},
	{
		text: "On a difference the file's results there are void and run again on a worker that has collected everything (full).",
		script: running + `
			pass 2 b1
			file 2 b.py b2 b1
			> warning: worker-2 found other tests in b.py than a full collection: the next 10 runs of this suite collect everything on every worker
			> reject 2 b1 b2
			> take back 2 b2
			pass 1 a1
			> hand 1 b1
			pass 1 a2
			> hand 1 b2
			fail 1 b1
			pass 1 b2
			> release 1
			> release 2
			> done`,
		verdicts: "a1 passed, a2 passed, b1 failed, b2 passed",
	},
	{
		text: "On a difference the next runs of this suite collect in full.",
		script: running + `
			file 2 b.py b1
			> warning: worker-2 found other tests in b.py than a full collection: the next 10 runs of this suite collect everything on every worker
			> reject 2 b1 b2
			> take back 2 b1
			> take back 2 b2
			file 2 c.py c1
			> reject 2
			observation
			> refuted`,
	},
	{
		text: "Equal lists cannot show that a test looked at session.items: a failure on a lazy worker is tentative, shown, counted and reported only after the test has failed on a full worker.",
		script: running + `
			fail 2 b1
			> tentative
			verdict b1
			> open
			pass 1 a1
			> hand 1 b1
			pass 1 a2
			pass 2 b2
			fail 1 b1
			> release 1
			> release 2
			> done
			verdict b1
			> failed
			disproved
			observation
			> held`,
		verdicts: "a1 passed, a2 passed, b1 failed, b2 passed",
	},
	{
		text: "When it passes there, that is its outcome; one run says what it saw, and whether laziness was the cause it cannot tell.",
		script: running + `
			pass 2 b1
			fail 2 b2
			> tentative
			pass 1 a1
			> hand 1 b2
			pass 1 a2
			pass 1 b2
			> release 1
			> release 2
			> done
			disproved
			> warning: b2 failed on worker-2, after b1, and not on worker-1, which had collected everything: it depends on the order of tests, on their whole list, or on chance; the exact order is in workers/worker-2.tests
			observation
			> doubted`,
		verdicts: "a1 passed, a2 passed, b1 passed, b2 passed",
	},
	{
		text: "What is suspect runs again: where that takes longer than collecting everything, later runs collect in full, for a while.",
		script: running + `
			pass 2 b1
			pass 2 b2
			pass 1 a1
			pass 1 a2
			> release 1
			> release 2
			> done
			repeated 42 s of 25 s
			> tests on workers that collect a file when they get a test of it ran again, since what they import depends on the tests before them: that took 42.0 s, and collecting everything on those workers 25.0 s, so the next 10 runs of this suite collect everything on every worker
			observation
			> costly`,
		verdicts: "a1 passed, a2 passed, b1 passed, b2 passed",
	},
	{
		text: "A first run, which collects everything, foresees that.",
		cfg:  census.Config{Full: true},
		script: `
			hire 1
			> full
			foreseen 2 s of 25 s
			observation
			> unseen
			foreseen 42 s of 25 s
			observation
			> costly`,
	},
	{
		text: "Where it takes less, laziness pays.",
		script: running + `
			pass 2 b1
			pass 2 b2
			pass 1 a1
			pass 1 a2
			> release 1
			> release 2
			> done
			repeated 2 s of 25 s
			observation
			> held`,
		verdicts: "a1 passed, a2 passed, b1 passed, b2 passed",
	},
	{
		text: "Later runs collect in full, for a while, once it was seen in two in a row.",
		cfg:  census.Config{Trust: census.Trust{Doubts: 1}},
		script: running + `
			fail 2 b1
			> tentative
			fail 2 b2
			> tentative
			pass 1 a1
			> hand 1 b1
			pass 1 a2
			> hand 1 b2
			pass 1 b1
			pass 1 b2
			> release 1
			> release 2
			> done
			disproved
			> warning: b1 failed on worker-2, as the first test, and not on worker-1, which had collected everything: it depends on the order of tests, on their whole list, or on chance; the exact order is in workers/worker-2.tests (and so for 1 more); it is not the first run with such a test: the next 10 runs of this suite collect everything on every worker
			observation
			> doubted`,
		verdicts: "a1 passed, a2 passed, b1 passed, b2 passed",
	},
	{
		text: "For a while: every worker collects everything.",
		cfg:  census.Config{Trust: census.Trust{Doubts: 2, Rest: 3}},
		script: `
			hire 1
			> full
			hire 2
			> full
			observation
			> rested`,
	},
	{
		text: "Asked for, every worker collects everything, and the run says nothing of laziness.",
		cfg:  census.Config{Full: true, Trust: census.Trust{Doubts: 2, Rest: 3}},
		script: `
			hire 1
			> full
			hire 2
			> full
			opened 2 full
			> begun full
			pass 2 x
			observation
			> unseen`,
	},
	{
		text: "Where laziness is known to be wrong the session answers full with the reason, which is told once.",
		script: `
			hire 1
			> full
			hire 2
			> lazy
			hire 3
			> lazy
			opened 2 full a conftest replaces perform_collect
			> every worker collects the whole suite: a conftest replaces perform_collect
			> begun full
			opened 3 full a conftest replaces perform_collect
			> begun full
			file 2 a.py a1
			collected 2
			> known
			> discovered 1
			> add a1
			> complete
			> planned
			> ready full
			> hand 2 a1
			file 3 a.py a1
			collected 3
			> ready full`,
	},
	{
		text: "While discovery runs, lazy workers already run tests that the last run's list names.",
		hint: "a1@a.py b1@b.py",
		script: `
			hire 1
			> full
			hire 2
			> lazy
			opened 1 full
			> begun full
			hint
			opened 2 lazy
			> begun lazy
			> ready
			> hand 2 b1
			pass 2 b1
			> hand 2 a1
			file 1 a.py a1
			file 1 b.py b1
			collected 1
			> known
			> discovered 2
			> add a1 b1
			> complete
			> planned
			> ready full
			pass 2 a1
			> release 1
			> release 2
			> done`,
		verdicts: "a1 passed, b1 passed",
	},
	{
		text: "What discovery does not confirm is thrown away: a test that there is not.",
		hint: "a1@a.py gone@a.py",
		script: `
			hire 1
			> full
			hire 2
			> lazy
			hint
			opened 2 lazy
			> begun lazy
			> ready
			> hand 2 gone
			unknown 2 gone
			> reject 2 gone
			> take back 2 gone
			> hand 2 a1
			opened 1 full
			> begun full
			file 1 a.py a1
			collected 1
			> known
			> discovered 1
			> dropped [gone]
			> drop gone
			> add a1
			> complete
			> planned
			> ready full
			pass 2 a1
			> release 1
			> release 2
			> done
			observation
			> held`,
		verdicts: "a1 passed",
	},
	{
		text: "What discovery does not confirm is thrown away: a list that was published before is held against the full one when that is known.",
		hint: "a1@a.py b1@b.py",
		script: `
			hire 1
			> full
			hire 2
			> lazy
			hint
			opened 2 lazy
			> begun lazy
			> ready
			> hand 2 b1
			file 2 b.py b1
			pass 2 b1
			> hand 2 a1
			file 2 a.py a1
			pass 2 a1
			opened 1 full
			> begun full
			file 1 a.py a1
			file 1 b.py b1 b2
			collected 1
			> known
			> discovered 3
			> add a1 b1 b2
			> hand 2 b2
			> warning: worker-2 found other tests in b.py than a full collection: the next 10 runs of this suite collect everything on every worker
			> reject 2 b1 b2
			> take back 2 b2
			> complete
			> planned
			> ready full
			> hand 1 b1 b2`,
		verdicts: "a1 passed, b1 not-run, b2 not-run",
	},
	{
		text: "What is thrown away runs again, also where nothing else was left to do.",
		hint: "b1@b.py",
		script: `
			hire 1
			> full
			hire 2
			> lazy
			hint
			opened 2 lazy
			> begun lazy
			> ready
			> hand 2 b1
			file 2 b.py b1!mark
			pass 2 b1
			opened 1 full
			> begun full
			file 1 b.py b1
			collected 1
			> known
			> discovered 1
			> add b1
			> warning: worker-2 found other tests in b.py than a full collection: the next 10 runs of this suite collect everything on every worker
			> reject 2 b1
			> complete
			> planned
			> ready full
			> hand 1 b1
			fail 1 b1
			> release 1
			> release 2
			> done`,
		verdicts: "b1 failed",
	},
	{
		text: "A test that the suite has and a lazy worker did not find is a difference too.",
		hint: "a1@a.py",
		script: `
			hire 1
			> full
			hire 2
			> lazy
			hint
			opened 2 lazy
			> begun lazy
			> ready
			> hand 2 a1
			unknown 2 a1
			> reject 2 a1
			> take back 2 a1
			opened 1 full
			> begun full
			file 1 a.py a1
			collected 1
			> known
			> discovered 1
			> add a1
			> warning: a worker that collects lazily did not find a1: the next 10 runs of this suite collect everything on every worker
			> complete
			> planned
			> ready full
			> hand 1 a1`,
	},
	{
		text: "So is one that a lazy worker does not find after discovery.",
		script: running + `
			unknown 2 b1
			> warning: a worker that collects lazily did not find b1: the next 10 runs of this suite collect everything on every worker
			> reject 2 b1
			> take back 2 b1`,
	},
	{
		text: "A worker that collected other tests in full than the first one runs none.",
		script: `
			hire 1
			> full
			hire 2 full
			> full
			hire 3 full
			> full
			opened 1 full
			> begun full
			opened 2 full
			> begun full
			opened 3 full
			> begun full
			file 1 a.py a1
			file 2 a.py a2
			file 3 a.py a3
			collected 1
			> known
			> discovered 1
			> add a1
			> complete
			> planned
			> ready full
			> hand 1 a1
			collected 2
			> warning: worker-2 collected other tests than the run's discovery, and does not run any: a2 where a1 was expected. Do ids depend on time, chance or the machine?
			> dismissed
			> lost 2 it collected other tests: a2 where a1 was expected
			> replace 3
			collected 3
			> dismissed
			> lost 3 it collected other tests: a3 where a1 was expected
			> replace 4`,
	},
	{
		text: "A worker that collected sources that tests had changed runs none, and is not the run's discovery.",
		script: `
			hire 1
			> full
			opened 1 full
			> begun full
			file 1 a.py a2
			stale 1 tests had changed a.py
			> worker-1 runs no test: tests had changed a.py; another worker, with a tree of its own, takes its place
			> dismissed
			> lost 1 tests had changed a.py
			> replace 3
			hire 3
			> full
			opened 3 full
			> begun full
			file 3 a.py a1
			collected 1
			stale 1 tests had changed a.py
			collected 3
			> known
			> discovered 1
			> add a1
			> complete
			> planned
			> ready full
			> hand 3 a1`,
	},
	{
		text: "So does one that collected other marks or fixtures.",
		script: `
			hire 1
			> full
			hire 2 full
			> full
			opened 1 full
			> begun full
			opened 2 full
			> begun full
			file 1 a.py a1
			file 2 a.py a1!mark
			collected 1
			> known
			> discovered 1
			> add a1
			> complete
			> planned
			> ready full
			> hand 1 a1
			collected 2
			> warning: worker-2 collected other tests than the run's discovery, and does not run any: other marks or fixtures of a1. Do ids depend on time, chance or the machine?
			> dismissed
			> lost 2 it collected other tests: other marks or fixtures of a1
			> replace 3`,
	},
	{
		text: "Where the same ids stand for the same values in another order, no test counts.",
		script: `
			hire 1
			> full
			hire 2 full
			> full
			opened 1 full
			> begun full
			opened 2 full
			> begun full
			file 1 a.py a1=x a2=y
			file 2 a.py a1=y a2=x
			collected 1
			> known
			> discovered 2
			> add a1 a2
			> complete
			> planned
			> ready full
			> hand 1 a1 a2
			collected 2
			> infrastructure: a1 has another value on worker-2 than in the run's discovery, where that value has another id, so that ids say nothing: give the parameters a fixed order (of a set, that of its elements differs from process to process), or collect on one worker with -w 1
			> stop a1 has another value on worker-2 than in the run's discovery
			> take back 1 a1 a2
			> dismissed`,
	},
	{
		text: "As in the framework itself no test counts when files could not be collected: the run is stopped before the tests are known.",
		script: `
			hire 1
			> full
			opened 1 full
			> begun full
			file 1 a.py a1
			collected 1 2 errors stop
			> known
			> discovered 1, 2 errors, stop
			> stop 2 files could not be collected
			> done
			> add a1
			> complete
			> planned
			> ready full
			> release 1`,
		verdicts: "a1 not-run (2 files could not be collected)",
	},
	{
		text: "A suite that is only to be discovered is not handed out.",
		cfg:  census.Config{Only: true},
		script: `
			hire 1
			> full
			opened 1 full
			> begun full
			file 1 a.py a1
			collected 1
			> known
			> discovered 1
			> complete
			> done
			> ready full
			> release 1`,
	},
	{
		text: "Another process of a session says nothing new.",
		script: running + `
			opened 1 full
			file 1 a.py a9
			collected 1
			opened 2 lazy`,
	},
}

var lostWorkers = []sentence{
	{
		text: "The worker that was to discover the suite is lost: the one that comes for it collects everything.",
		script: `
			hire 1
			> full
			hire 2
			> lazy
			gone 1
			lost 1 killed
			> replace 3
			hire 3
			> full`,
	},
	{
		text: "When no worker is left that would discover the suite, the run ends.",
		script: `
			hire 1
			> full
			hire 2
			> lazy
			gone 1
			orphaned killed
			> stop the tests could not be discovered: killed
			> done
			> infrastructure: the tests could not be discovered: killed
			orphaned killed`,
	},
	{
		text: "While one that collects everything is left, it does not.",
		script: `
			hire 1
			> full
			hire 2 full
			> full
			gone 1
			orphaned killed`,
	},
	{
		text: "A lazy session that breaks costs its worker; those that come later collect everything.",
		script: suite + `
			failed 2 internal error
			> lost: worker-2: internal error
			> warning: worker-2 could not collect lazily: the next 10 runs of this suite collect everything on every worker
			> lost 2 internal error
			> replace 3
			> dismissed
			hire 3
			> full`,
	},
	{
		text: "A session that was to collect everything and breaks is replaced, and ends the run when the next one says the same.",
		script: `
			hire 1
			> full
			opened 1 full
			> begun full
			failed 1 internal error
			> lost: worker-1: internal error
			> lost 1 internal error
			> replace 3
			> dismissed
			hire 3 full
			> full
			failed 3 internal error
			> infrastructure: internal error
			> stop two workers failed in the same way
			> done
			> lost 3 internal error
			> dismissed`,
	},
	{
		text: "Another error of another session is another matter, and so is a second one of the same.",
		script: `
			hire 1
			> full
			failed 1 internal error
			> lost: worker-1: internal error
			> lost 1 internal error
			> replace 3
			> dismissed
			failed 1 internal error
			> lost: worker-1: internal error
			> lost 1 internal error
			> dismissed
			hire 3
			> full
			failed 3 no space left
			> lost: worker-3: no space left
			> lost 3 no space left
			> replace 4
			> dismissed`,
	},
	{
		text: "A mistake of the user's ends the run.",
		script: `
			hire 1
			> full
			failed 1 usage: no such option
			> usage: usage: no such option
			> stop the suite cannot be run as asked
			> done
			> lost 1 usage: no such option
			> dismissed`,
	},
	{
		text: "What breaks once the run is stopped is not told.",
		script: `
			hire 1
			> full
			stop
			> done
			failed 1 internal error
			> lost 1 internal error
			> dismissed`,
	},
}

func TestSentences(t *testing.T) {
	for _, s := range append(lazyCollection, lostWorkers...) {
		t.Run(s.text, func(t *testing.T) {
			p := newPlayer(t, s)
			var want []string
			for _, line := range strings.Split(strings.TrimSpace(s.script), "\n") {
				line = strings.TrimSpace(line)
				if said, ok := strings.CutPrefix(line, "> "); ok {
					want = append(want, said)
					continue
				}
				p.expect(want)
				want = nil
				p.play(line)
			}
			p.expect(want)
			if got := p.verdicts(); s.verdicts != "" && got != s.verdicts {
				t.Errorf("verdicts\n%s\nwant\n%s", got, s.verdicts)
			}
		})
	}
}

// A player plays a script with a census and a dispatcher.
type player struct {
	t      *testing.T
	c      *census.Census
	d      *dispatch.Dispatcher
	hinted []plan.Test
	now    time.Duration
	tokens map[string]worker.Token
	line   string
	said   []string
}

func newPlayer(t *testing.T, s sentence) *player {
	p := &player{t: t, tokens: map[string]worker.Token{}}
	for _, word := range strings.Fields(s.hint) {
		id, file, _ := strings.Cut(word, "@")
		p.hinted = append(p.hinted, plan.Test{ID: worker.TestID(id), File: file, Index: len(p.hinted), Estimate: time.Second, Known: true})
	}
	s.cfg.Hinted = p.hinted
	s.cfg.Estimate = estimate
	p.c = census.New(s.cfg)
	if s.workers == 0 {
		s.workers = 2
	}
	p.d = dispatch.New(dispatch.Config{Workers: s.workers, Retries: s.retries, MaxReplacements: s.workers})
	return p
}

func estimate(files []worker.Discovered) []plan.Test {
	var tests []plan.Test
	for _, f := range files {
		for _, it := range f.Items {
			tests = append(tests, plan.Test{ID: it.ID, File: f.File, Group: f.File, Index: len(tests), Estimate: time.Second, Known: true})
		}
	}
	return tests
}

func (p *player) expect(want []string) {
	p.t.Helper()
	if got := strings.Join(p.said, "\n"); got != strings.Join(want, "\n") {
		p.t.Fatalf("after %q comes\n%s\nwant\n%s", p.line, got, strings.Join(want, "\n"))
	}
	p.said = nil
}

func (p *player) say(format string, args ...any) {
	p.said = append(p.said, fmt.Sprintf(format, args...))
}

func (p *player) play(line string) {
	p.line = line
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "hint":
		p.input(dispatch.TestsAdded{Tests: p.hinted, Hinted: true})
		return
	case "stop":
		p.c.Stopped()
		p.input(dispatch.Stopped{Reason: "interrupted"})
		return
	case "orphaned":
		p.obey(0, p.c.Orphaned(rest))
		return
	case "disproved":
		var list []dispatch.Result
		for _, r := range p.d.Results() {
			if r.Disproved {
				list = append(list, r)
			}
		}
		p.obey(0, p.c.Disproved(list))
		return
	case "repeated", "foreseen":
		var ran, collecting int
		if _, err := fmt.Sscanf(rest, "%d s of %d s", &ran, &collecting); err != nil {
			p.t.Fatal(err)
		}
		if ran, collecting := time.Duration(ran)*time.Second, time.Duration(collecting)*time.Second; verb == "foreseen" {
			p.c.Foreseen(ran, collecting)
		} else {
			p.obey(0, p.c.Repeated(ran, collecting))
		}
		return
	case "observation":
		s := p.c.Observation()
		if s == census.Unseen {
			s = "unseen"
		}
		p.say("%s", s)
		return
	case "verdict":
		r, _ := p.d.Result(worker.TestID(rest))
		if !r.Final {
			r.Verdict = "open"
		}
		p.say("%s", r.Verdict)
		return
	}
	number, rest, _ := strings.Cut(rest, " ")
	var w dispatch.WorkerID
	if _, err := fmt.Sscan(number, &w); err != nil {
		p.t.Fatalf("%q: %v", line, err)
	}
	p.session(w, verb, rest)
}

// session plays what is about one worker.
func (p *player) session(w dispatch.WorkerID, verb, rest string) {
	switch verb {
	case "hire":
		p.say("%s", p.c.Hire(w, rest == "full"))
	case "opened":
		mode, reason, _ := strings.Cut(rest, " ")
		p.obey(w, p.c.Opened(w, worker.Opened{Mode: worker.Mode(mode), Reason: reason}))
	case "file", "part": // of a list that goes on
		name, items, _ := strings.Cut(rest, " ")
		d := worker.Discovered{File: name, More: verb == "part"}
		for _, it := range strings.Fields(items) {
			it, values, _ := strings.Cut(it, "=")
			id, print, _ := strings.Cut(it, "!")
			d.Items = append(d.Items, worker.Item{ID: worker.TestID(id), Print: print, Values: values})
		}
		p.obey(w, p.c.Discovered(w, d))
	case "collected":
		end := worker.Collected{Stop: strings.HasSuffix(rest, "stop")}
		_, _ = fmt.Sscan(rest, &end.Errors)
		p.obey(w, p.c.Collected(w, end))
	case "stale":
		p.obey(w, p.c.Stale(w, rest))
	case "unknown":
		p.obey(w, p.c.Unknown(w, ids(rest)))
	case "failed":
		p.obey(w, p.c.Failed(w, worker.Failed{Error: rest, Usage: strings.HasPrefix(rest, "usage")}))
	case "gone":
		p.c.Gone(w)
	case "lost":
		p.input(dispatch.WorkerLost{Worker: w, Cause: rest})
	case "pass", "fail":
		p.c.Ran(w)
		id := worker.TestID(rest)
		outcome := map[string]worker.Outcome{"pass": worker.Passed, "fail": worker.Failing}[verb]
		in := dispatch.TestFinished{Worker: w, Test: id, Token: p.tokens[fmt.Sprint(w, id)], Outcome: outcome, Call: time.Second, Tentative: true}
		p.input(dispatch.TestStarted{Worker: w, Test: id, Token: in.Token})
		p.now += time.Second
		p.input(in)
	default:
		p.t.Fatalf("%q: no such verb", p.line)
	}
}

func ids(words string) (list []worker.TestID) {
	for _, w := range strings.Fields(words) {
		list = append(list, worker.TestID(w))
	}
	return list
}

func (p *player) obey(w dispatch.WorkerID, r census.Ruling) {
	for _, act := range r {
		switch a := act.(type) {
		case census.Tell:
			p.tell(a.Body)
		case census.Input:
			p.name(a.Input)
			p.input(a.Input)
		case census.Begun:
			p.say("begun %s", a.Mode)
		case census.Ready:
			p.say("%s", strings.TrimSpace(fmt.Sprintf("ready %s", map[bool]string{true: "full"}[a.Full])))
			p.input(dispatch.WorkerReady{Worker: w, Full: a.Full})
		case census.Dismissed:
			p.say("dismissed")
		case census.Known:
			p.say("known")
		case census.Planned:
			p.say("planned")
		case census.Stop:
			p.say("stop %s", a.Reason)
			p.c.Stopped()
			p.input(dispatch.Stopped{Reason: a.Reason})
		}
	}
}

func (p *player) tell(b report.Body) {
	switch b := b.(type) {
	case report.Note:
		if b.Level == report.Warning {
			b.Text = "warning: " + b.Text
		}
		p.say("%s", b.Text)
	case report.Discovered:
		s := fmt.Sprintf("discovered %d", len(p.c.Tests()))
		if b.Errors > 0 {
			s += fmt.Sprintf(", %d errors", b.Errors)
		}
		if b.Stop {
			s += ", stop"
		}
		p.say("%s", s)
	case report.WorkerLost:
		p.say("lost: %s: %s", report.WorkerName(b.Worker), b.Cause)
	case report.Dropped:
		p.say("dropped %v", b.Tests)
	case report.Fault:
		p.say("%s: %s", b.Kind, b.Text)
	default:
		p.t.Fatalf("told %#v", b)
	}
}

// name says what the census tells the dispatcher.
func (p *player) name(in dispatch.Input) {
	list := func(verb string, w dispatch.WorkerID, tests []worker.TestID) {
		s := verb
		if w > 0 {
			s += fmt.Sprintf(" %d", w)
		}
		for _, id := range tests {
			s += " " + string(id)
		}
		p.say("%s", s)
	}
	switch in := in.(type) {
	case dispatch.TestsAdded:
		var tests []worker.TestID
		for _, t := range in.Tests {
			tests = append(tests, t.ID)
		}
		list("add", 0, tests)
	case dispatch.TestsDropped:
		list("drop", 0, in.Tests)
	case dispatch.TestsRejected:
		list("reject", in.Worker, in.Tests)
	case dispatch.InventoryComplete:
		p.say("complete")
	case dispatch.WorkerLost:
		p.say("lost %d %s", in.Worker, in.Cause)
	default:
		p.t.Fatalf("input %#v", in)
	}
}

func (p *player) input(in dispatch.Input) {
	answer := p.d.Handle(p.now, in)
	if answer.Attempt.Tentative {
		p.say("tentative")
	}
	for _, c := range answer.Commands {
		switch c := c.(type) {
		case dispatch.Hand:
			s := fmt.Sprintf("hand %d", c.Worker)
			for _, r := range c.Tests {
				s += " " + string(r.ID)
				p.tokens[fmt.Sprint(c.Worker, r.ID)] = c.Token
			}
			p.say("%s", s)
		case dispatch.TakeBack:
			s := fmt.Sprintf("take back %d", c.Worker)
			for _, id := range c.Tests {
				s += " " + string(id)
			}
			p.say("%s", s)
		case dispatch.Release:
			p.say("release %d", c.Worker)
		case dispatch.Replace:
			p.say("replace %d", c.Worker)
		case dispatch.Done:
			p.say("done")
		}
	}
}

func (p *player) verdicts() string {
	var out []string
	for _, r := range p.d.Results() {
		s := string(r.Test.ID) + " " + string(r.Verdict)
		if r.Reason != "" && r.Reason != "it has not run yet" {
			s += " (" + r.Reason + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}
