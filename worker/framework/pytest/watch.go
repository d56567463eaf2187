package pytest

import "time"

// dumpTime is what a process gets to print the stacks of its threads.
const dumpTime = 500 * time.Millisecond

// finishTime is what a session gets for its end where no limit is set for a
// test.
const finishTime = 5 * time.Minute

// A watch measures a test's time. It runs from the test's start to its end,
// and then anew until the plugin waits for another test, so that fixtures of
// wider scope cannot hang unseen. The zero limit is none.
type watch struct {
	limit time.Duration
	timer *time.Timer
	fired bool
}

// arm starts the time anew.
func (w *watch) arm() {
	if w.limit <= 0 || w.fired {
		return
	}
	w.disarm()
	w.timer = time.NewTimer(w.limit)
}

// resume starts the time unless it runs.
func (w *watch) resume() {
	if w.timer == nil {
		w.arm()
	}
}

// finish starts the time of the session's end. What has ended in time until
// then may still not end in the next step.
func (w *watch) finish() {
	if w.limit <= 0 {
		w.limit = finishTime
	}
	w.arm()
}

func (w *watch) disarm() {
	if w.timer != nil && !w.fired {
		w.timer.Stop()
		w.timer = nil
	}
}

// fire notes that the time is over, and leaves a moment for the stacks.
func (w *watch) fire() {
	w.fired = true
	w.timer = time.NewTimer(dumpTime)
}

func (w *watch) expired() <-chan time.Time {
	if w.timer == nil {
		return nil
	}
	return w.timer.C
}
