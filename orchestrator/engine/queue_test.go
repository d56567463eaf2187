package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// slow is a starter whose starts take a second, and that notes their order.
type slow struct {
	engine.Starter
	mu          sync.Mutex
	order       []string
	going, most int
}

func (s *slow) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	s.mu.Lock()
	s.order = append(s.order, spec.Name)
	s.going++
	s.most = max(s.most, s.going)
	s.mu.Unlock()
	time.Sleep(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.going--
	return nil, ctx.Err()
}

func TestQueueStartsInOrder(t *testing.T) {
	for _, limit := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			s, q := &slow{}, engine.NewQueue(limit)
			var want []string
			var turns []engine.Starter
			for i := range 6 {
				want = append(want, fmt.Sprint(i))
				turns = append(turns, q.Next(s))
			}
			var wg sync.WaitGroup
			for i, turn := range slices.Backward(turns) { // the last one comes first
				wg.Go(func() {
					if _, err := turn.Start(t.Context(), engine.Spec{Name: fmt.Sprint(i)}); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			wg.Wait()
			if limit == 1 && !slices.Equal(s.order, want) {
				t.Errorf("started %q", s.order)
			}
			if s.most != limit {
				t.Errorf("%d at once, want %d", s.most, limit)
			}
			for i := 0; i < len(want); i += limit { // those of one moment may come either way
				if got := slices.Sorted(slices.Values(s.order[i : i+limit])); !slices.Equal(got, want[i:i+limit]) {
					t.Errorf("started %q with a limit of %d", s.order, limit)
				}
			}
		})
	}
}

// Who gives up, waiting or not, holds up nobody.
func TestQueueGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, q := &slow{}, engine.NewQueue(1)
		first, second, third := q.Next(s), q.Next(s), q.Next(s)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, turn := range []engine.Starter{second, first} {
			if _, err := turn.Start(ended, engine.Spec{Name: "given up"}); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		if _, err := third.Start(t.Context(), engine.Spec{Name: "third"}); err != nil {
			t.Error(err)
		}
	})
}

func TestQueueWithoutLimit(t *testing.T) {
	s := &slow{}
	if got := engine.NewQueue(0).Next(s); got != engine.Starter(s) {
		t.Errorf("got %v", got)
	}
}
