package dispatch

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// leased finds the test when the worker holds it under that token.
func (d *Dispatcher) leased(w WorkerID, t worker.Token, id worker.TestID) (int32, *entry) {
	i, ok := d.index[id]
	if !ok {
		return -1, nil
	}
	e := &d.entries[i]
	if (e.state == held || e.state == running) && e.at.id == w && e.token == t {
		return i, e
	}
	return i, nil
}

func (d *Dispatcher) start(in TestStarted, now time.Duration) {
	i, e := d.leased(in.Worker, in.Token, in.Test)
	switch {
	case e == nil:
		if m := d.byID[in.Worker]; m != nil && i >= 0 { // it runs there all the same
			d.follow(m, i)
		}
	case e.state != running:
		d.begin(i, e, now)
		d.about(e, d.begun(e), true)
	}
}

// follow notes that test i starts on the worker. It returns whether that is
// the first of its file there, and the test before it.
func (d *Dispatcher) follow(m *member, i int32) (first bool, before int32) {
	file := d.entries[i].file
	if first, before = !m.ranIn[file], -1; len(m.order) > 0 {
		before = m.order[len(m.order)-1]
	}
	m.ranIn[file], m.order = true, append(m.order, i)
	return first, before
}

func (d *Dispatcher) begin(i int32, e *entry, now time.Duration) {
	e.state = running
	e.first, e.before = d.follow(e.at, i)
	if d.cfg.Runner == Stream || e.at.running < 0 {
		e.at.since = now
	}
	e.at.running = i
	if e.recalled { // too late
		e.recalled = false
		e.at.recalls--
	}
	d.unstarted--
}

func (d *Dispatcher) finish(in TestFinished, now time.Duration) {
	i, e := d.leased(in.Worker, in.Token, in.Test)
	if e == nil {
		if i >= 0 {
			d.amend(i, in)
		}
		return
	}
	if e.state != running { // nobody said that it had started
		d.begin(i, e, now)
	}
	m := e.at
	if d.cfg.Runner == Atomic {
		e.first, m.paid = m.paid != e.token, e.token
	}
	if e.lane == normal || e.lane == confirm {
		m.ran++
	}
	took := in.Setup + in.Call + in.Teardown
	d.measure(m, e, took+d.cfg.PerTest)
	tentative := m.doubts(e, in)
	if !m.full {
		d.lazyRan += took
	}
	if tentative {
		d.lazyFailed += took
	}
	a := d.begun(e)
	a.At, a.Outcome, a.Tentative = now, in.Outcome, tentative
	a.Setup, a.Call, a.Teardown = in.Setup, in.Call, in.Teardown
	a.Misplaced = d.misplaced(i, &a, in, now)
	e.ended(a)
	d.about(e, a, true)
	d.withdraw(i)
	d.decide(i)
	if tentative {
		d.distrust(now)
	}
}

// amend changes the outcome of an attempt that is over, as when a fixture of
// wider scope fails in its teardown. Anything else is evidence.
func (d *Dispatcher) amend(i int32, in TestFinished) {
	e := &d.entries[i]
	for k := len(e.attempts) - 1; k >= 0; k-- {
		a := &e.attempts[k]
		if a.Worker != in.Worker || a.Token != in.Token || a.Outcome == "" {
			continue
		}
		a.Outcome = in.Outcome
		a.Setup, a.Call, a.Teardown = in.Setup, in.Call, in.Teardown
		a.Tentative = d.byID[in.Worker].doubts(e, in)
		d.about(e, *a, true)
		switch {
		case e.state != final || a.Void != "":
		case d.done || d.stopped != "":
			d.judge(i)
		default:
			d.reopen(i)
			d.decide(i)
		}
		return
	}
	if e.evidence < math.MaxUint16 {
		e.evidence++
	}
}

// decide gives a test its verdict after an attempt, or plans another attempt.
func (d *Dispatcher) decide(i int32) {
	e := &d.entries[i]
	last := len(e.attempts) - 1
	for last >= 0 && e.attempts[last].Void != "" {
		last--
	}
	switch {
	case last < 0 || d.stopped != "":
		d.conclude(i, d.stopped)
	case e.attempts[last].Whole:
		d.leftWhole(e)
		d.conclude(i, "")
	case e.attempts[last].Misplaced && d.reorderingOf(e.file) != nil:
		d.reorder(i)
	case e.attempts[last].Tentative:
		e.full = true
		d.park(i, confirm)
	case !e.attempts[last].Outcome.Fails():
		d.conclude(i, "")
	case e.failures() <= d.cfg.Retries:
		d.park(i, again)
	default:
		d.conclude(i, "")
	}
}

// park lets the test wait for a run apart from the queues.
func (d *Dispatcher) park(i int32, l lane) {
	e := &d.entries[i]
	e.state, e.lane, e.unit = parked, l, nil
	at := len(d.lanes[l])
	if l == confirm { // the most expensive first
		d.doubted = true
		cost := d.toConfirm(e)
		at = sort.Search(at, func(k int) bool { return d.toConfirm(&d.entries[d.lanes[l][k]]) < cost })
	}
	d.lanes[l] = slices.Insert(d.lanes[l], at, i)
}

// maxReturns is how often a test may come back unasked and unrun before it is
// given up, and maxRejections how often its attempts may be rejected.
const maxReturns, maxRejections = 3, 2

func (d *Dispatcher) takeBack(in TestsReturned, now time.Duration) {
	m := d.byID[in.Worker]
	if m == nil {
		return
	}
	var back, unasked []int32
	for _, id := range in.Tests {
		i, ok := d.index[id]
		if !ok {
			continue
		}
		e := &d.entries[i]
		if e.state != held && e.state != running || e.at != m {
			continue
		}
		recalled := e.recalled
		d.withdraw(i)
		switch {
		case d.stopped != "":
			d.unkeep(e)
			d.conclude(i, d.stopped)
		case e.lane == whole:
			d.leftWhole(e)
			d.standOn(i)
		case e.lane != normal:
			d.park(i, e.lane)
		case recalled:
			back = append(back, i)
		default:
			if e.returned++; e.returned >= maxReturns {
				d.unkeep(e)
				d.conclude(i, "its workers gave it back unrun")
				continue
			}
			unasked = append(unasked, i)
		}
	}
	d.requeue(m, back)
	if m.retiring {
		d.retire(m, now)
	}
	for _, i := range unasked {
		d.unkeep(&d.entries[i])
		d.entries[i].state = waiting
	}
	if len(unasked) > 0 {
		d.assign(unasked, now)
	}
	// Recalled tests are for an idle worker, before this one gets them again.
	if d.stopped == "" && !d.cfg.Static && len(back) > 0 {
		d.stealAll(now)
	}
}

func (d *Dispatcher) unkeep(e *entry) {
	if e.unit != nil {
		e.unit.kept--
		e.unit = nil
	}
}

// requeue puts tests that the worker gave back at the head of its queue.
func (d *Dispatcher) requeue(m *member, tests []int32) {
	for len(tests) > 0 {
		u := d.entries[tests[0]].unit
		n := 0
		for n < len(tests) && d.entries[tests[n]].unit == u {
			n++
		}
		group := tests[:n]
		tests = tests[n:]
		u.tests = append(slices.Clone(group), u.tests[u.next:]...)
		u.next = 0
		u.kept -= n
		for _, i := range group {
			d.put(m, u, i)
		}
		if !slices.Contains(m.queue, u) {
			m.queue = slices.Insert(m.queue, 0, u)
		}
	}
}

// reject voids a worker's attempts at tests that were not the discovered ones. The
// tests run again, on a full worker, and so do those of them that nobody has
// begun: another lazy worker would hardly find the discovered ones. Attempts of
// other workers stay as they are.
func (d *Dispatcher) reject(in TestsRejected) {
	const why = "what ran is not what was discovered"
	var voided []int32
	for _, id := range in.Tests {
		i, ok := d.index[id]
		if !ok || d.entries[i].state == dropped {
			continue
		}
		e := &d.entries[i]
		if m := d.byID[in.Worker]; m != nil && in.Files {
			m.barred[e.file] = true
		}
		his, others := false, false
		for k := range e.attempts {
			switch a := &e.attempts[k]; {
			case a.Void != "":
			case a.Worker == in.Worker:
				a.Void, his = why, true
			default:
				others = true
			}
		}
		if e.at != nil {
			his, others = his || e.at.id == in.Worker, others || e.at.id != in.Worker && (e.state != waiting || e.at.full)
		}
		if his {
			e.rejected++
		}
		if others || e.full && !his {
			continue
		}
		if e.state == final {
			if d.done || d.stopped != "" {
				e.reason = why
				d.judge(i)
				continue
			}
			d.reopen(i)
		}
		d.detach(i)
		e.state, e.full = final, true
		voided = append(voided, i)
	}
	d.tidy(func(e *entry) bool { return e.state != final })
	for _, i := range voided {
		e := &d.entries[i]
		if d.stopped != "" || e.rejected > maxRejections {
			d.conclude(i, why)
			continue
		}
		d.park(i, confirm)
	}
}
