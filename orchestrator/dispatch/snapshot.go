package dispatch

import (
	"time"

	"github.com/shardyard/shardyard/worker"
)

// A Snapshot is the run at a moment, for those who watch it.
type Snapshot struct {
	Tests, Finished int
	// Work is the estimate of all tests, Worked of those with a verdict, and Unknown
	// counts the tests whose estimate does not come from history.
	Work, Worked time.Duration
	Unknown      int
	Workers      []WorkerState
	// End is when the last test is expected to end, from the start of the run.
	End time.Duration
}

// A WorkerState is what one worker is at.
type WorkerState struct {
	Worker WorkerID
	State  Presence
	// Running is the test that runs there, since Since; "" for none. Estimate is what
	// it took there in earlier runs; 0 if it is not known.
	Running  worker.TestID
	Since    time.Duration
	Estimate time.Duration
	// Next is the file of the test that it was handed to run next.
	Next string
	// Waiting counts the tests in its queue, handed or not.
	Waiting int
	// Remaining is how long it is expected to have to do.
	Remaining time.Duration
	// Taken counts the tests that it took over from another worker last, at TakenAt.
	Taken   int
	TakenAt time.Duration
	// Replacement is the worker that was asked for when this one was lost; 0 for none.
	Replacement WorkerID
}

// Presence is the stage of a worker's life.
type Presence string

// The stages of a worker's life.
const (
	Expected Presence = "expected"
	Ready    Presence = "ready"
	Released Presence = "released"
	Lost     Presence = "lost"
)

// Snapshot looks at the run at time now.
func (d *Dispatcher) Snapshot(now time.Duration) Snapshot {
	s := Snapshot{Tests: d.tests, Finished: d.tests - d.open, End: now, Workers: make([]WorkerState, len(d.members))}
	for i := range d.entries {
		e := &d.entries[i]
		if e.state == dropped {
			continue
		}
		s.Work += e.test.Estimate
		if e.state == final {
			s.Worked += e.test.Estimate
		}
		if !e.test.Known {
			s.Unknown++
		}
	}
	for i, m := range d.members {
		w := WorkerState{
			Worker: m.id, State: states[m.presence], Waiting: m.count + len(m.held), Taken: m.taken, TakenAt: m.takenAt, Replacement: m.replacement,
		}
		if m.running >= 0 {
			e := &d.entries[m.running]
			w.Running, w.Since = e.test.ID, m.since
			if e.test.Known {
				w.Estimate = scale(e.cost, 1/m.speed)
			}
			w.Waiting--
		} else if len(m.held) > 0 {
			w.Next = d.entries[m.held[0]].test.File
		}
		if m.live() {
			w.Remaining = d.remaining(m, now)
			s.End = max(s.End, now+w.Remaining)
		}
		s.Workers[i] = w
	}
	return s
}

var states = map[presence]Presence{expected: Expected, ready: Ready, released: Released, gone: Lost}
