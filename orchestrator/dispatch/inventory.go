package dispatch

import (
	"cmp"
	"path"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

func (d *Dispatcher) add(in TestsAdded, now time.Duration) {
	d.strands = nil
	d.entries = slices.Grow(d.entries, len(in.Tests))
	if len(d.index) == 0 {
		d.index = make(map[worker.TestID]int32, len(in.Tests))
	}
	for _, t := range in.Tests {
		if i, ok := d.index[t.ID]; ok {
			d.restore(i, t)
			continue
		}
		i := int32(len(d.entries))
		d.index[t.ID] = i
		d.entries = append(d.entries, entry{test: t, file: d.file(t.File)})
		d.admit(i)
	}
	if in.Hinted && !d.planned && d.stopped == "" && len(d.added) > 0 {
		d.plan(now)
	}
}

// admit lets a new test wait to be assigned.
func (d *Dispatcher) admit(i int32) {
	e := &d.entries[i]
	e.state = waiting
	d.tests++
	d.open++
	if d.stopped != "" || d.done {
		d.conclude(i, cmp.Or(d.stopped, "it was found after the end of the run"))
		return
	}
	d.added = append(d.added, i)
}

// restore admits a discovered test that was hinted before, or even dropped.
func (d *Dispatcher) restore(i int32, t plan.Test) {
	e := &d.entries[i]
	e.test.Index = t.Index
	if e.state == dropped {
		e.test = t
		d.admit(i)
	}
}

func (d *Dispatcher) file(name string) int32 {
	f, ok := d.files[name]
	if !ok {
		f = int32(len(d.files))
		d.files[name] = f
		d.fixtures = append(d.fixtures, d.cfg.Fixtures[name])
	}
	return f
}

func (d *Dispatcher) drop(ids []worker.TestID) {
	d.strands = nil
	for _, id := range ids {
		i, ok := d.index[id]
		if !ok || d.entries[i].state == dropped {
			continue
		}
		d.tests--
		if e := &d.entries[i]; e.state == final {
			e.state = dropped
		} else {
			d.detach(i)
			e.state = dropped
			d.open--
		}
	}
	d.tidy(func(e *entry) bool { return e.state != dropped })
}

// detach takes the test from the worker that has it, if any.
func (d *Dispatcher) detach(i int32) {
	switch e := &d.entries[i]; e.state {
	case waiting:
		d.unqueue(e)
	case held, running:
		begun := e.state == running
		if !begun && !e.recalled {
			d.emit(TakeBack{Worker: e.at.id, Tests: []worker.TestID{e.test.ID}})
		}
		d.withdraw(i)
		if !begun {
			d.unkeep(e)
		}
	}
}

// tidy takes out of the lists of tests without a worker what does not belong
// there any more.
func (d *Dispatcher) tidy(stays func(*entry) bool) {
	gone := func(i int32) bool { return !stays(&d.entries[i]) }
	d.added = slices.DeleteFunc(d.added, gone)
	for l := range d.lanes {
		d.lanes[l] = slices.DeleteFunc(d.lanes[l], gone)
	}
	for _, l := range d.leftovers {
		l.tests = slices.DeleteFunc(l.tests, gone)
	}
}

// A bond is something that tests must stay together with.
type bond struct {
	kind byte // 'g'roup, 'f'ile, 'd'irectory; 0 for none
	name string
}

// bonds returns what the test must stay together with, the group first.
func (d *Dispatcher) bonds(e *entry) (b [2]bond) {
	if e.test.Group != "" {
		b[0] = bond{'g', e.test.Group}
	}
	switch {
	case e.test.File == "": // the test belongs to no file
	case d.cfg.Split == plan.ByFile:
		b[1] = bond{'f', e.test.File}
	case d.cfg.Split == plan.ByDirectory:
		b[1] = bond{'d', path.Dir(e.test.File)}
	}
	return b
}

// own makes the worker the owner of the test's bonds.
func (d *Dispatcher) own(m *member, e *entry) {
	for _, b := range d.bonds(e) {
		if b.kind != 0 {
			d.owner[b] = m
		}
	}
}

// home returns the worker that owns one of the test's bonds, and the bond; nil if
// no worker does.
func (d *Dispatcher) home(e *entry) (*member, bond) {
	for _, b := range d.bonds(e) {
		if m := d.owner[b]; m != nil && m.live() && !m.alone && !m.whole {
			return m, b
		}
	}
	return nil, bond{}
}

// plan makes the first plan, over the expected workers.
func (d *Dispatcher) plan(now time.Duration) {
	d.planned = true
	tests := d.added
	d.added = nil
	for _, m := range d.takers() {
		d.shards = append(d.shards, m.id)
	}
	d.first = d.assign(tests, now)
}

// assignAdded assigns what was discovered: all of it when the inventory is
// complete, or when a worker would be idle.
func (d *Dispatcher) assignAdded(now time.Duration) {
	if !d.planned {
		if d.complete && len(d.added) > 0 {
			d.plan(now)
		}
		d.planned = d.planned || d.complete
		return
	}
	if len(d.added) == 0 || !d.complete && d.reserve() == nil {
		return
	}
	tests := d.added
	d.added = nil
	d.assign(tests, now)
}

// assign plans tests over the live workers, on top of what they have to do.
// Without any it keeps them for later.
func (d *Dispatcher) assign(tests []int32, now time.Duration) *plan.Plan {
	to := d.takers()
	tests = d.rejoin(tests)
	if len(to) == 0 {
		d.added = append(d.added, tests...)
		return nil
	}
	return d.spread(tests, to, now)
}

// takers returns the workers that new work is for.
func (d *Dispatcher) takers() []*member {
	var to, retiring []*member
	for _, m := range d.members {
		switch {
		case !m.live() || m.alone || m.whole:
		case m.retiring:
			retiring = append(retiring, m)
		default:
			to = append(to, m)
		}
	}
	if len(to) > 0 {
		return to
	}
	for _, m := range retiring { // they are needed after all
		d.unretire(m)
	}
	return retiring
}

// spread plans tests over these workers.
func (d *Dispatcher) spread(tests []int32, to []*member, now time.Duration) *plan.Plan {
	p := plan.Params{Workers: len(to), Split: d.cfg.Split, Fixtures: d.cfg.Fixtures}
	for _, m := range to {
		p.Speeds = append(p.Speeds, m.speed)
		p.Loads = append(p.Loads, d.remaining(m, now))
	}
	list := make([]plan.Test, len(tests))
	for at, i := range tests {
		list[at] = d.entries[i].test
	}
	made := plan.Balance(list, p)
	for w, s := range made.Shards {
		units := make([]*unit, len(s.Units))
		for k := range s.Units {
			units[k] = d.unit(&s.Units[k])
		}
		d.enqueue(to[w], units...)
	}
	return &made
}

func (d *Dispatcher) unit(u *plan.Unit) *unit {
	out := &unit{whole: u.Whole, key: u.Key, tests: make([]int32, len(u.Tests))}
	for i := range u.Tests {
		out.tests[i] = d.index[u.Tests[i].ID]
	}
	return out
}

// rejoin returns the tests that must stay together with others to the worker
// that has those, and returns the rest.
func (d *Dispatcher) rejoin(tests []int32) []int32 {
	if len(d.owner) == 0 {
		return tests
	}
	for d.assignBonds(tests) {
	}
	rest := tests[:0:0]
	type place struct {
		m *member
		b bond
	}
	found := map[place]*unit{}
	for _, i := range tests {
		e := &d.entries[i]
		m, b := d.home(e)
		if m == nil {
			rest = append(rest, i)
			continue
		}
		u := found[place{m, b}]
		if u == nil {
			u = d.company(m, b)
			found[place{m, b}] = u
		}
		u.tests = append(u.tests, i)
		d.put(m, u, i)
	}
	return rest
}

// assignBonds gives every bond without a worker the worker of a bond that shares a
// test with it. It reports whether it changed anything; repeat until it does not.
func (d *Dispatcher) assignBonds(tests []int32) bool {
	changed := false
	for _, i := range tests {
		m, _ := d.home(&d.entries[i])
		if m == nil {
			continue
		}
		for _, b := range d.bondsOf(i) {
			if o := d.owner[b]; b.kind != 0 && (o == nil || !o.live() || o.alone) {
				d.owner[b] = m
				changed = true
			}
		}
	}
	return changed
}

// company returns the unit of the worker that holds the bond's tests. If all of
// them have run already, it is a new one, which cannot be stolen.
func (d *Dispatcher) company(m *member, b bond) *unit {
	for _, u := range m.queue {
		if !u.whole {
			continue
		}
		for _, i := range u.tests[u.next:] {
			if d.waits(u, i) && slices.Contains(d.bondsOf(i), b) {
				return u
			}
		}
	}
	for _, i := range m.held {
		if u := d.entries[i].unit; u != nil && u.whole && slices.Contains(d.bondsOf(i), b) {
			if !slices.Contains(m.queue, u) {
				d.enqueue(m, u)
			}
			return u
		}
	}
	u := &unit{whole: true, kept: 1}
	d.enqueue(m, u)
	return u
}

func (d *Dispatcher) bondsOf(i int32) []bond {
	b := d.bonds(&d.entries[i])
	return b[:]
}
