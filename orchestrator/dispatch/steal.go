package dispatch

import (
	"slices"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// choices bounds how many victims a thief looks at, maxRecalls how often a test
// is asked back.
const choices, maxRecalls = 6, 3

// steal moves a part of the tail of the queue that would end last to the thief, so
// that both would end together. It returns false if no queue is worth it.
func (d *Dispatcher) steal(thief *member, now time.Duration) bool {
	for _, v := range d.victims(now) {
		if loot := d.loot(thief, v.member, v.remaining); len(loot) > 0 {
			theft := Theft{From: v.id, To: thief.id}
			for _, u := range loot {
				theft.Tests += len(u.tests)
			}
			thief.taken, thief.takenAt = theft.Tests, now
			d.enqueue(thief, loot...)
			d.answer.Thefts = append(d.answer.Thefts, theft)
			return true
		}
	}
	return false
}

type victim struct {
	*member
	remaining time.Duration
}

// victims returns the workers with a queue that would end last, the last first.
func (d *Dispatcher) victims(now time.Duration) []victim {
	last := make([]victim, 0, choices+1)
	for _, m := range d.members {
		if m.count == 0 || !m.live() {
			continue
		}
		r := d.remaining(m, now)
		at := len(last)
		for at > 0 && last[at-1].remaining < r {
			at--
		}
		if at < choices {
			last = slices.Insert(last, at, victim{m, r})
			last = last[:min(len(last), choices)]
		}
	}
	return last
}

// bargain weighs a theft: the time that the thief would need for the taken tests,
// and the time that the victim would still need.
type bargain struct {
	d             *Dispatcher
	thief, victim *member
	rate, spares  float64 // time per estimate, at the thief and at the victim
	takes, leaves time.Duration
	opened        map[int32]bool // files that the thief would have open
}

// price returns what test e would cost the thief.
func (b *bargain) price(e *entry) time.Duration {
	p := e.test.Estimate
	if !b.opened[e.file] {
		p += b.d.opening(b.thief, e)
	}
	return scale(p, b.rate)
}

func (b *bargain) take(e *entry) {
	b.takes += b.price(e)
	b.leaves -= scale(e.test.Estimate, b.spares)
	if b.d.fixtures[e.file] > 0 {
		b.opened[e.file] = true
	}
}

// loot takes units, or tails of units, out of the victim's queue, from its
// tail.
func (d *Dispatcher) loot(thief, victim *member, remaining time.Duration) []*unit {
	b := &bargain{d: d, thief: thief, victim: victim, rate: d.rate(thief), spares: d.rate(victim),
		takes: d.cfg.BatchCost, leaves: remaining, opened: map[int32]bool{}}
	var loot []*unit
	for k := len(victim.queue) - 1; k >= 0; k-- {
		u := victim.queue[k]
		if u.count == 0 { // all of it was taken
			victim.queue = slices.Delete(victim.queue, k, k+1)
			continue
		}
		if u.whole && u.kept > 0 {
			continue
		}
		cut := d.cut(b, u, len(loot) == 0)
		if len(cut) == 0 {
			if len(loot) > 0 {
				break
			}
			continue
		}
		part := &unit{whole: u.whole, tests: cut}
		for _, i := range cut {
			e := &d.entries[i]
			part.key = max(part.key, e.test.Key, e.test.Estimate)
			d.unqueue(e)
		}
		loot = append(loot, part)
		if u.count > 0 {
			break
		}
	}
	return loot
}

// cut returns the part of the unit, from its tail, that the thief should take, in
// the unit's order. The first one is taken also when both do not end
// together, if only the thief ends it before the victim would end.
func (d *Dispatcher) cut(b *bargain, u *unit, first bool) []int32 {
	if u.whole {
		return d.cutWhole(b, u, first)
	}
	var taken []int32
	limit := b.leaves // before anything of this unit
	for k := len(u.tests) - 1; k >= u.next; k-- {
		i := u.tests[k]
		if !d.waits(u, i) {
			continue
		}
		e := &d.entries[i]
		if b.thief.barred[e.file] {
			continue
		}
		price := b.takes + b.price(e)
		fair := price <= b.leaves-scale(e.test.Estimate, b.spares)
		alone := first && len(taken) == 0
		if !fair && alone && !b.sooner(price, limit) {
			continue // a shorter one may do
		}
		if !fair && !alone {
			break
		}
		b.take(e)
		taken = append(taken, i)
		if !fair {
			break
		}
	}
	slices.Reverse(taken)
	return d.takeRest(b, u, taken)
}

// sooner reports whether the thief would be done before the victim. It is true of
// a victim that has not come, and may never come.
func (b *bargain) sooner(thief, victim time.Duration) bool {
	return thief < victim || b.victim.presence == expected
}

// takeRest adds the rest of an unopened unit to the taken tests if it is too small
// to be left behind.
func (d *Dispatcher) takeRest(b *bargain, u *unit, taken []int32) []int32 {
	if len(taken) == 0 || u.kept > 0 {
		return taken
	}
	limit := max(d.cfg.BatchCost, d.fixtures[d.entries[taken[0]].file])
	var rest []int32
	var work time.Duration
	for _, i := range u.tests[u.next:] {
		if i == taken[0] || work >= limit {
			break
		}
		if d.waits(u, i) {
			rest = append(rest, i)
			work += d.entries[i].test.Estimate
		}
	}
	if len(rest) == 0 || work >= limit {
		return taken
	}
	for _, i := range rest {
		b.take(&d.entries[i])
	}
	return append(rest, taken...)
}

// cutWhole takes all of the unit or nothing.
func (d *Dispatcher) cutWhole(b *bargain, u *unit, first bool) []int32 {
	trial := *b
	trial.opened = map[int32]bool{}
	for f := range b.opened {
		trial.opened[f] = true
	}
	var all []int32
	for _, i := range u.tests[u.next:] {
		if d.waits(u, i) {
			if b.thief.barred[d.entries[i].file] {
				return nil
			}
			trial.take(&d.entries[i])
			all = append(all, i)
		}
	}
	worth := trial.takes <= trial.leaves || first && b.sooner(trial.takes, b.leaves)
	if len(all) == 0 || !worth {
		return nil
	}
	*b = trial
	return all
}

// recallFor asks for tests back that wait at a worker behind a long one while
// another worker is idle.
func (d *Dispatcher) recallFor(now time.Duration) {
	if d.cfg.Runner == Atomic || d.unstarted == 0 {
		return
	}
	pending := 0
	for _, m := range d.members {
		pending += min(m.recalls, 1)
	}
	for _, thief := range d.members {
		if !thief.idle() {
			continue
		}
		if pending > 0 {
			pending-- // an earlier recall will bring this one tests
			continue
		}
		var victim *member
		var most time.Duration
		for _, m := range d.members {
			if m.recalls > 0 || m.presence != ready || m.alone || m.running < 0 || len(m.held) < 2 {
				continue
			}
			if r := d.residual(m, now); r > most && d.recallable(thief, m, now) {
				victim, most = m, r
			}
		}
		if victim == nil {
			return
		}
		d.recall(victim, func(e *entry) bool { return d.returnable(e) && thief.suits(e) })
	}
}

// recallable reports whether the thief would end the tests that wait at the worker
// earlier than the worker.
func (d *Dispatcher) recallable(thief, m *member, now time.Duration) bool {
	left := d.remaining(m, now)
	for k := len(m.held) - 1; k >= 0; k-- {
		e := &d.entries[m.held[k]]
		if !d.returnable(e) || !thief.suits(e) {
			continue
		}
		cost := e.test.Estimate
		if e.lane == confirm {
			cost = d.toConfirm(e)
		}
		if d.cfg.BatchCost+scale(cost+d.opening(thief, e), d.rate(thief))+margin < left {
			return true
		}
	}
	return false
}

// returnable reports whether the test may be asked back: it waits, comes from a
// queue or is to be confirmed, and does not belong to something whole that has
// begun.
func (d *Dispatcher) returnable(e *entry) bool {
	if e.state != held || e.recalled || e.recalls >= maxRecalls || !d.movable(e) && (e.lane != normal || e.unit == nil) {
		return false
	}
	if e.unit == nil || !e.unit.whole {
		return true
	}
	waits := 0
	for _, i := range e.at.held {
		if o := &d.entries[i]; o.unit == e.unit && o.state == held {
			waits++
		}
	}
	return waits == e.unit.kept
}

// recall asks the worker to give back the waiting tests that satisfy want.
func (d *Dispatcher) recall(m *member, want func(*entry) bool) {
	var ids []worker.TestID
	for _, i := range m.held {
		e := &d.entries[i]
		if e.state != held || e.recalled || !want(e) {
			continue
		}
		ids = append(ids, e.test.ID)
		e.recalls++
	}
	if len(ids) == 0 {
		return
	}
	for _, id := range ids {
		d.entries[d.index[id]].recalled = true
	}
	m.recalls += len(ids)
	d.emit(TakeBack{Worker: m.id, Tests: ids})
}
