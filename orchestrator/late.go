package orchestrator

import (
	"context"
	"time"
)

// Limits of what comes after the last test.
const (
	// silence is how long the framework may be silent while it makes its
	// reports, unless a test may take longer.
	silence = time.Minute
	// removal is how long places may take to go.
	removal = time.Minute
	// lastWords is how long a conclusion may take once somebody asked for the end.
	lastWords = 30 * time.Second
	// parting is how long workers that were ended may take to be gone.
	parting = 10 * time.Second
	// atOnce is the same when somebody asked for the end a second time.
	atOnce = time.Second
)

type killKey struct{}

// WithKill returns a context for Run whose end by ctx gives what runs a few
// seconds, while the end of kill ends it at once: what is known then is
// reported.
func WithKill(ctx, kill context.Context) context.Context {
	return context.WithValue(ctx, killKey{}, kill)
}

// killed is the context that ends when the run is to end at once.
func killed(ctx context.Context) context.Context {
	if kill, ok := ctx.Value(killKey{}).(context.Context); ok {
		return kill
	}
	return context.Background()
}

// outliving returns a context with the values of ctx that ends only when the run
// is to end at once.
func outliving(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	kill := killed(ctx)
	if kill.Err() != nil {
		cancel() // at once, and not soon
	}
	stop := context.AfterFunc(kill, cancel)
	return late, func() { stop(); cancel() }
}

// within calls do, and waits for it only so long, or for a moment once the run
// is to end at once. It reports whether do has returned.
func within(ctx context.Context, limit time.Duration, do func()) bool {
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	kill := killed(ctx).Done()
	for {
		select {
		case <-done:
			return true
		case <-timer.C:
			return false
		case <-kill:
			kill = nil
			timer.Reset(atOnce)
		}
	}
}

// A lull cancels something that has given no sign of life for a time.
type lull struct {
	limit time.Duration
	timer *time.Timer
}

func newLull(limit time.Duration, cancel func()) *lull {
	return &lull{limit, time.AfterFunc(limit, cancel)}
}

// stir takes in a sign of life.
func (l *lull) stir() { l.timer.Reset(l.limit) }

// end reports whether the lull has not come.
func (l *lull) end() bool { return l.timer.Stop() }
