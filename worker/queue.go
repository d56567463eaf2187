package worker

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A queue is a session's tests, and the Stream that its framework sees. It
// outlives the session's processes.
type queue struct {
	send func(Event)

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when waiting or drained change
	waiting  []Leased
	locked   []Leased // by Next, and not yet started
	running  []Leased // started, and not yet finished
	drained  bool
	opened   bool // a process of the session sent Opened
	started  int
	finished int
}

func newQueue(send func(Event)) *queue {
	return &queue{send: send, changed: make(chan struct{})}
}

// wake tells who waits in Next. The lock is held.
func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// lease appends tests.
func (q *queue) lease(l Lease) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, ref := range l.Tests {
		q.waiting = append(q.waiting, Leased{Ref: ref, Token: l.Token})
	}
	q.wake()
}

// revoke takes those of the tests out that still wait.
func (q *queue) revoke(tests []TestID) (returned []TestID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	wanted := make(map[TestID]bool, len(tests))
	for _, id := range tests {
		wanted[id] = true
	}
	kept := q.waiting[:0]
	for _, t := range q.waiting {
		if wanted[t.ID] {
			returned = append(returned, t.ID)
		} else {
			kept = append(kept, t)
		}
	}
	q.waiting = kept
	return returned
}

// drain marks the queue as one that gets no more leases.
func (q *queue) drain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drained = true
	q.wake()
}

// Next implements Stream.
func (q *queue) Next(ctx context.Context, wait bool) (Leased, State) {
	for {
		q.mu.Lock()
		if len(q.waiting) > 0 && ctx.Err() == nil {
			t := q.waiting[0]
			q.waiting = q.waiting[1:]
			q.locked = append(q.locked, t)
			q.mu.Unlock()
			return t, Ready
		}
		drained, changed := q.drained, q.changed
		q.mu.Unlock()
		switch {
		case drained || ctx.Err() != nil:
			return Leased{}, Ended
		case !wait:
			return Leased{}, Empty
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// Unlock implements Stream.
func (q *queue) Unlock(t Leased) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if remove(&q.locked, t.ID, t.Token) {
		q.waiting = append([]Leased{t}, q.waiting...)
		q.wake()
	}
}

// Emit implements Stream: it counts, and follows what runs.
func (q *queue) Emit(e Event) {
	q.mu.Lock()
	switch {
	case e.Opened != nil:
		q.opened = true
	case e.Started != nil:
		if e.Started.AtMS == 0 {
			e.Started.AtMS = clockMS(time.Now())
		}
		q.started++
		for _, t := range q.locked {
			if t.ID == e.Started.Test && t.Token == e.Started.Token {
				q.running = append(q.running, t)
			}
		}
		remove(&q.locked, e.Started.Test, e.Started.Token)
	case e.Finished != nil:
		q.finished++
		remove(&q.running, e.Finished.Test, e.Finished.Token)
		remove(&q.locked, e.Finished.Test, e.Finished.Token)
	case e.Returned != nil:
		q.locked = slices.DeleteFunc(q.locked, func(t Leased) bool { return slices.Contains(e.Returned.Unknown, t.ID) })
	}
	q.mu.Unlock()
	q.send(e)
}

// settle accounts for a process that ended: tests that were locked and never
// started wait again, and what was started and not finished is returned.
func (q *queue) settle() (unfinished []Leased) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.locked, q.waiting...)
	unfinished, q.locked, q.running = q.running, nil, nil
	return unfinished
}

// pending waits until tests wait, or none will come.
func (q *queue) pending(ctx context.Context) bool {
	for {
		q.mu.Lock()
		waiting, drained, changed := len(q.waiting), q.drained, q.changed
		q.mu.Unlock()
		if waiting > 0 || drained || ctx.Err() != nil {
			return waiting > 0 && ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// more reports whether another process may still have something to do.
func (q *queue) more() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) > 0 || !q.drained
}

// empty takes all tests out that wait.
func (q *queue) empty() (tests []TestID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.waiting {
		tests = append(tests, t.ID)
	}
	q.waiting = nil
	return tests
}

func (q *queue) counts() (started, finished int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.started, q.finished
}

func (q *queue) wasOpened() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.opened
}

func remove(list *[]Leased, id TestID, token Token) bool {
	for i, t := range *list {
		if t.ID == id && t.Token == token {
			*list = append((*list)[:i:i], (*list)[i+1:]...)
			return true
		}
	}
	return false
}
