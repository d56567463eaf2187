package dispatch

import (
	"fmt"
	"time"
)

// Dump shows where every unfinished test is, for failures of properties.
func (d *Dispatcher) Dump() string {
	s := fmt.Sprintf("queued %d unstarted %d added %v lanes %v", d.queued, d.unstarted, d.added, d.lanes)
	for _, l := range d.leftovers {
		s += fmt.Sprintf(" leftover of %d %v", l.replacement, l.tests)
	}
	for _, m := range d.members {
		s += fmt.Sprintf("\nworker %d presence %d full %v queue %d held %v running %d alone %v ran %d", m.id, m.presence, m.full, m.count, m.held, m.running, m.alone, m.ran)
	}
	for i := range d.entries {
		if e := &d.entries[i]; e.state != final && e.state != dropped {
			s += fmt.Sprintf("\n%d %s state %d lane %d full %v attempts %+v", i, e.test.ID, e.state, e.lane, e.full, e.attempts)
		}
	}
	return s
}

// Idle names a worker that has nothing to do although another one has two or
// more tests waiting of which it could finish one sooner; "" when there is none.
func (d *Dispatcher) Idle(now time.Duration) string {
	if d.cfg.Static || d.stopped != "" || d.done || !d.planned {
		return ""
	}
	for _, thief := range d.members {
		if !thief.idle() || thief.alone {
			continue
		}
		for _, v := range d.members {
			if !v.live() || v.count < 2 {
				continue
			}
			for _, u := range v.queue {
				for _, i := range u.tests[u.next:] {
					e := &d.entries[i]
					if u.whole || !d.waits(u, i) || thief.barred[e.file] {
						continue
					}
					if d.cfg.BatchCost+scale(e.test.Estimate+d.opening(thief, e), d.rate(thief)) < d.remaining(v, now) {
						return fmt.Sprintf("worker %d is idle, and %s waits at worker %d", thief.id, e.test.ID, v.id)
					}
				}
			}
		}
	}
	return ""
}

// Live counts the workers that live and are not about to be released, and how
// many these may be at most.
func (d *Dispatcher) Live() (live, most int) {
	for _, m := range d.members {
		if m.live() && !m.retiring {
			live++
		}
	}
	return live, d.cfg.Workers + d.fresh + d.confirms
}

// Exchanged counts the workers that came in the place of lazy ones.
func (d *Dispatcher) Exchanged() int { return d.enlisted }

// RunsFiles reports whether the worker runs files whole, to settle failures.
func (d *Dispatcher) RunsFiles(w WorkerID) bool { return d.byID[w].whole }
