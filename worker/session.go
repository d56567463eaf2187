package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxFruitless is how many processes of a session may die in a row without
// finishing a test.
const maxFruitless = 3

// open starts a session. There is one at a time; another may follow it.
func (a *agent) open(ctx context.Context, open Open) {
	framework, ok := a.frameworks[open.Framework]
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !ok:
		a.fail("open", fmt.Errorf("this agent knows no framework %q", open.Framework))
		return
	case a.session != nil:
		a.fail("open", errors.New("a session is open on this worker"))
		return
	}
	if a.ready != nil && a.ready.Name() == open.Framework {
		framework, a.ready = a.ready, nil
	}
	open.Args = open.Desk.choice(open.Args)
	q := newQueue(a.emit)
	a.session, a.opened = q, Moment()
	a.wg.Go(func() {
		closed, err := runSession(ctx, framework, open, q)
		// From here on leases are turned back, so that none is swallowed.
		a.mu.Lock()
		a.session = nil
		a.mu.Unlock()
		if tests := q.empty(); len(tests) > 0 {
			a.emit(Event{Returned: &Returned{Tests: tests}})
		}
		if err != nil {
			failed := failure("open", err)
			failed.Error = open.Desk.Show(failed.Error)
			a.emit(Event{Failed: failed})
		}
		a.emit(Event{Closed: &closed})
	})
}

// runSession runs processes of the framework until no test waits and none will
// come, or one ends the session. Code is -1 when the machinery broke.
func runSession(ctx context.Context, f Framework, open Open, q *queue) (Closed, error) {
	var closed Closed
	var missing []string
	finish := func(err error) (Closed, error) {
		closed.Started, closed.Finished = q.counts()
		closed.PeakMemory = peakMemory()
		closed.Missing = strings.Join(missing, "; ")
		if err != nil {
			closed.Code = -1
		}
		return closed, err
	}
	for fruitless := 0; ; {
		_, before := q.counts()
		exit, err := f.Run(ctx, open, shown{q, open.Desk})
		blame(q, exit)
		for _, file := range exit.Files {
			if !slices.Contains(closed.Files, file) {
				closed.Files = append(closed.Files, file)
			}
		}
		if exit.Missing != "" {
			missing = append(missing, exit.Missing)
		}
		closed.Code, closed.Stop, closed.Compiled = exit.Code, exit.Stop, exit.Compiled
		closed.Suspects = exit.Suspects
		closed.Unexplained, closed.Closing, closed.Notes = exit.Unexplained, exit.Closing, exit.Notes
		if err != nil || ctx.Err() != nil || exit.Cause == "" || exit.Stop != "" {
			return finish(err)
		}

		if _, after := q.counts(); after > before {
			fruitless = 0
		} else {
			fruitless++
		}
		again := q.more() && q.wasOpened() && fruitless < maxFruitless
		q.Emit(Event{Died: &Died{Test: exit.Test, Code: exit.Code, Signal: exit.Signal, Cause: exit.Cause, Again: again}})
		switch {
		case !q.wasOpened():
			return finish(fmt.Errorf("the process ended before it took tests: %s, status %d", exit.Cause, exit.Code))
		case fruitless >= maxFruitless:
			return finish(fmt.Errorf("%d processes in a row ended without finishing a test, the last one: %s, status %d", fruitless, exit.Cause, exit.Code))
		case !q.pending(ctx):
			return finish(nil)
		}
	}
}

// blame gives every test that a process left unfinished its end: the one that
// it died of has that for its outcome, others go back to the coordinator.
func blame(q *queue, exit Exit) {
	var returned []TestID
	for _, t := range q.settle() {
		if t.ID != exit.Test || exit.Cause == "" {
			returned = append(returned, t.ID)
			continue
		}
		q.Emit(Event{Finished: &Finished{
			Test: t.ID, Token: t.Token, Outcome: Errored, Cause: exit.Cause, Code: exit.Code,
			Message: "the test's process ended: " + exit.Cause,
		}})
	}
	if len(returned) > 0 {
		q.Emit(Event{Returned: &Returned{Tests: returned}})
	}
}

func (a *agent) lease(l Lease) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.session != nil {
		a.session.lease(l)
		return
	}
	var tests []TestID
	for _, ref := range l.Tests {
		tests = append(tests, ref.ID)
	}
	a.send(Event{Returned: &Returned{Tests: tests}})
}

func (a *agent) revoke(r Revoke) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var tests []TestID
	if a.session != nil {
		tests = a.session.revoke(r.Tests)
	}
	a.send(Event{Returned: &Returned{Tests: tests, Revoked: true}})
}

func (a *agent) drain() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.session != nil {
		a.session.drain()
	}
}
