package dispatch

import (
	"fmt"
	"time"
)

func (d *Dispatcher) DumpX(now time.Duration) string {
	s := fmt.Sprintf("queued %d unstarted %d idle %d ", d.queued, d.unstarted, d.idle)
	for _, m := range d.members {
		s += fmt.Sprintf(" [%d p%d q%d load %v held %d pend %v rate %.2f rem %v]", m.id, m.presence, m.count, m.load, len(m.held), m.pending, d.rate(m), d.remaining(m, now))
	}
	return s
}
