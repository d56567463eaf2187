package docker

import (
	"slices"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

func TestUnhonoured(t *testing.T) {
	asked := engine.Limits{Memory: 1 << 30, PIDs: 100}
	all := traits{Memory: true, PIDs: true}
	for _, test := range []struct {
		asked engine.Limits
		can   traits
		want  []string
	}{
		{asked: asked, can: all},
		{asked: asked, want: []string{"limits.memory", "limits.pids"}},
		{asked: asked, can: traits{PIDs: true}, want: []string{"limits.memory"}},
		{can: traits{}},
	} {
		if got := unhonoured(test.asked, test.can); !slices.Equal(got, test.want) {
			t.Errorf("%+v with %+v: got %q, want %q", test.asked, test.can, got, test.want)
		}
	}
}
