package dispatch

import (
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// Dispatcher decides what every worker does. It is not for concurrent use: one
// goroutine owns it.
type Dispatcher struct {
	cfg Config

	entries  []entry
	index    map[worker.TestID]int32
	files    map[string]int32
	fixtures []time.Duration // by file number

	members []*member // by number
	byID    map[WorkerID]*member
	owner   map[bond]*member // of what must stay together, by bond

	token     worker.Token
	tests     int       // that exist
	open      int       // of those, without a verdict
	queued    int       // tests in queues
	unstarted int       // tests handed and not started
	lives     int       // workers that can be given work
	idle      int       // of those, the ones with nothing to do
	changed   []*member // since they were last fed
	pace      pace

	first    *plan.Plan
	shards   []WorkerID // of the first plan
	planned  bool
	complete bool
	stopped  string
	done     bool
	added    []int32 // tests not assigned to a worker yet
	lanes    [4][]int32
	// reorderings are files to run whole, reordered all that were.
	reorderings, reordered []*reordering
	reordering             time.Duration // that they take
	strands                []int32       // by file number, the first of its strand; nil: not known
	wholes                 int           // workers asked for to run them
	leftovers              []*leftover   // what lost workers of a static plan leave to their replacements

	replaced int // lost workers
	fresh    int // workers asked for to run failed tests again
	confirms int // full workers asked for because there was none
	enlisted int // full workers asked for because there were too few
	cause    string

	epoch      time.Duration // of the first input; -1 before
	startup    time.Duration // what a full worker costs until it is there
	lazyRan    time.Duration // in tests on workers that are not full
	lazyFailed time.Duration // of that, in tests to be confirmed
	doubted    bool          // something was to be confirmed
	retiring   int           // workers that are being exchanged

	answer Answer
	judged []int32 // since the last input
}

// New makes a dispatcher that waits for its inventory and its workers.
func New(cfg Config) *Dispatcher {
	cfg.Workers = max(cfg.Workers, 1)
	if cfg.Window <= 0 {
		cfg.Window = defaultWindow
	}
	if cfg.StartCost <= 0 {
		cfg.StartCost = defaultStart
	}
	d := &Dispatcher{
		cfg:     cfg,
		epoch:   -1,
		startup: cfg.StartCost,
		index:   map[worker.TestID]int32{},
		files:   map[string]int32{},
		byID:    map[WorkerID]*member{},
		owner:   map[bond]*member{},
	}
	for i := range cfg.Workers {
		m := d.join(WorkerID(i + 1))
		if i < len(cfg.Hosts) {
			d.settleOn(m, cfg.Hosts[i])
		}
	}
	return d
}

// Handle applies an input at time now, counted from the start of the run, and
// returns its effect and the commands to carry out. Time must not go backwards. An
// input about an unknown worker or test, or after the end, changes nothing.
func (d *Dispatcher) Handle(now time.Duration, in Input) Answer {
	d.answer = Answer{}
	if d.epoch < 0 {
		d.epoch = now
	}
	switch in := in.(type) {
	case TestsAdded:
		d.add(in, now)
	case TestsDropped:
		d.drop(in.Tests)
	case InventoryComplete:
		d.complete = true
	case WorkerReady:
		d.arrive(in, now)
	case WorkerLost:
		d.lose(in, now)
	case TestStarted:
		d.start(in, now)
	case TestFinished:
		d.finish(in, now)
	case TestsReturned:
		d.takeBack(in, now)
	case TestsRejected:
		d.reject(in)
	case RoundTripped:
		d.stretch(in)
	case Stopped:
		d.stop(in.Reason)
	case Ticked:
	}
	d.settle(now)
	d.answer.Judged = d.settled()
	return d.answer
}

func (d *Dispatcher) emit(c Command) { d.answer.Commands = append(d.answer.Commands, c) }

// Plan returns the first plan; false when there is none yet.
func (d *Dispatcher) Plan() (plan.Plan, bool) {
	if d.first == nil {
		return plan.Plan{}, false
	}
	return *d.first, true
}

// PlanWorkers returns the workers that the first plan's shards are for.
func (d *Dispatcher) PlanWorkers() []WorkerID { return d.shards }

// join adds a worker that is expected.
func (d *Dispatcher) join(id WorkerID) *member {
	m := &member{id: id, speed: 1, running: -1, opened: map[int32]bool{}, ranIn: map[int32]bool{}, barred: map[int32]bool{}}
	d.members = append(d.members, m)
	d.byID[id] = m
	d.lives++
	return m
}

func (d *Dispatcher) settleOn(m *member, host string) {
	m.host = host
	if s := d.cfg.Speeds[host]; s > 0 {
		m.speed = s
	}
}

func (d *Dispatcher) arrive(in WorkerReady, now time.Duration) {
	m := d.byID[in.Worker]
	if m == nil {
		m = d.join(in.Worker)
	}
	if m.presence != expected {
		return
	}
	m.presence, m.full = ready, in.Full
	d.touch(m)
	d.settleOn(m, in.Host)
	d.learnStart(m, now)
	if d.done || d.stopped != "" {
		d.release(m)
	}
}

func (d *Dispatcher) release(m *member) {
	if m.presence == ready {
		d.unretire(m)
		m.presence = released
		d.lives--
		d.touch(m)
		d.emit(Release{Worker: m.id})
	}
}

// stop ends handing out. Tests in queues get their verdicts, tests that wait at a
// worker are recalled, running tests may end.
func (d *Dispatcher) stop(reason string) {
	if d.stopped != "" || d.done {
		return
	}
	if reason == "" {
		reason = "stopped"
	}
	d.stopped = reason
	for i := range d.entries {
		switch e := &d.entries[i]; e.state {
		case waiting, parked:
			d.unqueue(e)
			d.conclude(int32(i), reason)
		}
	}
	for _, m := range d.members {
		m.queue = nil
		d.recall(m, func(*entry) bool { return true })
	}
	d.added, d.lanes, d.leftovers, d.reorderings = nil, [4][]int32{}, nil, nil
}

// conclude gives the test its verdict; reason is for one that has not run.
func (d *Dispatcher) conclude(i int32, reason string) {
	e := &d.entries[i]
	e.state, e.reason = final, reason
	d.open--
	d.judge(i)
}

// settle does the work that follows any input: it places tests, feeds workers,
// steals, and ends the run.
func (d *Dispatcher) settle(now time.Duration) {
	if d.done {
		return
	}
	if d.stopped == "" {
		d.releaseRetired()
		d.assignAdded(now)
		if d.planned {
			d.feedAll(now)
			d.rescue(now)
			d.feedAll(now)
		}
	}
	d.finishUp()
}

// finishUp releases workers that are not needed any more, and ends the run.
func (d *Dispatcher) finishUp() {
	over := d.open == 0 && d.complete
	if d.stopped != "" {
		over = d.open == 0
	}
	if over {
		for _, m := range d.members {
			d.release(m)
		}
		d.done = true
		d.emit(Done{})
		return
	}
	if d.idle == 0 {
		return
	}
	if d.stopped != "" {
		for _, m := range d.members {
			if m.idle() {
				d.release(m)
			}
		}
		return
	}
	if d.idle == 1 || !d.complete || d.unstarted > 0 || d.backlog() > 0 {
		return
	}
	// All tests have started. One idle worker stays for what may yet go wrong,
	// a full one if there is one.
	reserve := d.reserve()
	for _, m := range d.members {
		if m != reserve && m.idle() {
			d.release(m)
		}
	}
}

// backlog returns the number of tests that are not handed.
func (d *Dispatcher) backlog() int {
	n := d.queued + len(d.added)
	for _, l := range d.lanes {
		n += len(l)
	}
	for _, l := range d.leftovers {
		n += len(l.tests)
	}
	for _, r := range d.reorderings {
		n += max(len(r.tests), 1)
	}
	return n
}

func (d *Dispatcher) reserve() *member {
	var best *member
	if d.idle == 0 {
		return nil
	}
	for _, m := range d.members {
		if m.idle() && (best == nil || m.full && !best.full) {
			best = m
		}
	}
	return best
}
