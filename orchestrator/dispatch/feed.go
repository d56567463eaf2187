package dispatch

import (
	"time"

	"github.com/shardyard/shardyard/worker"
)

// feedAll hands out what workers have room for. Only those that have changed
// can have any.
func (d *Dispatcher) feedAll(now time.Duration) {
	d.feedChanged()
	if d.cfg.Static || d.idle == 0 {
		return
	}
	d.stealAll(now)
	d.feedChanged()
	d.recallFor(now)
}

func (d *Dispatcher) feedChanged() {
	if len(d.lanes[confirm]) > 0 && d.idle > 0 {
		for _, m := range d.members {
			if m.idle() {
				d.feed(m) // before one that would only let it wait
			}
		}
	}
	for len(d.changed) > 0 {
		list := d.changed
		d.changed = nil
		for _, m := range list {
			m.changed = false
		}
		for _, m := range list {
			d.feed(m)
		}
	}
	if len(d.lanes[confirm]) > 0 {
		for _, m := range d.members {
			d.feed(m)
		}
	}
}

// stealAll lets idle workers steal. When a few of them find nothing worth
// taking, the others would not either.
func (d *Dispatcher) stealAll(now time.Duration) {
	const failures = 4
	failed := 0
	for _, m := range d.members {
		if d.queued == 0 || d.idle == 0 || failed >= failures {
			return
		}
		if m.idle() && !m.retiring && !d.steal(m, now) {
			failed++
		}
	}
}

// feed hands the worker what it has room for, in one lease.
func (d *Dispatcher) feed(m *member) {
	if m.presence != ready || m.alone || m.whole || !d.hungry(m) {
		return
	}
	goal := d.goal(m)
	var refs []worker.Ref
	for d.room(m, goal, len(refs)) {
		i := d.next(m)
		if i < 0 {
			break
		}
		if len(refs) == 0 {
			d.token++
		}
		d.hold(m, i, d.token)
		e := &d.entries[i]
		refs = append(refs, worker.Ref{ID: e.test.ID, File: e.test.File})
	}
	if len(refs) > 0 {
		d.emit(Hand{Worker: m.id, Token: d.token, Tests: refs})
	}
}

// hungry reports whether it is worth a message to hand the worker more: the
// window is half empty, or the batch is done.
func (d *Dispatcher) hungry(m *member) bool {
	if m.count == 0 && (!m.full || len(d.lanes[confirm]) == 0) {
		return false
	}
	if d.cfg.Runner == Atomic {
		return len(m.held) == 0
	}
	behind := len(m.held) - 1
	return behind < 1 || behind < maxWindow/2 && d.behind(m) < d.window(m)/2
}

// window returns how much work waits at the worker behind the running test.
// More is handed when half of it is left, and must arrive before the rest has
// run.
func (d *Dispatcher) window(m *member) time.Duration {
	return max(d.cfg.Window, windowTrips*m.trip)
}

// stretch fits a worker's window to its link. One message can be late for any
// reason, so measurements are smoothed as TCP does it (RFC 6298, 2.3).
func (d *Dispatcher) stretch(in RoundTripped) {
	m := d.byID[in.Worker]
	if m == nil || in.Took <= 0 {
		return
	}
	if m.trip == 0 {
		m.trip = in.Took
	} else {
		m.trip += (in.Took - m.trip) / 8
	}
	d.touch(m)
}

// behind returns the time that waits at the worker behind the running test.
func (d *Dispatcher) behind(m *member) time.Duration {
	if len(m.held) == 0 {
		return 0
	}
	return scale(m.pending-d.entries[m.held[0]].cost, d.rate(m))
}

// goal returns the size of an atomic batch: large at first, then a third of
// what is left, never so small that its own cost outweighs it.
func (d *Dispatcher) goal(m *member) time.Duration {
	return max(4*d.cfg.BatchCost, m.load/3)
}

func (d *Dispatcher) room(m *member, goal time.Duration, handed int) bool {
	if d.cfg.Runner == Stream {
		behind := len(m.held) - 1
		return behind < 1 || behind < maxWindow && d.behind(m) < d.window(m)
	}
	if handed == 0 || m.pending < goal {
		return true
	}
	// The rest of a unit goes along when it is small, or must.
	u := d.entries[m.held[len(m.held)-1]].unit
	if u == nil || len(m.queue) == 0 || m.queue[0] != u {
		return false
	}
	if u.whole {
		return true
	}
	limit := max(d.cfg.BatchCost, d.fixtures[d.entries[m.held[0]].file])
	var rest time.Duration
	for _, i := range u.tests[u.next:] {
		if d.waits(u, i) {
			if rest += d.entries[i].test.Estimate; rest >= limit {
				return false
			}
		}
	}
	return rest > 0
}

// next returns the test that the worker should be handed now, or -1.
func (d *Dispatcher) next(m *member) int32 {
	if l := d.lanes[confirm]; m.full && len(l) > 0 {
		d.lanes[confirm] = l[1:]
		return l[0]
	}
	return d.pop(m)
}
