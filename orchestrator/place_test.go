package orchestrator

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// mute starts agents that end before they say a word.
type mute struct {
	*fakeEngine
	exit engine.Exit
}

func (m mute) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	inst, err := m.fakeEngine.Start(ctx, spec)
	if err != nil {
		return nil, err
	}
	p := inst.(*fakePlace)
	p.kill(m.exit)
	<-p.ended
	return p, nil
}

// An agent that gives no greeting leaves nothing behind, and the engine's own
// word on why.
func TestAPlaceWithoutAGreetingIsRemoved(t *testing.T) {
	for _, c := range []struct {
		exit engine.Exit
		want []string
	}{
		{engine.Exit{Code: 137, OOMKilled: true}, []string{"it ran out of memory: raise limits.memory"}},
		{engine.Exit{Code: 137}, []string{"it was killed from outside (exit status 137)"}},
		{engine.Exit{Code: 5}, []string{"its agent ended with exit status 5: greet agent: ", "; it said: the agent's last words"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := &fakeEngine{suite: two(), dir: t.TempDir()}
			p, err := begin(t.Context(), mute{e, c.exit}, engine.Spec{Name: "worker-7", Role: engine.Worker}, 0)
			if err == nil || p != nil {
				t.Fatalf("begun: %v", p)
			}
			for _, want := range c.want {
				if said, end := err.Error(), notStarted(err); !strings.HasPrefix(said, "start worker-7: it") || !strings.Contains(said, want) ||
					!strings.HasPrefix(end.cause, "it could not be started: it") || !strings.Contains(end.cause, want) || end.exit != c.exit {
					t.Errorf("%+v: the error is %q, the worker's end %+v; want %q in both", c.exit, said, end, want)
				}
			}
			if !slices.Contains(e.removed, "worker-7") {
				t.Error("it is left behind")
			}
		})
	}
}
