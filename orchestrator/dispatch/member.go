package dispatch

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// A unit is tests that a worker takes together, waiting in its queue.
type unit struct {
	tests []int32 // those from next on wait, but for the ones taken out meanwhile
	next  int
	count int // of those that wait
	whole bool
	key   time.Duration
	kept  int // tests handed to the worker and not returned
}

// presence is the stage of a worker's life.
type presence uint8

const (
	expected presence = iota
	ready
	released
	gone
)

// member is a worker as the dispatcher sees it.
type member struct {
	id       WorkerID
	host     string
	speed    float64
	presence presence
	full     bool

	queue  []*unit
	count  int           // tests that wait in the queue
	load   time.Duration // their estimates
	opened map[int32]bool

	held    []int32 // handed, in order; those that run are among the first
	pending time.Duration
	running int32          // the test that started last, or -1
	since   time.Duration  // when it did; of a batch, when its first one did
	order   []int32        // the tests that have started here, in that order
	ranIn   map[int32]bool // their files
	barred  map[int32]bool // files of which it found other tests than there are
	trip    time.Duration  // a message's there and back; 0: unknown
	paid    worker.Token   // the last batch of which a test has ended
	alone   bool
	whole   bool // it runs files whole: see reordering
	// retiring workers end what they have; what they had besides went to others.
	retiring  bool
	requested time.Duration // when it was asked for
	recalls   int           // tests asked back and not answered

	taken       int           // tests that it took from another worker's queue last
	takenAt     time.Duration // when it did
	replacement WorkerID      // that was asked for when it was lost

	wasIdle bool // as counted in Dispatcher.idle
	changed bool // listed in Dispatcher.changed

	ran       int // attempts from its queue
	actual    float64
	estimated float64
}

// idle workers have nothing at all to do.
func (m *member) idle() bool {
	return m.presence == ready && len(m.held) == 0 && m.count == 0 && !m.whole
}

// suits reports whether the worker may run a test that another worker holds.
func (m *member) suits(e *entry) bool { return m.full || e.lane != confirm && !m.barred[e.file] }

// doubts reports whether the outcome of a test on the worker is tentative.
func (m *member) doubts(e *entry, in TestFinished) bool {
	return !m.full && (m.barred[e.file] || in.Tentative && (in.Suspect || in.Outcome.Fails()))
}

// touch marks the worker as changed since it was last fed.
func (d *Dispatcher) touch(m *member) {
	if i := m.idle(); i != m.wasIdle {
		m.wasIdle = i
		if i {
			d.idle++
		} else {
			d.idle--
		}
	}
	if !m.changed {
		m.changed = true
		d.changed = append(d.changed, m)
	}
}

// live workers can be given work.
func (m *member) live() bool { return m.presence == ready || m.presence == expected }

// pace keeps actual against estimated times, for the fleet.
type pace struct{ actual, estimated float64 }

// prior is the weight in seconds of what was expected before.
const prior = 3.0

func (p pace) ratio() float64 { return (p.actual + prior) / (p.estimated + prior) }

// rate returns the time that the worker needs for a second of estimate.
func (d *Dispatcher) rate(m *member) float64 {
	return (m.actual + prior*d.pace.ratio()) / (m.estimated + prior) / m.speed
}

func (d *Dispatcher) measure(m *member, e *entry, actual time.Duration) {
	est := e.cost.Seconds() / m.speed
	m.actual += actual.Seconds()
	m.estimated += est
	d.pace.actual += actual.Seconds()
	d.pace.estimated += est
}

// residual returns the remaining time of the running test, or of the whole batch. A
// test that has run for longer than expected should need half as long again.
func (d *Dispatcher) residual(m *member, now time.Duration) time.Duration {
	if m.running < 0 {
		return 0
	}
	want := scale(d.runs(m), d.rate(m))
	ran := now - m.since
	if ran > want {
		return (ran - want) / 2
	}
	return want - ran
}

// remaining returns the time of the worker's remaining work.
func (d *Dispatcher) remaining(m *member, now time.Duration) time.Duration {
	todo := m.load + m.pending
	if m.running >= 0 {
		todo -= d.runs(m)
	}
	return d.residual(m, now) + scale(todo, d.rate(m))
}

// runs returns the estimate of the running test, or of the whole running batch.
func (d *Dispatcher) runs(m *member) time.Duration {
	if d.cfg.Runner == Atomic {
		return m.pending
	}
	return d.entries[m.running].cost
}

func scale(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

// opening returns what the test costs the worker on top of its estimate.
func (d *Dispatcher) opening(m *member, e *entry) time.Duration {
	if d.fixtures[e.file] == 0 || m.opened[e.file] {
		return 0
	}
	return d.fixtures[e.file]
}

// enqueue gives the worker more to do: longest key first, behind a unit that
// it has begun.
func (d *Dispatcher) enqueue(m *member, units ...*unit) {
	if len(units) == 0 {
		return
	}
	for _, u := range units {
		for _, i := range u.tests[u.next:] {
			d.put(m, u, i)
		}
	}
	m.queue = append(m.queue, units...)
	slices.SortStableFunc(m.queue, func(a, b *unit) int {
		if (a.kept > 0) != (b.kept > 0) {
			if a.kept > 0 {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.key, a.key)
	})
}

// put notes that test i waits in unit u of the worker's queue.
func (d *Dispatcher) put(m *member, u *unit, i int32) {
	e := &d.entries[i]
	e.unit, e.at, e.state, e.lane = u, m, waiting, normal
	u.count++
	m.count++
	d.queued++
	m.load += e.test.Estimate
	d.own(m, e)
	d.touch(m)
}

// unqueue takes a waiting test out of its queue's count. The unit still lists
// it, and skips it.
func (d *Dispatcher) unqueue(e *entry) {
	if e.unit == nil {
		return
	}
	e.unit.count--
	e.at.count--
	d.queued--
	e.at.load -= e.test.Estimate
	d.touch(e.at)
	e.at, e.unit = nil, nil
}

// waits reports whether the unit still has test i.
func (d *Dispatcher) waits(u *unit, i int32) bool {
	return d.entries[i].unit == u && d.entries[i].state == waiting
}

// pop takes the next test of the worker's queue, to be handed, or returns -1.
func (d *Dispatcher) pop(m *member) int32 {
	for len(m.queue) > 0 {
		u := m.queue[0]
		for u.next < len(u.tests) {
			u.next++
			if i := u.tests[u.next-1]; d.waits(u, i) {
				return i
			}
		}
		m.queue = m.queue[1:]
	}
	m.queue = nil
	return -1
}

// drain empties the worker's queue.
func (d *Dispatcher) drain(m *member) []int32 {
	var out []int32
	for _, u := range m.queue {
		for _, i := range u.tests[u.next:] {
			if d.waits(u, i) {
				d.unqueue(&d.entries[i])
				out = append(out, i)
			}
		}
	}
	m.queue = nil
	return out
}

// hold notes that the worker was handed test i.
func (d *Dispatcher) hold(m *member, i int32, t worker.Token) {
	e := &d.entries[i]
	u := e.unit
	d.unqueue(e)
	e.cost = e.test.Estimate + d.opening(m, e)
	if e.lane == confirm {
		e.cost = d.toConfirm(e)
	}
	if d.fixtures[e.file] > 0 {
		m.opened[e.file] = true
	}
	e.state, e.at, e.token, e.unit, e.recalled = held, m, t, u, false
	if u != nil {
		u.kept++
	}
	m.held = append(m.held, i)
	m.pending += e.cost
	d.unstarted++
	d.touch(m)
}

// withdraw takes test i from the worker that holds it, and withdraws the lease.
func (d *Dispatcher) withdraw(i int32) {
	e := &d.entries[i]
	m := e.at
	at := slices.Index(m.held, i)
	if at == 0 {
		m.held = m.held[1:]
	} else {
		m.held = slices.Delete(m.held, at, at+1)
	}
	m.pending -= e.cost
	if e.state == held {
		d.unstarted--
	}
	if m.running == i {
		m.running = -1
	}
	if e.recalled {
		m.recalls--
	}
	if e.lane == alone {
		m.alone = false
	}
	e.recalled = false
	e.token, e.at = 0, nil
	d.touch(m)
}
