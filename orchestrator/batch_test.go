package orchestrator

import (
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// A suite with a process for each batch is handed out in batches: of two files'
// tests in one, only the first to end is the batch's first.
func TestBatches(t *testing.T) {
	h := &fakeHistory{}
	x := try(t, two(), func(x *trial) {
		x.req.Workers, x.deps.History = 1, h
		x.req.Session.Batch, x.req.Session.OwnTree = time.Minute, true
	})
	x.ends(t, report.ExitGreen, green)
	first := 0
	for _, a := range h.recorded[0].Attempts {
		if a.First {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d attempts are the first of a batch, want 1: %+v", first, h.recorded[0].Attempts)
	}
	for _, s := range x.engine.specs {
		if s.OwnTree != (s.Role == engine.Worker) {
			t.Errorf("%s has a tree of its own: %t", s.Name, s.OwnTree)
		}
	}
}

func TestBatchCost(t *testing.T) {
	known := func(first ...time.Duration) past {
		files := map[string]history.Fixture{"empty": {}}
		for i, d := range first {
			files[string(rune('a'+i))] = history.Fixture{First: d, Other: time.Second, FirstN: 3, OtherN: 3}
		}
		return past{samples: history.Samples{Files: files}}
	}
	for _, c := range []struct {
		what string
		past past
		said time.Duration
		want time.Duration
	}{
		{"tests stream", known(5 * time.Second), 0, 0},
		{"nothing is known", known(), time.Second, time.Second},
		{"what is known is nothing", known(time.Second), 7 * time.Second, 7 * time.Second},
		{"the median of what is known", known(5*time.Second, 3*time.Second, 4*time.Second), time.Second, 3 * time.Second},
	} {
		if got := c.past.batchCost(c.said); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}
