package dispatch

import "fmt"

// Dump shows where every unfinished test is, for failures of properties.
func (d *Dispatcher) Dump() string {
	s := fmt.Sprintf("queued %d unstarted %d added %v lanes %v", d.queued, d.unstarted, d.added, d.lanes)
	for _, l := range d.legacies {
		s += fmt.Sprintf(" legacy of %d %v", l.heir, l.tests)
	}
	for _, m := range d.members {
		s += fmt.Sprintf("\nworker %d presence %d exact %v queue %d held %v running %d alone %v ran %d", m.id, m.presence, m.exact, m.count, m.held, m.running, m.alone, m.ran)
	}
	for i := range d.entries {
		if e := &d.entries[i]; e.state != final && e.state != dropped {
			s += fmt.Sprintf("\n%d %s state %d lane %d exact %v attempts %+v", i, e.test.ID, e.state, e.lane, e.exact, e.attempts)
		}
	}
	return s
}
