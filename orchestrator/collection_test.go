package orchestrator

import (
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/census"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// TestHowARunCollects: full wherever it costs less than a tenth of what is
// predicted, or nothing is.
func TestHowARunCollects(t *testing.T) {
	known := func(collecting time.Duration) past { // of ten tests of a second each, and two besides
		p := past{collecting: collecting, overhead: 2 * time.Second}
		p.samples.Tests = map[worker.TestID][]history.Sample{"t": nil}
		for i := range 10 {
			p.hinted = append(p.hinted, plan.Test{ID: worker.TestID(string(rune('a' + i))), File: "a.py", Index: i, Estimate: time.Second})
		}
		return p
	}
	streams := framework.Suite{Lazy: true}
	resting := known(time.Millisecond)
	resting.trust = census.Trust{Doubts: 2, Rest: 3}
	other := known(time.Millisecond)
	other.hinted = nil
	for name, c := range map[string]struct {
		req  Request
		past past
		want string // of the header; "" for none
		full bool
	}{
		"cheap":                 {Request{Collection: Adaptive, Session: streams}, known(600 * time.Millisecond), "every worker collects the whole suite: collecting takes 0.6 s of a predicted 7.0 s", true},
		"dear":                  {Request{Collection: Adaptive, Session: streams}, known(700 * time.Millisecond), "workers collect a file when they get a test of it: collecting takes 0.7 s of a predicted 7.0 s", false},
		"dear, in CI":           {Request{Collection: Adaptive, CI: true, Session: streams}, known(time.Hour), "every worker collects the whole suite: CI is set", true},
		"unknown cost":          {Request{Collection: Adaptive, Session: streams}, known(0), "every worker collects the whole suite: what that costs is not known yet", true},
		"unknown tests":         {Request{Collection: Adaptive, Session: streams}, other, "every worker collects the whole suite: what that costs is not known yet", true},
		"no history":            {Request{Collection: Adaptive, Session: streams}, past{}, "every worker collects the whole suite: what that costs is not known yet", true},
		"asked for":             {Request{Collection: Full, Session: streams}, known(time.Hour), "every worker collects the whole suite: as asked", true},
		"lazily, in CI":         {Request{Collection: Lazy, CI: true, Session: streams}, known(time.Millisecond), "workers collect a file when they get a test of it: as asked", false},
		"lazily, without trust": {Request{Collection: Lazy, Session: streams}, resting, "", false}, // the census has it collected in full
		"no trust":              {Request{Collection: Adaptive, Session: streams}, resting, "", false},
		"no choice":             {Request{Collection: Lazy}, known(time.Hour), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			m := c.req.collects(&c.past, 2)
			if said := m.says(2); m.full != c.full || said != c.want {
				t.Errorf("full is %t, and the header says %q", m.full, said)
			}
			if said := c.req.collects(&c.past, 1).says(1); said != "" {
				t.Errorf("of one worker, the header says %q", said)
			}
		})
	}
}

// TestWhatCollectingTookIsRemembered, and decides in the next run.
func TestWhatCollectingTookIsRemembered(t *testing.T) {
	h := &fakeHistory{}
	x := try(t, two(), func(x *trial) { x.req.Collection, x.deps.History = Adaptive, h })
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "info: every worker collects the whole suite: what that costs is not known yet", "worker-2 begins full")
	if took := h.facts[factCollecting+selection(x.req.Session.Args)]; took == "" || strings.HasPrefix(took, "-") {
		t.Errorf("collecting took %q ms", took)
	}
}
