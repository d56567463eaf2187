package docker

import (
	"context"
	"errors"
	"sync"
)

// A memo computes the value of each key once, however many ask at the same
// time. A failure is not remembered. The zero memo is ready.
type memo[V any] struct {
	mu    sync.Mutex
	calls map[string]*call[V]
}

type call[V any] struct {
	done chan struct{}
	v    V
	err  error
}

func (m *memo[V]) do(ctx context.Context, key string, compute func() (V, error)) (V, error) {
	m.mu.Lock()
	if m.calls == nil {
		m.calls = map[string]*call[V]{}
	}
	if c, ok := m.calls[key]; ok {
		m.mu.Unlock()
		select {
		case <-c.done:
			if errors.Is(c.err, context.Canceled) || errors.Is(c.err, context.DeadlineExceeded) {
				if ctx.Err() == nil {
					return m.do(ctx, key, compute) // another's end is not ours
				}
			}
			return c.v, c.err
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
	}
	c := &call[V]{done: make(chan struct{})}
	m.calls[key] = c
	m.mu.Unlock()

	c.v, c.err = compute()
	if c.err != nil {
		m.forget(key)
	}
	close(c.done)
	return c.v, c.err
}

func (m *memo[V]) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.calls, key)
}

func (m *memo[V]) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.calls)
}
