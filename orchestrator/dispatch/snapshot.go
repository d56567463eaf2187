package dispatch

import (
	"time"

	"github.com/shardyard/shardyard/worker"
)

// A Snapshot is the run at a moment, for those who watch it.
type Snapshot struct {
	Tests, Finished int
	Workers         []WorkerState
	// End is when the run is expected to end, from its start.
	End time.Duration
}

// A WorkerState is what one worker is at.
type WorkerState struct {
	Worker WorkerID
	// State is "expected", "ready", "released" or "lost".
	State string
	// Running is the test that runs there, since Since; "" for none.
	Running worker.TestID
	Since   time.Duration
	// Waiting counts the tests in its queue, handed or not.
	Waiting int
	// Remaining is how long it is expected to have to do.
	Remaining time.Duration
}

// Snapshot looks at the run at time now.
func (d *Dispatcher) Snapshot(now time.Duration) Snapshot {
	s := Snapshot{Tests: d.tests, Finished: d.tests - d.open, End: now, Workers: make([]WorkerState, len(d.members))}
	for i, m := range d.members {
		w := WorkerState{Worker: m.id, State: states[m.presence], Waiting: m.count + len(m.held)}
		if m.running >= 0 {
			w.Running, w.Since = d.entries[m.running].test.ID, m.since
			w.Waiting--
		}
		if m.live() {
			w.Remaining = d.remaining(m, now)
			s.End = max(s.End, now+w.Remaining)
		}
		s.Workers[i] = w
	}
	return s
}

var states = map[presence]string{expected: "expected", ready: "ready", released: "released", gone: "lost"}
