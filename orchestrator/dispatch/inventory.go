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
		d.open++
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
	if d.stopped != "" || d.done {
		d.conclude(e, cmp.Or(d.stopped, "it was found after the end of the run"))
		return
	}
	d.added = append(d.added, i)
}

// restore takes a test that was hinted, or even dropped, and is discovered.
func (d *Dispatcher) restore(i int32, t plan.Test) {
	e := &d.entries[i]
	e.test.Index = t.Index
	if e.state == dropped {
		e.test = t
		d.open++
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
	for _, id := range ids {
		i, ok := d.index[id]
		if !ok || d.entries[i].state == dropped {
			continue
		}
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
		if e.state == held && !e.recalled {
			d.emit(TakeBack{Worker: e.at.id, Tests: []worker.TestID{e.test.ID}})
		}
		d.withdraw(i)
		d.unkeep(e)
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
	for _, l := range d.legacies {
		l.tests = slices.DeleteFunc(l.tests, gone)
	}
}

// bond names what the test must stay together with; "" for nothing.
func (d *Dispatcher) bond(e *entry) string {
	switch {
	case e.test.Group != "":
		return "group " + e.test.Group
	case d.cfg.Split == plan.ByFile:
		return "file " + e.test.File
	case d.cfg.Split == plan.ByDirectory:
		return "directory " + path.Dir(e.test.File)
	}
	return ""
}

// plan makes the first plan, over the expected workers.
func (d *Dispatcher) plan(now time.Duration) {
	d.planned = true
	tests := d.added
	d.added = nil
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
	var to []*member
	p := plan.Params{Split: d.cfg.Split, Fixtures: d.cfg.Fixtures}
	for _, m := range d.members {
		if m.live() && !m.alone {
			to = append(to, m)
			p.Speeds = append(p.Speeds, m.speed)
			p.Loads = append(p.Loads, d.remaining(m, now))
		}
	}
	tests = d.rejoin(tests)
	if len(to) == 0 {
		d.added = append(d.added, tests...)
		return nil
	}
	p.Workers = len(to)
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

// rejoin gives the tests that must stay together with others to the worker
// that has those, and returns the rest.
func (d *Dispatcher) rejoin(tests []int32) []int32 {
	if len(d.owner) == 0 {
		return tests
	}
	rest := tests[:0:0]
	units := map[string]*unit{}
	for _, i := range tests {
		b := d.bond(&d.entries[i])
		m := d.owner[b]
		if m == nil || !m.live() || m.alone {
			rest = append(rest, i)
			continue
		}
		u := units[b]
		if u == nil {
			u = d.bonded(m, b)
			units[b] = u
		}
		u.tests = append(u.tests, i)
		d.put(m, u, i)
	}
	return rest
}

// bonded is the unit of the worker's queue with that bond. Where the worker
// has taken all of it already, it is a new one, which cannot be stolen.
func (d *Dispatcher) bonded(m *member, bond string) *unit {
	for _, u := range m.queue {
		for _, i := range u.tests[u.next:] {
			if d.waits(u, i) {
				if d.bond(&d.entries[i]) == bond {
					return u
				}
				break
			}
		}
	}
	u := &unit{whole: true, kept: 1}
	d.enqueue(m, u)
	return u
}
