package pytest

import (
	"context"
	"sync"

	"github.com/shardyard/shardyard/worker"
)

// A feed is a worker.Stream for tests: it hands out tests in an order that is
// made of what was discovered.
type feed struct {
	// order makes the queue when the suite is collected; nil: all, in order.
	order func([]worker.Discovered) []worker.Ref
	// pauses has every test end before another one is known.
	pauses bool
	// on is called with every event, if set.
	on func(worker.Event)

	mu      sync.Mutex
	changed *sync.Cond
	events  []worker.Event
	files   []worker.Discovered
	queue   []worker.Ref
	known   bool // the queue is made
	running bool
	token   worker.Token
	locked  map[worker.TestID]worker.Leased
}

func newFeed() *feed {
	f := &feed{locked: map[worker.TestID]worker.Leased{}}
	f.changed = sync.NewCond(&f.mu)
	return f
}

// given makes a feed of a queue that is known from the start.
func given(tests []worker.Ref) *feed {
	f := newFeed()
	f.queue, f.known = tests, true
	return f
}

func (f *feed) Next(ctx context.Context, wait bool) (worker.Leased, worker.State) {
	stop := context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.changed.Broadcast()
	})
	defer stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		switch {
		case ctx.Err() != nil:
			return worker.Leased{}, worker.Ended
		case f.known && len(f.queue) == 0 && (wait || !f.pauses):
			return worker.Leased{}, worker.Ended
		case f.known && len(f.queue) > 0 && (!f.pauses || !f.running):
			f.token++
			t := worker.Leased{Ref: f.queue[0], Token: f.token}
			f.queue = f.queue[1:]
			f.locked[t.ID] = t
			return t, worker.Ready
		case !wait:
			return worker.Leased{}, worker.Empty
		}
		f.changed.Wait()
	}
}

func (f *feed) Unlock(t worker.Leased) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.locked, t.ID)
	f.queue = append([]worker.Ref{t.Ref}, f.queue...)
}

func (f *feed) Emit(e worker.Event) {
	f.mu.Lock()
	f.events = append(f.events, e)
	switch {
	case e.Discovered != nil:
		f.files = append(f.files, *e.Discovered)
	case e.Collected != nil && !f.known:
		f.known = true
		order := f.order
		if order == nil {
			order = inOrder
		}
		if !e.Collected.Stop {
			f.queue = order(f.files)
		}
	case e.Started != nil:
		f.running = true
		delete(f.locked, e.Started.Test)
	case e.Finished != nil:
		f.running = false
	}
	f.changed.Broadcast()
	f.mu.Unlock()
	if f.on != nil {
		f.on(e)
	}
}

func inOrder(files []worker.Discovered) (tests []worker.Ref) {
	for _, d := range files {
		for _, item := range d.Items {
			tests = append(tests, worker.Ref{ID: item.ID, File: d.File})
		}
	}
	return tests
}
