package worker

import (
	"context"
	"errors"
	"time"
)

// A Warmer is a Framework that can get ready for a session before anybody knows
// its tests.
type Warmer interface {
	Framework
	// Warm starts what every session like this one needs, and loads nothing of
	// the tree, which may be another one when the session comes. It goes when ctx
	// ends.
	Warm(ctx context.Context, open Open, tree string) (Warmth, error)
}

// A Warmth is what a Warmer has ready. It is used once: by Run, or by Close.
type Warmth interface {
	// Run is Framework.Run. What does not fit the session is not used.
	Run(ctx context.Context, open Open, s Stream) (Exit, error)
	// Close ends what is ready.
	Close() error
}

// watchEvery is how often an agent that waits looks whether memory is short.
const watchEvery = 5 * time.Second

// errShort ends an agent that has nothing to do yet.
var errShort = errors.New("serve: memory is short, and no run has come")

// warm answers Warm. From now on the agent waits for another coordinator, and has
// nothing to lose: it ends when memory is short.
func (a *agent) warm(ctx context.Context, w Warm) {
	a.lookout = time.NewTicker(watchEvery)
	a.wg.Go(func() {
		warmer, ok := a.frameworks[w.Open.Framework].(Warmer)
		if !ok {
			a.done(w.ID, nil) // there is nothing that could be ready
			return
		}
		ready, err := warmer.Warm(ctx, w.Open, w.Tree)
		if err == nil {
			a.mu.Lock()
			a.ready = &kindled{Framework: warmer, ready: ready}
			a.mu.Unlock()
		}
		a.done(w.ID, err)
	})
}

// cool ends what is warm.
func (a *agent) cool() error {
	a.mu.Lock()
	k := a.ready
	a.ready = nil
	a.mu.Unlock()
	if k == nil {
		return nil
	}
	return k.ready.Close()
}

// done answers Warm and Amend.
func (a *agent) done(id int64, err error) {
	d := Done{ID: id}
	if err != nil {
		d.Error = err.Error()
	}
	a.emit(Event{Done: &d})
}

// shortage ticks while the agent waits for another coordinator.
func (a *agent) shortage() <-chan time.Time {
	if a.lookout == nil {
		return nil
	}
	return a.lookout.C
}

// A kindled framework runs its first process with what is ready.
type kindled struct {
	Framework
	ready Warmth
}

// Run implements [Framework].
func (k *kindled) Run(ctx context.Context, open Open, s Stream) (Exit, error) {
	if ready := k.ready; ready != nil {
		k.ready = nil
		return ready.Run(ctx, open, s)
	}
	return k.Framework.Run(ctx, open, s)
}
