package dispatch_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// world is a fleet that does what the contract allows, at random: workers come
// late or never, die, and results come after their lease was withdrawn.
type world struct {
	t    *rapid.T
	d    *dispatch.Dispatcher
	now  time.Duration
	cfg  dispatch.Config
	here map[dispatch.WorkerID]*fake

	tests    map[worker.TestID]plan.Test
	unsaid   []plan.Test // not discovered yet
	ghosts   []plan.Test // only hinted: they do not exist
	dropped  map[worker.TestID]bool
	done     bool
	handedTo map[worker.TestID]dispatch.WorkerID // leased now
	tokens   map[worker.Token]bool
	replaced int
	steps    int
	stopped  bool
	late     []dispatch.Input // results of withdrawn leases
	closed   []dispatch.TestFinished
	rejects  int
	home     map[string]*fake       // of a group
	again    map[worker.TestID]bool // tests that did not only wait and run
}

// fake is a worker.
type fake struct {
	id       dispatch.WorkerID
	ready    bool
	gone     bool
	released bool
	full     bool
	queue    []leased
	running  bool // queue[0] runs
	asked    []worker.TestID
	begun    map[string]bool // groups of which a test has started here
}

type leased struct {
	id    worker.TestID
	token worker.Token
}

func newWorld(t *rapid.T) *world {
	w := &world{
		t: t,
		cfg: dispatch.Config{
			Workers:         rapid.IntRange(1, 12).Draw(t, "workers"),
			Static:          rapid.Bool().Draw(t, "static"),
			Runner:          dispatch.Runner(rapid.IntRange(0, 1).Draw(t, "runner")),
			Split:           plan.Split(rapid.IntRange(0, 2).Draw(t, "split")),
			Retries:         rapid.IntRange(0, 2).Draw(t, "retries"),
			Reorder:         time.Duration(rapid.SampledFrom([]int{0, 5, 5000}).Draw(t, "reorder")) * time.Second,
			MaxReplacements: rapid.IntRange(0, 3).Draw(t, "replacements"),
			BatchCost:       time.Duration(rapid.IntRange(0, 200).Draw(t, "batch")) * time.Millisecond,
			StartCost:       time.Duration(rapid.IntRange(0, 4000).Draw(t, "start")) * time.Millisecond,
			PerTest:         time.Duration(rapid.IntRange(0, 20).Draw(t, "per test")) * time.Millisecond,
		},
		here:     map[dispatch.WorkerID]*fake{},
		tests:    map[worker.TestID]plan.Test{},
		handedTo: map[worker.TestID]dispatch.WorkerID{},
		tokens:   map[worker.Token]bool{},
		home:     map[string]*fake{},
		again:    map[worker.TestID]bool{},
		dropped:  map[worker.TestID]bool{},
	}
	w.cfg.Fixtures = map[string]time.Duration{"a/1": time.Duration(rapid.IntRange(0, 2000).Draw(t, "fixture")) * time.Millisecond}
	for i := range w.cfg.Workers {
		id := dispatch.WorkerID(i + 1)
		w.here[id] = &fake{id: id, begun: map[string]bool{}}
	}
	draw := func(i int, name string) plan.Test {
		test := plan.Test{
			ID:       worker.TestID(name),
			File:     rapid.SampledFrom([]string{"a/1", "a/2", "b/3", "b/4"}).Draw(t, "file"),
			Group:    rapid.SampledFrom([]string{"", "", "", "g", "h"}).Draw(t, "group"),
			Index:    i,
			Estimate: time.Duration(rapid.IntRange(0, 3000).Draw(t, "estimate")) * time.Millisecond,
			Known:    rapid.Bool().Draw(t, "known"),
		}
		if !test.Known {
			test.Key = time.Duration(rapid.IntRange(0, 3000).Draw(t, "key")) * time.Millisecond
		}
		w.tests[test.ID] = test
		return test
	}
	for i := range rapid.IntRange(0, 40).Draw(t, "tests") {
		w.unsaid = append(w.unsaid, draw(i, fmt.Sprintf("t%d", i)))
	}
	w.d = dispatch.New(w.cfg)
	t.Logf("%+v", w.cfg)
	return w
}

func (w *world) send(in dispatch.Input) {
	w.steps++
	w.now += time.Duration(rapid.IntRange(0, 500).Draw(w.t, "pass")) * time.Millisecond
	w.t.Logf("%v %T%+v", w.now, in, in)
	for _, c := range w.d.Handle(w.now, in).Commands {
		w.t.Logf("    %T%+v", c, c)
		w.obey(c)
	}
	if idle := w.d.Idle(w.now); idle != "" {
		w.t.Fatalf("%s", idle)
	}
	if live, most := w.d.Live(); live > most {
		w.t.Fatalf("%d workers live that go on, at most %d should", live, most)
	}
	if s := w.d.Snapshot(w.now); s.Tests-s.Finished != w.d.Remaining() || s.End < w.now {
		w.t.Fatalf("%d of %d tests are finished, %d remain; the end is at %s, now is %s", s.Finished, s.Tests, w.d.Remaining(), s.End, w.now)
	}
}

func (w *world) obey(c dispatch.Command) {
	if w.done {
		w.t.Fatalf("command after Done: %#v", c)
	}
	switch c := c.(type) {
	case dispatch.Hand:
		f := w.here[c.Worker]
		if f == nil || !f.ready || f.gone || f.released {
			w.t.Fatalf("handed to worker %d, which takes none: %+v", c.Worker, c)
		}
		if w.stopped {
			w.t.Fatalf("handed after Stopped: %+v", c)
		}
		if w.tokens[c.Token] {
			w.t.Fatalf("token %d is used twice", c.Token)
		}
		w.tokens[c.Token] = true
		for _, r := range c.Tests {
			if other, ok := w.handedTo[r.ID]; ok {
				w.t.Fatalf("%s is handed to worker %d while worker %d has it", r.ID, c.Worker, other)
			}
			w.handedTo[r.ID] = c.Worker
			w.again[r.ID] = w.again[r.ID] || w.d.RunsFiles(c.Worker)
			w.keepTogether(f, r.ID)
			f.queue = append(f.queue, leased{r.ID, c.Token})
		}
		if w.cfg.Runner == dispatch.Stream && len(f.queue) > 65 {
			w.t.Fatalf("%d tests at worker %d", len(f.queue), c.Worker)
		}
	case dispatch.TakeBack:
		w.here[c.Worker].asked = append(w.here[c.Worker].asked, c.Tests...)
	case dispatch.Release:
		f := w.here[c.Worker]
		if f.released || slices.ContainsFunc(f.queue, func(l leased) bool { return !w.dropped[l.id] }) {
			w.t.Fatalf("worker %d is released, released before: %v, with %d tests", c.Worker, f.released, len(f.queue))
		}
		f.released = true
	case dispatch.Replace:
		if w.here[c.Worker] != nil {
			w.t.Fatalf("worker %d is asked for twice", c.Worker)
		}
		w.here[c.Worker] = &fake{id: c.Worker, full: c.Full, begun: map[string]bool{}}
		w.replaced++
	case dispatch.Done:
		w.done = true
	}
}

// keepTogether checks that a group is not cut, but for tests that run again.
func (w *world) keepTogether(f *fake, id worker.TestID) {
	g := w.tests[id].Group
	if g == "" || w.again[id] {
		return
	}
	if home := w.home[g]; home != nil && home != f && !home.gone && home.begun[g] {
		w.t.Fatalf("%s of group %s is handed to worker %d, the group has begun on worker %d", id, g, f.id, home.id)
	}
	w.home[g] = f
}

// pick returns one of the workers that qualify, or nil.
func (w *world) pick(such func(*fake) bool) *fake {
	var fs []*fake
	for _, f := range w.here {
		if !f.gone && such(f) {
			fs = append(fs, f)
		}
	}
	if len(fs) == 0 {
		return nil
	}
	slices.SortFunc(fs, func(a, b *fake) int { return int(a.id - b.id) })
	return fs[rapid.IntRange(0, len(fs)-1).Draw(w.t, "which")]
}

// work lets a worker do the next thing it would.
func (w *world) work() bool {
	f := w.pick(func(f *fake) bool { return !f.ready || len(f.queue) > 0 || len(f.asked) > 0 })
	if f == nil {
		return false
	}
	switch {
	case !f.ready:
		f.ready = true
		f.full = f.full || rapid.Bool().Draw(w.t, "full")
		w.send(dispatch.WorkerReady{Worker: f.id, Full: f.full})
	case len(f.asked) > 0 && rapid.Bool().Draw(w.t, "answers"):
		w.giveBack(f)
	case len(f.queue) == 0:
		w.giveBack(f)
	case !f.running:
		f.running = true
		if id := f.queue[0].id; !w.again[id] {
			w.again[id] = true
			f.begun[w.tests[id].Group] = true
		}
		w.send(dispatch.TestStarted{Worker: f.id, Token: f.queue[0].token, Test: f.queue[0].id})
	default:
		w.end(f)
	}
	return true
}

func (w *world) giveBack(f *fake) {
	var back []worker.TestID
	for k := len(f.queue) - 1; k >= 0; k-- {
		if l := f.queue[k]; slices.Contains(f.asked, l.id) && (k > 0 || !f.running) {
			back = append(back, l.id)
			f.queue = slices.Delete(f.queue, k, k+1)
			delete(w.handedTo, l.id)
		}
	}
	slices.Reverse(back)
	f.asked = nil
	w.send(dispatch.TestsReturned{Worker: f.id, Tests: back})
}

func (w *world) end(f *fake) {
	l := f.queue[0]
	f.queue, f.running = f.queue[1:], false
	delete(w.handedTo, l.id)
	in := dispatch.TestFinished{Worker: f.id, Token: l.token, Test: l.id,
		Outcome:   rapid.SampledFrom([]worker.Outcome{worker.Passed, worker.Passed, worker.Passed, worker.Skipped, worker.XFailed, worker.Failing, worker.Errored}).Draw(w.t, "outcome"),
		Call:      time.Duration(rapid.IntRange(0, 4000).Draw(w.t, "took")) * time.Millisecond,
		Tentative: !f.full, Suspect: rapid.IntRange(0, 9).Draw(w.t, "suspect") == 0,
		Stray: rapid.IntRange(0, 29).Draw(w.t, "stray") == 0,
	}
	w.closed = append(w.closed, in)
	w.send(in)
}

// trouble does something that may happen but should not.
func (w *world) trouble() {
	switch rapid.IntRange(0, 8).Draw(w.t, "trouble") {
	case 0, 1:
		f := w.pick(func(f *fake) bool { return true })
		if f == nil {
			return
		}
		f.gone = true
		for _, l := range f.queue {
			delete(w.handedTo, l.id)
			w.late = append(w.late, dispatch.TestFinished{Worker: f.id, Token: l.token, Test: l.id, Outcome: worker.Failing})
		}
		w.send(dispatch.WorkerLost{Worker: f.id, Cause: "killed"})
	case 2:
		if len(w.late) > 0 {
			w.send(w.late[rapid.IntRange(0, len(w.late)-1).Draw(w.t, "late")])
		}
	case 3:
		if len(w.closed) > 0 { // a module's teardown fails
			in := w.closed[rapid.IntRange(0, len(w.closed)-1).Draw(w.t, "amended")]
			in.Outcome = worker.Errored
			w.send(in)
		}
	case 4:
		f := w.pick(func(f *fake) bool { return len(f.queue) > 0 && !f.running })
		if f != nil { // a session ends before its time
			f.asked = []worker.TestID{f.queue[len(f.queue)-1].id}
			w.again[f.asked[0]] = true
			w.giveBack(f)
		}
	case 5:
		if len(w.closed) > 0 && w.rejects < 5 {
			w.rejects++
			in := w.closed[rapid.IntRange(0, len(w.closed)-1).Draw(w.t, "rejected")]
			if _, leased := w.handedTo[in.Test]; !leased {
				w.send(dispatch.TestsRejected{Worker: in.Worker, Tests: []worker.TestID{in.Test}, Files: rapid.Bool().Draw(w.t, "all of its file")})
			}
		}
	case 6:
		w.send(dispatch.Ticked{})
	case 7:
		w.send(dispatch.TestFinished{Worker: 99, Token: 1, Test: "nobody's", Outcome: worker.Passed})
	case 8:
		if rapid.IntRange(0, 19).Draw(w.t, "stop") == 0 {
			w.stopped = true
			w.send(dispatch.Stopped{Reason: "interrupted"})
		}
	}
}

// discover says a part of the inventory.
func (w *world) discover(hint bool) {
	n := rapid.IntRange(0, len(w.unsaid)).Draw(w.t, "said")
	w.send(dispatch.TestsAdded{Tests: w.unsaid[:n], Hinted: hint})
	w.unsaid = w.unsaid[n:]
}

// hint says a part of what the last run found; some of it is no longer there.
func (w *world) hint() {
	for i := range rapid.IntRange(0, 5).Draw(w.t, "ghosts") {
		id := worker.TestID(fmt.Sprintf("g%d", i))
		w.ghosts = append(w.ghosts, plan.Test{ID: id, File: "a/1", Index: 100 + i, Estimate: time.Second, Known: true})
		w.tests[id] = w.ghosts[i]
	}
	if len(w.ghosts) > 0 {
		w.send(dispatch.TestsAdded{Tests: w.ghosts, Hinted: true})
	}
	w.discover(true)
}

// drop says which hinted tests there are not.
func (w *world) drop() {
	var ids []worker.TestID
	for _, g := range w.ghosts {
		ids = append(ids, g.ID)
		w.dropped[g.ID] = true
		delete(w.handedTo, g.ID)
	}
	if len(ids) > 0 {
		w.send(dispatch.TestsDropped{Tests: ids})
	}
}

func TestEveryTestHasOneVerdictWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		if rapid.Bool().Draw(t, "hint") {
			w.hint()
		}
		complete := false
		for !w.done {
			if w.steps > 5000 {
				t.Fatalf("the run does not end, %d tests remain\n%s", w.d.Remaining(), w.d.Dump())
			}
			switch what := rapid.IntRange(0, 9).Draw(t, "what"); {
			case what == 0:
				w.trouble()
			case what <= 2 && len(w.unsaid) > 0:
				w.discover(false)
			case what <= 3 && !complete:
				w.discover(false)
				if len(w.unsaid) == 0 {
					complete = true
					w.drop()
					w.send(dispatch.InventoryComplete{})
				}
			default:
				if !w.work() && complete && !w.done && !w.stopped {
					t.Fatalf("nobody has anything to do, and %d tests remain\n%s", w.d.Remaining(), w.d.Dump())
				}
			}
		}
		w.check()
	})
}

// check looks at the ledger after Done.
func (w *world) check() {
	if n := w.d.Remaining(); n != 0 {
		w.t.Fatalf("%d tests remain after Done", n)
	}
	results := w.d.Results()
	if len(results)+len(w.unsaid) != len(w.tests)-len(w.dropped) {
		w.t.Fatalf("%d verdicts, %d tests", len(results), len(w.tests)-len(w.dropped)-len(w.unsaid))
	}
	seen := map[worker.TestID]bool{}
	for _, r := range results {
		if seen[r.Test.ID] || w.dropped[r.Test.ID] {
			w.t.Fatalf("%s has a verdict, and had one or is none", r.Test.ID)
		}
		seen[r.Test.ID] = true
		counted := 0
		for _, a := range r.Attempts {
			if a.Void == "" && !a.Tentative {
				counted++
			}
		}
		switch r.Verdict {
		case dispatch.Passed, dispatch.Skipped, dispatch.Failed, dispatch.Flaky:
			if counted == 0 {
				w.t.Fatalf("%s is %s without an attempt", r.Test.ID, r.Verdict)
			}
		case dispatch.NotRun:
			if counted > 0 || r.Reason == "" {
				w.t.Fatalf("%s is not run, with %d attempts, because %q", r.Test.ID, counted, r.Reason)
			}
		default:
			w.t.Fatalf("%s has the verdict %q", r.Test.ID, r.Verdict)
		}
	}
	for _, f := range w.here {
		if f.ready && !f.gone && !f.released {
			w.t.Fatalf("worker %d was not released", f.id)
		}
	}
}
