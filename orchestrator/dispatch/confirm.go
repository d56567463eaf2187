package dispatch

import (
	"slices"
	"time"
)

// A failure on a worker that collects lazily is confirmed by an exact one, of
// which there is one at first. Lazy workers are exchanged for exact ones, so
// that about as many live as before, in two cases: what waits to be confirmed
// would hold up the end of the run (enlist); so much fails on lazy workers that
// what they have yet to do would run twice (distrust).

// toConfirm is what the test should cost an exact worker: what it cost the
// last time, if that is known.
func (d *Dispatcher) toConfirm(e *entry) time.Duration {
	for _, a := range slices.Backward(e.attempts) {
		if a.Outcome != "" && a.Void == "" {
			return a.Setup + a.Call + a.Teardown
		}
	}
	return e.test.Estimate
}

// learnStart learns from an exact worker what it costs to have one.
func (d *Dispatcher) learnStart(m *member, now time.Duration) {
	if m.exact {
		d.startup = max(d.cfg.StartCost, now-max(m.asked, d.epoch))
	}
}

// confirm sees to it that there are exact workers for those that need one.
// They take these tests before their queues.
func (d *Dispatcher) confirm(now time.Duration) {
	need := func(i int32) bool { return d.entries[i].exact }
	if !slices.ContainsFunc(d.lanes[confirm], need) && !slices.ContainsFunc(d.lanes[alone], need) {
		return
	}
	if d.hopeFor(func(m *member) bool { return m.exact || m.presence == expected && int(m.id) <= d.cfg.Workers }) {
		return
	}
	if d.confirms <= d.cfg.MaxReplacements {
		d.confirms++
		d.ask(true, now)
		return
	}
	for _, l := range []lane{confirm, alone} {
		d.lanes[l] = slices.DeleteFunc(d.lanes[l], func(i int32) bool {
			if need(i) {
				d.forsake(i, "no worker that has collected the whole suite is left")
			}
			return need(i)
		})
	}
}

// A muster is who lives, and what there is to confirm.
type muster struct {
	exact int           // live and exact ones, expected ones included
	ready int           // of those
	busy  time.Duration // how long the exact ones have to do besides, in sum
	last  time.Duration // how long the one that ends last has to do besides
	tests int           // to be confirmed
	work  time.Duration // how long that takes, in sum
}

func (d *Dispatcher) muster(now time.Duration) muster {
	var s muster
	wait := func(i int32) {
		s.tests++
		s.work += d.toConfirm(&d.entries[i])
	}
	for _, i := range d.lanes[confirm] {
		wait(i)
	}
	for _, m := range d.members {
		if !m.live() {
			continue
		}
		left := d.remaining(m, now)
		for _, i := range m.held {
			if e := &d.entries[i]; d.movable(e) {
				wait(i)
				left -= scale(e.cost, d.rate(m))
			}
		}
		s.last = max(s.last, left)
		if !m.exact {
			continue
		}
		s.exact++
		s.busy += left
		if m.presence == ready {
			s.ready++
		}
	}
	return s
}

// movable says that the test is to be confirmed, waits at an exact worker, and
// might as well run on another one.
func (d *Dispatcher) movable(e *entry) bool {
	return e.lane == confirm && e.state == held && !d.cfg.Static && d.cfg.Runner == Stream && e.recalls < maxRecalls
}

// mayEnlist says that there may be one more exact worker. Before one is there
// nobody knows what it is worth, and before all tests are known a worker may
// yet get company for what it ran.
func (d *Dispatcher) mayEnlist(s muster) bool {
	return d.complete && s.ready > 0 && s.exact < d.cfg.Workers && d.enlisted < d.cfg.Workers
}

// enlist asks for exact workers, in the place of idle lazy ones, while what
// waits to be confirmed, spread over the exact ones, is more than one costs to
// have, and the run would end sooner with it.
func (d *Dispatcher) enlist(now time.Duration) {
	if !d.doubted || !d.complete || d.enlisted >= d.cfg.Workers || d.idle == 0 && d.lives >= d.cfg.Workers {
		return
	}
	for s := d.muster(now); d.mayEnlist(s) && s.exact <= s.tests; s.exact++ {
		n := time.Duration(s.exact)
		with, without := (s.busy+s.work+d.startup)/(n+1), (s.busy+s.work)/n
		if s.work/n <= d.startup || max(with, s.last) >= without || !d.makeRoom() {
			return
		}
		d.enlisted++
		d.ask(true, now)
		s.busy += d.startup
	}
}

// makeRoom makes room for one more worker: there is some, or a lazy one that
// has nothing to do goes.
func (d *Dispatcher) makeRoom() bool {
	if d.lives < d.cfg.Workers {
		return true
	}
	for _, m := range d.members {
		if m.idle() && !m.exact {
			d.release(m)
			return true
		}
	}
	return false
}

// distrust exchanges lazy workers whose queues would cost more to confirm than
// it costs to have exact ones instead, taking what failed as a sign of what
// will.
func (d *Dispatcher) distrust(now time.Duration) {
	if d.cfg.Static || !d.complete || d.stopped != "" || d.enlisted >= d.cfg.Workers {
		return
	}
	share := float64(d.lazyFailed) / float64(d.lazyRan+d.startup)
	s := d.muster(now)
	for _, m := range slices.Clone(d.members) {
		if !d.mayEnlist(s) {
			return
		}
		if m.exact || m.presence != ready || m.retiring || m.alone {
			continue
		}
		if queue := scale(m.load, d.rate(m)); scale(queue, share) <= 2*d.startup {
			continue
		}
		d.enlisted++
		s.exact++
		d.ask(true, now)
		m.retiring = true
		d.retiring++
		d.retire(m, now)
	}
}

// retire gives the queue of a retiring worker to others, but for what has
// begun there and must stay together.
func (d *Dispatcher) retire(m *member, now time.Duration) {
	queue := m.queue
	m.queue = nil
	var free []int32
	for _, u := range queue {
		if u.whole && u.kept > 0 {
			m.queue = append(m.queue, u)
			continue
		}
		for _, i := range u.tests[u.next:] {
			if !d.waits(u, i) {
				continue
			}
			d.unqueue(&d.entries[i])
			free = append(free, i)
			for _, b := range d.bondsOf(i) {
				if d.owner[b] == m {
					delete(d.owner, b)
				}
			}
		}
	}
	if len(free) > 0 {
		d.assign(free, now)
	}
}

// retireNot ends the worker's retirement.
func (d *Dispatcher) retireNot(m *member) {
	if m.retiring {
		m.retiring = false
		d.retiring--
	}
}

// releaseRetired releases who has ended what was left to it.
func (d *Dispatcher) releaseRetired() {
	if d.retiring == 0 {
		return
	}
	for _, m := range d.members {
		if m.retiring && m.idle() {
			d.release(m)
		}
	}
}
