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
//
// Files whose tests interleave, a strand (see plan.Strands), run whole together: each
// by itself would set up a session's fixture once more for each parameter.

// A reordering is a strand that runs whole, or one file of it.
type reordering struct {
	file  int32   // one of the strand
	alone bool    // without the others, which would take too long
	begun bool    // its tests are those that the inventory has
	tests []int32 // of these, the ones to hand
	left  int     // tests without an outcome
}

// maxReordered bounds the reorderings of one run: of a suite in which that many
// files fail, it is not the order that is wrong.
const maxReordered = 50

// misplaced reports whether the attempt, which has ended, is to be settled by its
// whole strand, or at least by its whole file, and then notes that this is to run.
func (d *Dispatcher) misplaced(i int32, a *Attempt, in TestFinished, now time.Duration) bool {
	e := &d.entries[i]
	stray := in.Stray && d.cfg.Workers > 1
	switch {
	case d.cfg.Reorder <= 0 || d.cfg.Runner != Stream || d.cfg.Retries > 0 || d.stopped != "" || a.Whole || a.Tentative || e.test.File == "":
		return false
	case !stray && !a.Outcome.Fails(), len(d.reordered) >= maxReordered && !d.wasReordered(e.file):
		return false
	}
	for _, r := range []*reordering{{file: e.file}, {file: e.file, alone: true}} {
		tests := d.testsOf(r)
		switch {
		case !stray && d.inPlace(d.byID[a.Worker], r, tests, i):
			return false
		case d.wasReordered(e.file):
			return d.reorderingOf(e.file) != nil
		case d.isWhole(r, tests) && d.affords(tests, now):
			d.reordered, d.reorderings = append(d.reordered, r), append(d.reorderings, r)
			return true
		}
	}
	return false
}

// has reports whether the reordering is of the file.
func (d *Dispatcher) has(r *reordering, file int32) bool {
	if r.alone || r.file == file {
		return r.file == file
	}
	if d.strands == nil {
		d.strands = d.findStrands()
	}
	return d.strands[r.file] == d.strands[file]
}

// findStrands returns the first file of each file's strand, by number.
func (d *Dispatcher) findStrands() []int32 {
	tests := make([]plan.Test, 0, len(d.entries))
	for i := range d.entries {
		if d.entries[i].state != dropped {
			tests = append(tests, d.entries[i].test)
		}
	}
	strands := make([]int32, len(d.files))
	for f := range strands {
		strands[f] = int32(f)
	}
	for file, first := range plan.Strands(tests) {
		strands[d.files[file]] = d.files[first]
	}
	return strands
}

// isWhole reports whether the reordering's tests need not stay with those of other
// files.
func (d *Dispatcher) isWhole(r *reordering, tests []int32) bool {
	if d.cfg.Split == plan.ByDirectory {
		return false
	}
	groups := map[string]bool{}
	for _, i := range tests {
		groups[d.entries[i].test.Group] = true
	}
	return !slices.ContainsFunc(d.entries, func(o entry) bool {
		return o.test.Group != "" && groups[o.test.Group] && !d.has(r, o.file)
	})
}

// affords reports whether the tests may run once more, and counts their time.
func (d *Dispatcher) affords(tests []int32, now time.Duration) bool {
	var cost time.Duration
	for _, i := range tests {
		cost += d.toConfirm(&d.entries[i])
	}
	if d.reordering+cost > max(d.cfg.Reorder, (now-d.epoch)/2) {
		return false
	}
	d.reordering += cost
	return true
}

// inPlace reports whether the worker ran test i as a plain run does: behind all
// those before it of the reordering's tests.
func (d *Dispatcher) inPlace(m *member, r *reordering, tests []int32, i int32) bool {
	next := 0
	for _, ran := range m.order {
		switch {
		case !d.has(r, d.entries[ran].file):
			continue
		case next == len(tests) || tests[next] != ran:
			return false
		case ran == i:
			return true
		}
		next++
	}
	return false
}

// testsOf returns the reordering's tests in the suite's order.
func (d *Dispatcher) testsOf(r *reordering) (tests []int32) {
	for i := range d.entries {
		if e := &d.entries[i]; e.state != dropped && d.has(r, e.file) {
			tests = append(tests, int32(i))
		}
	}
	slices.SortFunc(tests, func(a, b int32) int { return cmp.Compare(d.entries[a].test.Index, d.entries[b].test.Index) })
	return tests
}

// reorderingOf returns what runs whole, or is to, with the file; nil for none.
func (d *Dispatcher) reorderingOf(file int32) *reordering {
	for _, r := range d.reorderings {
		if d.has(r, file) {
			return r
		}
	}
	return nil
}

// wasReordered reports whether the file has run whole, or is to.
func (d *Dispatcher) wasReordered(file int32) bool {
	return slices.ContainsFunc(d.reordered, func(r *reordering) bool { return d.has(r, file) })
}

// reorder lets the test wait until its reordering begins, and takes back the
// tests that wait elsewhere and belong to it.
func (d *Dispatcher) reorder(i int32) {
	e := &d.entries[i]
	e.state, e.lane, e.unit = parked, whole, nil
	for _, k := range d.testsOf(d.reorderingOf(e.file)) {
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

// settleOrder gives what is to run whole to a fresh worker, one reordering after the
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

// rests reports whether no worker has a test of the reordering.
func (d *Dispatcher) rests(r *reordering) bool {
	return r.begun || !slices.ContainsFunc(d.testsOf(r), func(i int32) bool {
		s := d.entries[i].state
		return s == held || s == running
	})
}

// feedWhole hands the worker what it has room for of the reordering that it runs,
// and releases it when there is none.
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

// nextWhole returns the reordering that has begun, or else the next one that may; nil
// for none.
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

// beginWhole withdraws the verdicts on the reordering's tests. Others of its files
// are settled with it.
func (d *Dispatcher) beginWhole(r *reordering) {
	d.reorderings = slices.DeleteFunc(d.reorderings, func(o *reordering) bool { return o != r && d.has(r, o.file) })
	r.begun, r.tests = true, d.testsOf(r)
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

// handWhole hands tests of the reordering, so that the worker always has some.
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

// leftWhole notes that a test of a reordering needs no more of it.
func (d *Dispatcher) leftWhole(e *entry) {
	if e.lane != whole {
		return // it was amended
	}
	e.lane = normal
	for _, r := range d.reorderings {
		if r.begun && d.has(r, e.file) {
			r.left--
		}
	}
}

// forgo gives up a reordering: what is known of its tests stands, and the others run
// as they come.
func (d *Dispatcher) forgo(r *reordering) {
	d.reorderings = slices.DeleteFunc(d.reorderings, func(o *reordering) bool { return o == r })
	for _, i := range d.testsOf(r) {
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
