package engine

import (
	"context"
	"slices"
	"sync"
)

// A Queue bounds how many places start at once, and starts them in the order
// in which they were queued, whichever of the callers' goroutines comes first.
type Queue struct {
	limit int

	mu      sync.Mutex
	started int // starts that go on, or may begin
	waiting []*turn
}

// NewQueue makes a queue that lets so many start at once, as Info.Starts says;
// 0 is no limit.
func NewQueue(limit int) *Queue { return &Queue{limit: limit} }

// Next queues one start: the Start of the returned starter waits for its turn.
// It must be called once, if only with a context that has ended, or be given up
// with Pass: those behind it wait for it.
func (q *Queue) Next(s Starter) Starter {
	if q.limit <= 0 {
		return s
	}
	t := &turn{Starter: s, queue: q, begin: make(chan struct{})}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, t)
	q.admit()
	return t
}

// admit begins the turns that there is room for. The queue is locked.
func (q *Queue) admit() {
	for q.started < q.limit && len(q.waiting) > 0 {
		close(q.waiting[0].begin)
		q.waiting = q.waiting[1:]
		q.started++
	}
}

// end gives up a turn, whether it has begun or not.
func (q *Queue) end(t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, t); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return
	}
	q.started--
	q.admit()
}

// A turn is a place in a queue.
type turn struct {
	Starter
	queue *Queue
	begin chan struct{} // closed when it may start
}

// Start implements Starter.
func (t *turn) Start(ctx context.Context, spec Spec) (Instance, error) {
	defer t.queue.end(t)
	select {
	case <-t.begin:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return t.Starter.Start(ctx, spec)
}

// Pass gives up a start that was queued and is not needed. It may be any starter.
func Pass(s Starter) {
	if t, ok := s.(*turn); ok {
		t.queue.end(t)
	}
}
