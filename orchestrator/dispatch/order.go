package dispatch

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// A failure can be due to the order of tests. In a plain run the tests of a file
// run one behind the other in one process; here some of those before it may have
// run elsewhere. Such a failure is misplaced. It is settled on a fresh full worker,
// which runs the whole file in the suite's order: what comes of it there counts for
// all tests of the file. What has not been handed of the file runs only there.

// A reordering is a file that runs whole.
type reordering struct {
	file  int32
	begun bool    // its tests are those that the inventory has
	tests []int32 // of these, the ones to hand
	left  int     // tests without an outcome
}

// maxReordered bounds the files of one run that run whole: of a suite in which that
// many fail, it is not the order that is wrong.
const maxReordered = 50

// misplaced reports whether the attempt, which has ended, is to be settled by its
// whole file.
func (d *Dispatcher) misplaced(i int32, a *Attempt, in TestFinished, now time.Duration) bool {
	e := &d.entries[i]
	if d.cfg.Reorder <= 0 || d.cfg.Runner != Stream || d.cfg.Retries > 0 || d.stopped != "" || a.Whole || a.Tentative || e.test.File == "" {
		return false
	}
	switch m := d.byID[a.Worker]; {
	case in.Stray && d.cfg.Workers > 1:
	case !a.Outcome.Fails() || d.inPlace(m, i):
		return false
	}
	if d.reordered[e.file] {
		return d.reorderingOf(e.file) != nil
	}
	return len(d.reordered) < maxReordered && d.isWhole(e.file) && d.affords(e.file, now)
}

// isWhole reports whether the file's tests need not stay with those of others.
func (d *Dispatcher) isWhole(file int32) bool {
	if d.cfg.Split == plan.ByDirectory {
		return false
	}
	for _, i := range d.testsOf(file) {
		group := d.entries[i].test.Group
		if group != "" && slices.ContainsFunc(d.entries, func(o entry) bool { return o.file != file && o.test.Group == group }) {
			return false
		}
	}
	return true
}

// affords reports whether the file may run once more, whole, and counts its time.
func (d *Dispatcher) affords(file int32, now time.Duration) bool {
	var cost time.Duration
	for _, i := range d.testsOf(file) {
		cost += d.toConfirm(&d.entries[i])
	}
	if d.reordering+cost > max(d.cfg.Reorder, (now-d.epoch)/2) {
		return false
	}
	d.reordering += cost
	return true
}

// inPlace reports whether the worker ran the test as a plain run does: behind all
// those before it in its file.
func (d *Dispatcher) inPlace(m *member, i int32) bool {
	file := d.entries[i].file
	ran := m.ranIn[file]
	for k, before := range d.testsOf(file) {
		if k >= len(ran) || ran[k] != before {
			return false
		}
		if before == i {
			return true
		}
	}
	return false
}

// testsOf returns the file's tests in the suite's order.
func (d *Dispatcher) testsOf(file int32) (tests []int32) {
	for i := range d.entries {
		if e := &d.entries[i]; e.file == file && e.state != dropped {
			tests = append(tests, int32(i))
		}
	}
	slices.SortFunc(tests, func(a, b int32) int { return cmp.Compare(d.entries[a].test.Index, d.entries[b].test.Index) })
	return tests
}

func (d *Dispatcher) reorderingOf(file int32) *reordering {
	for _, r := range d.reorderings {
		if r.file == file {
			return r
		}
	}
	return nil
}

// reorder lets the test wait until its file runs whole, and takes back the file's
// tests that wait elsewhere.
func (d *Dispatcher) reorder(i int32) {
	e := &d.entries[i]
	e.state, e.lane, e.unit = parked, whole, nil
	if d.reorderingOf(e.file) != nil {
		return
	}
	d.reordered[e.file] = true
	d.reorderings = append(d.reorderings, &reordering{file: e.file})
	for _, k := range d.testsOf(e.file) {
		o := &d.entries[k]
		switch {
		case o.state == waiting:
			d.unqueue(o)
			o.state, o.lane, o.unit = parked, whole, nil
		case o.state == parked && o.lane != whole:
			o.lane = whole
		}
	}
	d.tidy(func(o *entry) bool { return o.lane != whole })
}

// settleOrder gives files that are to run whole to a fresh worker, one after the
// other in the suite's order.
func (d *Dispatcher) settleOrder(now time.Duration) {
	if len(d.reorderings) == 0 || !d.complete {
		return
	}
	var by *member
	for _, m := range d.members {
		if m.whole && m.live() {
			by = m
		}
	}
	switch {
	case by == nil:
		d.hireWhole(now)
	case by.presence == ready:
		d.feedWhole(by)
	}
}

// hireWhole asks for the worker, in the place of an idle one.
func (d *Dispatcher) hireWhole(now time.Duration) {
	if !slices.ContainsFunc(d.reorderings, d.rests) {
		return
	}
	if d.lives >= d.cfg.Workers {
		m := d.reserve()
		if m == nil {
			return
		}
		d.release(m)
	}
	if d.wholes++; d.wholes > 1+d.cfg.MaxReplacements {
		for _, r := range slices.Clone(d.reorderings) {
			d.forgo(r)
		}
		return
	}
	m := d.ask(true, now)
	m.whole = true
	d.touch(m)
}

// rests reports whether no worker has a test of the file.
func (d *Dispatcher) rests(r *reordering) bool {
	return r.begun || !slices.ContainsFunc(d.testsOf(r.file), func(i int32) bool {
		s := d.entries[i].state
		return s == held || s == running
	})
}

// feedWhole hands the worker what it has room for of the file that it runs, and
// releases it when there is none.
func (d *Dispatcher) feedWhole(m *member) {
	for len(d.reorderings) > 0 {
		r := d.nextWhole()
		if r == nil {
			return // until the others are done with it
		}
		if !r.begun {
			d.beginWhole(r)
		}
		if d.handWhole(m, r); r.left > 0 {
			return
		}
		d.reorderings = slices.DeleteFunc(d.reorderings, func(o *reordering) bool { return o == r })
	}
	m.whole = false
	d.release(m)
}

// nextWhole returns the file that runs whole, or else the next one that may; nil for
// none.
func (d *Dispatcher) nextWhole() (next *reordering) {
	for _, r := range d.reorderings {
		if r.begun {
			return r
		}
		if d.rests(r) && (next == nil || r.file < next.file) {
			next = r
		}
	}
	return next
}

// beginWhole withdraws the verdicts on the file's tests.
func (d *Dispatcher) beginWhole(r *reordering) {
	r.begun, r.tests = true, d.testsOf(r.file)
	r.left = len(r.tests)
	for _, i := range r.tests {
		e := &d.entries[i]
		switch e.state {
		case final:
			d.reopen(i)
		case waiting: // its worker gave it back
			d.unqueue(e)
		}
		e.state, e.lane, e.unit = parked, whole, nil
	}
	d.tidy(func(e *entry) bool { return e.lane != whole })
}

// handWhole hands tests of the file, so that the worker always has some.
func (d *Dispatcher) handWhole(m *member, r *reordering) {
	if len(m.held) > maxWindow/2 || len(r.tests) == 0 {
		return
	}
	d.token++
	var refs []worker.Ref
	for len(r.tests) > 0 && len(m.held) < maxWindow {
		i := r.tests[0]
		r.tests = r.tests[1:]
		e := &d.entries[i]
		if e.state != parked || e.lane != whole { // it is no more, or runs otherwise
			r.left--
			continue
		}
		d.hold(m, i, d.token)
		refs = append(refs, worker.Ref{ID: e.test.ID, File: e.test.File})
	}
	if len(refs) > 0 {
		d.emit(Hand{Worker: m.id, Token: d.token, Tests: refs})
	}
}

// leftWhole notes that a test of a file that runs whole needs no more of it.
func (d *Dispatcher) leftWhole(e *entry) {
	if e.lane != whole {
		return // it was amended
	}
	e.lane = normal
	if r := d.reorderingOf(e.file); r != nil && r.begun {
		r.left--
	}
}

// forgo gives up that a file runs whole: what is known of its tests stands, and the
// others run as they come.
func (d *Dispatcher) forgo(r *reordering) {
	d.reorderings = slices.DeleteFunc(d.reorderings, func(o *reordering) bool { return o == r })
	for _, i := range d.testsOf(r.file) {
		if e := &d.entries[i]; e.state == parked && e.lane == whole {
			e.lane = normal
			d.standOn(i)
		}
	}
}

// standOn gives a test the verdict of what has run of it, if anything has.
func (d *Dispatcher) standOn(i int32) {
	e := &d.entries[i]
	if slices.ContainsFunc(e.attempts, func(a Attempt) bool { return a.Void == "" && a.Outcome != "" }) {
		d.conclude(i, "")
		return
	}
	e.state = waiting
	d.added = append(d.added, i)
}
