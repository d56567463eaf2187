package orchestrator

import (
	"fmt"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// Speeds are learned of the hosts that workers ran on, as their instances say.
func TestAttemptsAreOfTheirWorkersHosts(t *testing.T) {
	var h fakeHistory
	try(t, two(), func(x *trial) { x.deps.History = &h }).ends(t, report.ExitGreen, green)
	if len(h.recorded) != 1 || h.recorded[0].Host != "box-of-worker-1" || len(h.recorded[0].Attempts) != 4 {
		t.Fatalf("recorded %+v", h.recorded)
	}
	for _, a := range h.recorded[0].Attempts {
		if want := fmt.Sprintf("box-of-worker-%d", a.Worker); a.Host != want {
			t.Errorf("%s ran on %q, want %s", a.Test, a.Host, want)
		}
	}
}
