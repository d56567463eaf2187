package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// A Policy runs a suite on a world.
type Policy struct {
	Name string
	// Source says where the rule is published.
	Source string
	Run    func(Suite, World) Result
}

// Ours is the production plan and dispatcher with persistent runners.
var Ours = Policy{"shardyard", "orchestrator/plan, orchestrator/dispatch", func(s Suite, w World) Result {
	return dispatched(s, w, dispatch.Config{Runner: dispatch.Stream})
}}

// OursAtomic is the same with a process for each batch.
var OursAtomic = Policy{"shardyard, batches", "orchestrator/plan, orchestrator/dispatch", func(s Suite, w World) Result {
	return dispatched(s, w, dispatch.Config{Runner: dispatch.Atomic})
}}

// OursStatic is the plan alone, without a dispatcher.
var OursStatic = Policy{"shardyard, static", "orchestrator/plan", func(s Suite, w World) Result {
	return dispatched(s, w, dispatch.Config{Static: true})
}}

// Clairvoyant is our plan made with the times that the tests will take: the best
// that estimates could give, for comparison.
var Clairvoyant = Policy{"perfect knowledge", "orchestrator/plan, given the actual times", func(s Suite, w World) Result {
	tests := slices.Clone(s.Tests)
	for i := range tests {
		tests[i].Estimate, tests[i].Key, tests[i].Known = s.Actual[i], 0, true
	}
	s.Tests = tests
	w.SpeedsKnown = true
	return dispatched(s, w, dispatch.Config{})
}}

// OursPatient is ours with as many full workers as there were at the start.
var OursPatient = Policy{"shardyard, one confirms", "orchestrator/dispatch, with a worker costing a day", func(s Suite, w World) Result {
	return dispatched(s, w, dispatch.Config{StartCost: 24 * time.Hour})
}}

// fleet runs simulated workers under the production dispatcher.
type fleet struct {
	clock   clock
	suite   *Suite
	world   *World
	index   map[worker.TestID]int
	d       *dispatch.Dispatcher
	workers []*hand
	done    bool
	end     time.Duration
}

// hand is a worker with the tests that it was handed.
type hand struct {
	*machine
	queue []leased
	busy  bool
	batch worker.Token // the last one that was paid for
	full  bool
}

type leased struct {
	test  int
	token worker.Token
}

func dispatched(s Suite, w World, cfg dispatch.Config) Result {
	cfg.Workers, cfg.Fixtures, cfg.PerTest, cfg.Split = w.Workers, w.Fixtures, w.PerTest, w.Split
	s.Tests = withPerTest(s.Tests, w.PerTest)
	if cfg.StartCost == 0 {
		cfg.StartCost = w.Start
	}
	if cfg.Runner == dispatch.Atomic {
		cfg.BatchCost = w.Batch
	} else {
		w.Batch = 0
	}
	cfg.Speeds = map[string]float64{}
	hosts := make([]string, w.Workers)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("host-%g", w.speed(i))
		if w.SpeedsKnown {
			cfg.Speeds[hosts[i]] = w.speed(i)
		}
	}
	cfg.Hosts = hosts
	f := &fleet{suite: &s, world: &w, index: make(map[worker.TestID]int, len(s.Tests)), d: dispatch.New(cfg)}
	for i := range s.Tests {
		f.index[s.Tests[i].ID] = i
	}
	ms := machines(&w)
	for i, m := range ms {
		f.workers = append(f.workers, &hand{machine: m, full: i == 0 || !w.Lazy})
	}
	f.tell(dispatch.TestsAdded{Tests: s.Tests})
	f.tell(dispatch.InventoryComplete{})
	for i, h := range f.workers {
		come := func() {
			if !f.done {
				f.arrive(dispatch.WorkerReady{Worker: dispatch.WorkerID(i + 1), Host: hosts[i], Full: h.full})
			}
		}
		if at := time.Duration(i) * w.Stagger; at > 0 {
			f.clock.after(at, come)
		} else {
			come()
		}
	}
	f.tick()
	f.clock.run()
	if !f.done || f.d.Remaining() > 0 {
		panic(fmt.Sprintf("simulate: the dispatcher did not end: %d tests remain", f.d.Remaining()))
	}
	return result(f.machines(), f.end)
}

// withPerTest returns the tests with perTest added to every estimate and key, as a
// planner does who knows it.
func withPerTest(tests []plan.Test, perTest time.Duration) []plan.Test {
	if perTest == 0 {
		return tests
	}
	out := slices.Clone(tests)
	for i := range out {
		out[i].Estimate += perTest
		out[i].Key = max(out[i].Key, out[i].Estimate)
	}
	return out
}

func (f *fleet) machines() []*machine {
	out := make([]*machine, len(f.workers))
	for i, h := range f.workers {
		out[i] = h.machine
	}
	return out
}

// replace starts one more worker, of normal speed.
func (f *fleet) replace(c dispatch.Replace) {
	f.workers = append(f.workers, &hand{machine: newMachine(f.world, len(f.workers)), full: true})
	f.clock.after(f.world.Start, func() {
		if !f.done {
			f.arrive(dispatch.WorkerReady{Worker: c.Worker, Host: fmt.Sprintf("host-%g", 1.0), Full: true})
		}
	})
}

// arrive lets a worker come, whose link has been measured.
func (f *fleet) arrive(in dispatch.WorkerReady) {
	f.tell(dispatch.RoundTripped{Worker: in.Worker, Took: f.world.Latency})
	f.tell(in)
}

func (f *fleet) tell(in dispatch.Input) {
	for _, c := range f.d.Handle(f.clock.now, in).Commands {
		switch c := c.(type) {
		case dispatch.Hand:
			f.clock.after(f.world.Latency, func() { f.take(f.workers[c.Worker-1], c) })
		case dispatch.TakeBack:
			f.clock.after(f.world.Latency, func() { f.giveBack(f.workers[c.Worker-1], c) })
		case dispatch.Replace:
			f.replace(c)
		case dispatch.Done:
			f.done = true
		}
	}
}

// tick tells the dispatcher the time every second, as the coordinator does.
func (f *fleet) tick() {
	f.tell(dispatch.Ticked{})
	if !f.done {
		f.clock.after(time.Second, f.tick)
	}
}

func (f *fleet) take(h *hand, c dispatch.Hand) {
	for _, r := range c.Tests {
		h.queue = append(h.queue, leased{f.index[r.ID], c.Token})
	}
	f.begin(h)
}

func (f *fleet) giveBack(h *hand, c dispatch.TakeBack) {
	var back []worker.TestID
	h.queue = slices.DeleteFunc(h.queue, func(l leased) bool {
		id := f.suite.Tests[l.test].ID
		if !slices.Contains(c.Tests, id) {
			return false
		}
		back = append(back, id)
		return true
	})
	f.tell(dispatch.TestsReturned{Worker: dispatch.WorkerID(h.id + 1), Tests: back})
}

// begin starts the worker's next test.
func (f *fleet) begin(h *hand) {
	if h.busy || len(h.queue) == 0 {
		return
	}
	l := h.queue[0]
	h.queue = h.queue[1:]
	h.busy = true
	id, w := f.suite.Tests[l.test].ID, dispatch.WorkerID(h.id+1)
	took, fixture := h.run(f.suite, l.test)
	if f.world.Batch > 0 && l.token != h.batch {
		took += f.world.Batch
		h.machine.busy += f.world.Batch
		h.batch = l.token
	}
	f.clock.after(took, func() {
		h.busy = false
		f.end = max(f.end, f.clock.now)
		outcome := worker.Passed
		if f.suite.Fails[l.test] {
			outcome = worker.Failing
		}
		f.tell(dispatch.TestFinished{
			Worker: w, Token: l.token, Test: id, Outcome: outcome, Setup: fixture, Call: took - fixture - h.scale(f.world.PerTest), Tentative: !h.full,
		})
		f.begin(h)
	})
	f.tell(dispatch.TestStarted{Worker: w, Token: l.token, Test: id})
}

// Exact returns the suite with estimates that are what the tests will take.
func Exact(name string, tests []plan.Test) Suite {
	s := Suite{Name: name, Tests: tests}
	for i := range tests {
		s.Actual = append(s.Actual, tests[i].Estimate)
		s.Last = append(s.Last, tests[i].Estimate)
	}
	return s
}
