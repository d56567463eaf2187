package dispatch

import (
	"slices"
	"time"
)

// A failure on a worker that collects lazily is confirmed by a full one, of
// which there is one at first. Lazy workers are exchanged for full ones, so
// that about as many live as before, in two cases: what waits to be confirmed
// would hold up the end of the run (enlist); so much fails on lazy workers that
// what they have yet to do would run twice (distrust).

// toConfirm returns what the test should cost a full worker: what it cost the
// last time, if that is known.
func (d *Dispatcher) toConfirm(e *entry) time.Duration {
	for _, a := range slices.Backward(e.attempts) {
		if a.Outcome != "" && a.Void == "" {
			return a.Total()
		}
	}
	return e.test.Estimate
}

// learnStart takes the time that a full worker took to start as the cost of the
// next one.
func (d *Dispatcher) learnStart(m *member, now time.Duration) {
	if m.full {
		d.startup = max(d.cfg.StartCost, now-max(m.requested, d.epoch))
	}
}

// confirm asks for a full worker if tests need one and none lives. Full workers
// take the tests to confirm before their queues.
func (d *Dispatcher) confirm(now time.Duration) {
	need := func(i int32) bool { return d.entries[i].full }
	if !slices.ContainsFunc(d.lanes[confirm], need) && !slices.ContainsFunc(d.lanes[alone], need) {
		return
	}
	if d.anyLive(func(m *member) bool { return m.full || m.presence == expected && int(m.id) <= d.cfg.Workers }) {
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
				d.abandon(i, "no worker that has collected the whole suite is left")
			}
			return need(i)
		})
	}
}

// A confirmLoad counts the full workers and the tests that they must confirm.
type confirmLoad struct {
	full  int           // live full workers, expected ones included
	ready int           // full workers that are ready
	busy  time.Duration // the full workers' other work, in sum
	last  time.Duration // the other work of the worker that ends last
	tests int           // tests to confirm
	work  time.Duration // time to confirm them, in sum
}

func (d *Dispatcher) confirmLoad(now time.Duration) confirmLoad {
	var s confirmLoad
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
		if !m.full {
			continue
		}
		s.full++
		s.busy += left
		if m.presence == ready {
			s.ready++
		}
	}
	return s
}

// movable reports whether the test is to be confirmed, waits at a full
// worker, and might as well run on another one.
func (d *Dispatcher) movable(e *entry) bool {
	return e.lane == confirm && e.state == held && !d.cfg.Static && d.cfg.Runner == Stream && e.recalls < maxRecalls
}

// mayEnlist reports whether one more full worker is allowed. It is not before the
// first full worker is ready, since its cost is unknown, nor before all tests are
// known, since tests that must stay with others may still come.
func (d *Dispatcher) mayEnlist(s confirmLoad) bool {
	return d.complete && s.ready > 0 && s.full < d.cfg.Workers && d.enlisted < d.cfg.Workers
}

// enlist asks for full workers, in the place of idle lazy ones, while what
// waits to be confirmed, spread over the full ones, is more than one costs to
// have, and the run would end sooner with it.
func (d *Dispatcher) enlist(now time.Duration) {
	if !d.doubted || !d.complete || d.enlisted >= d.cfg.Workers || d.idle == 0 && d.lives >= d.cfg.Workers {
		return
	}
	for s := d.confirmLoad(now); d.mayEnlist(s) && s.full <= s.tests; s.full++ {
		n := time.Duration(s.full)
		with, without := (s.busy+s.work+d.startup)/(n+1), (s.busy+s.work)/n
		if s.work/n <= d.startup || max(with, s.last) >= without || !d.makeRoom() {
			return
		}
		d.enlisted++
		d.ask(true, now)
		s.busy += d.startup
	}
}

// makeRoom makes room for one more worker. If all places are taken it releases an
// idle lazy worker. It returns false if there is none.
func (d *Dispatcher) makeRoom() bool {
	if d.lives < d.cfg.Workers {
		return true
	}
	for _, m := range d.members {
		if m.idle() && !m.full {
			d.release(m)
			return true
		}
	}
	return false
}

// distrust exchanges lazy workers whose queues would cost more to confirm than
// it costs to have full ones instead, taking what failed as a sign of what
// will.
func (d *Dispatcher) distrust(now time.Duration) {
	if d.cfg.Static || !d.complete || d.stopped != "" || d.enlisted >= d.cfg.Workers {
		return
	}
	share := float64(d.lazyFailed) / float64(d.lazyRan+d.startup)
	s := d.confirmLoad(now)
	for _, m := range slices.Clone(d.members) {
		if !d.mayEnlist(s) {
			return
		}
		if m.full || m.presence != ready || m.retiring || m.alone {
			continue
		}
		if queue := scale(m.load, d.rate(m)); scale(queue, share) <= 2*d.startup {
			continue
		}
		d.enlisted++
		s.full++
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

// unretire makes a retiring worker take tests again.
func (d *Dispatcher) unretire(m *member) {
	if m.retiring {
		m.retiring = false
		d.retiring--
	}
}

// releaseRetired releases the retiring workers that have no test left.
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
