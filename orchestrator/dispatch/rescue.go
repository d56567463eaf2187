package dispatch

import (
	"slices"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// leftover holds the tests of a lost worker of a static plan, which its replacement
// runs.
type leftover struct {
	replacement WorkerID
	tests       []int32
}

func (d *Dispatcher) lose(in WorkerLost, now time.Duration) {
	m := d.byID[in.Worker]
	if m == nil {
		m = d.join(in.Worker)
	}
	if m.presence == gone {
		return
	}
	was := m.presence
	if m.live() {
		d.lives--
	}
	m.presence = gone
	d.touch(m)
	d.cause = in.Cause
	var left []int32
	for _, i := range slices.Clone(m.held) {
		e := &d.entries[i]
		ran, l := e.state == running, e.lane
		begun := d.begun(e)
		d.withdraw(i)
		d.unkeep(e)
		switch {
		case ran:
			d.loseRunning(i, begun, in.Cause, now)
		case d.stopped != "":
			d.conclude(i, d.stopped)
		case l == whole: // below
			e.state = parked
		case l != normal:
			d.park(i, l)
		default:
			e.state = waiting
			left = append(left, i)
		}
	}
	left = append(left, d.drain(m)...)
	for _, r := range slices.Clone(d.reorderings) {
		if m.whole && r.begun {
			d.forgo(r)
		}
	}
	if d.done || d.stopped != "" {
		return
	}
	for _, l := range d.leftovers {
		if l.replacement == m.id {
			left = append(left, l.tests...)
			l.tests = nil
		}
	}
	var replacement *member
	if was != released && !m.retiring && !m.whole && d.replaced < d.cfg.MaxReplacements && (d.open > 0 || !d.complete) {
		d.replaced++
		replacement = d.ask(m.full && !d.anyLive(func(o *member) bool { return o.full }), now)
		m.replacement = replacement.id
	}
	d.unretire(m)
	switch {
	case len(left) == 0:
	case d.cfg.Static && replacement != nil:
		d.leftovers = append(d.leftovers, &leftover{replacement.id, left})
		for _, i := range left {
			d.own(replacement, &d.entries[i])
		}
	default:
		d.assign(left, now)
	}
}

// loseRunning voids the attempt that a worker ran when it was lost. The test runs
// once more, alone; after a second loss it is not run.
func (d *Dispatcher) loseRunning(i int32, a Attempt, cause string, now time.Duration) {
	e := &d.entries[i]
	a.At, a.Void = now, "worker lost: "+cause
	e.ended(a)
	d.about(e, a, false)
	e.lost++
	if e.lane == whole {
		d.leftWhole(e)
	}
	switch {
	case d.stopped != "":
		d.conclude(i, d.stopped)
	case e.lost > 1:
		d.abandon(i, "worker lost twice while it ran: "+cause)
	default:
		d.park(i, alone)
	}
}

// abandon gives up a test that no worker can run to its end: it is not run, because
// machinery broke.
func (d *Dispatcher) abandon(i int32, reason string) {
	d.conclude(i, reason)
	d.entries[i].infra = true
}

// ask asks for one more worker.
func (d *Dispatcher) ask(full bool, now time.Duration) *member {
	id := WorkerID(1)
	for _, m := range d.members {
		id = max(id, m.id+1)
	}
	m := d.join(id)
	m.full, m.requested = full, now
	d.emit(Replace{Worker: id, Full: full})
	return m
}

// anyLive reports whether some live worker satisfies ok.
func (d *Dispatcher) anyLive(ok func(*member) bool) bool {
	return slices.ContainsFunc(d.members, func(m *member) bool { return m.live() && ok(m) })
}

// rescue places tests that no queue holds: leftovers of a static plan, failures to
// confirm, retries, and tests whose worker was lost.
func (d *Dispatcher) rescue(now time.Duration) {
	d.assignLeftovers(now)
	d.confirm(now)
	d.settleOrder(now)
	d.enlist(now)
	d.retry(now)
	d.runAlone()
	d.giveUp(now)
}

// assignLeftovers gives leftovers to the replacements that are ready.
func (d *Dispatcher) assignLeftovers(now time.Duration) {
	d.leftovers = slices.DeleteFunc(d.leftovers, func(l *leftover) bool {
		m := d.byID[l.replacement]
		if m.presence != ready {
			return len(l.tests) == 0
		}
		d.spread(l.tests, []*member{m}, now)
		return true
	})
}

// retry gives failed tests to workers that have run nothing, else to others
// that have not run them, once those have nothing else to do.
func (d *Dispatcher) retry(now time.Duration) {
	if len(d.lanes[again]) == 0 || d.reserve() == nil && d.anyLive(func(*member) bool { return true }) {
		return
	}
	var rest []int32
	for _, i := range d.lanes[again] {
		if m := d.retrier(i, now); m != nil {
			d.handOne(m, i)
			continue
		}
		rest = append(rest, i)
	}
	d.lanes[again] = nil
	for _, i := range rest {
		if d.awaits(i, now) {
			d.lanes[again] = append(d.lanes[again], i)
			continue
		}
		d.conclude(i, "") // its failure stands
	}
}

// retrier returns the idle worker that should run the test again, the one that
// has run least.
func (d *Dispatcher) retrier(i int32, now time.Duration) *member {
	var best *member
	for _, m := range d.members {
		if m.idle() && d.mayRetry(m, i) && (best == nil || m.ran < best.ran) {
			best = m
		}
	}
	if best != nil && best.ran > 0 && d.freshComing(now) {
		return nil
	}
	return best
}

func (d *Dispatcher) mayRetry(m *member, i int32) bool {
	e := &d.entries[i]
	if e.full && !m.full && m.presence != expected {
		return false
	}
	return !slices.ContainsFunc(e.attempts, func(a Attempt) bool { return a.Worker == m.id })
}

// freshComing reports whether a fresh worker is starting. If none is and retries
// allow one more, it asks for one, and reports true.
func (d *Dispatcher) freshComing(now time.Duration) bool {
	coming := false
	for _, m := range d.members {
		if m.presence == expected && int(m.id) > d.cfg.Workers {
			coming = true
		}
	}
	if coming || d.fresh >= d.cfg.Retries*d.cfg.Workers {
		return coming
	}
	d.fresh++
	d.ask(slices.ContainsFunc(d.members, func(m *member) bool { return m.presence != expected && !m.full }), now)
	return true
}

// awaits reports whether a worker may yet run the test again.
func (d *Dispatcher) awaits(i int32, now time.Duration) bool {
	if d.anyLive(func(m *member) bool { return d.mayRetry(m, i) }) {
		return true
	}
	// Only workers that it failed on are left. They stay busy, or are asked
	// to wait for a fresh one.
	if d.anyLive(func(m *member) bool { return m.presence == ready && !m.idle() }) {
		return true
	}
	return d.freshComing(now)
}

// runAlone hands out the tests whose workers were lost: last, each alone on an idle
// worker.
func (d *Dispatcher) runAlone() {
	if len(d.lanes[alone]) == 0 || !d.complete || d.backlog() > len(d.lanes[alone]) {
		return
	}
	var rest []int32
	for _, i := range d.lanes[alone] {
		var best *member
		for _, m := range d.members {
			if m.idle() && (m.full || !d.entries[i].full) && (best == nil || m.ran < best.ran) {
				best = m
			}
		}
		if best == nil {
			rest = append(rest, i)
			continue
		}
		best.alone = true
		d.handOne(best, i)
	}
	d.lanes[alone] = rest
}

func (d *Dispatcher) handOne(m *member, i int32) {
	e := &d.entries[i]
	d.token++
	d.hold(m, i, d.token)
	d.emit(Hand{Worker: m.id, Token: d.token, Tests: []worker.Ref{{ID: e.test.ID, File: e.test.File}}})
}

// giveUp ends a run without live workers: it asks for a last replacement, or else
// abandons the waiting tests.
func (d *Dispatcher) giveUp(now time.Duration) {
	if d.anyLive(func(*member) bool { return true }) || d.backlog() == 0 {
		return
	}
	if d.replaced < d.cfg.MaxReplacements {
		d.replaced++
		d.ask(false, now)
		return
	}
	reason := "no worker is left"
	if d.cause != "" {
		reason += ": " + d.cause
	}
	for i := range d.entries {
		if e := &d.entries[i]; e.state == waiting || e.state == parked {
			d.unqueue(e)
			d.abandon(int32(i), reason)
		}
	}
	d.added, d.lanes, d.leftovers, d.reorderings = nil, [4][]int32{}, nil, nil
}
