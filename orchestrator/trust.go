package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// factTrust is a trust, in the history.
const factTrust = "trust"

// A trust is what earlier runs say of lazy collection of a suite. A test that
// fails on a lazy worker and not on an exact one may look at the whole list of
// tests, or depend on their order: one run cannot tell. Either way its verdict
// is the exact worker's, so a first such run costs nothing but that test's
// second attempt. Only when the next one shows it again, as it does where
// laziness is the cause, are later runs collected in full, for a while.
type trust struct {
	Doubts int `json:"doubts"` // lazy runs in a row in which laziness did not hold
	Rest   int `json:"rest"`   // for so many more runs every worker collects everything
}

// What a run says of laziness.
type sight string

const (
	unseen  sight = ""        // nothing: no lazy worker ran a test, or the run was stopped
	rested  sight = "rested"  // nothing: everything was collected, for want of trust
	held    sight = "held"    // what was tried lazily was the same
	doubted sight = "doubted" // a failure was not confirmed
	refuted sight = "refuted" // a list was another one, or lazy collection broke
)

const (
	enough    = 2  // doubts for a rest
	firstRest = 10 // runs; it doubles each time
	maxDoubts = 6  // at most 160 runs
)

func (t trust) after(s sight) trust {
	switch s {
	case unseen:
		return t
	case rested:
		t.Rest = max(0, t.Rest-1)
		return t
	case held:
		return trust{}
	case doubted:
		t.Doubts++
	case refuted:
		t.Doubts = max(t.Doubts+1, enough)
	}
	t.Doubts = min(t.Doubts, maxDoubts)
	if t.Doubts >= enough {
		t.Rest = firstRest << (t.Doubts - enough)
	}
	return t
}

// recallTrust lets the run collect as earlier ones say.
func (r *run) recallTrust(ctx context.Context) error {
	text, ok, err := r.History.Recall(ctx, r.past.suite, factTrust)
	if err != nil || !ok {
		return err
	}
	if err := json.Unmarshal([]byte(text), &r.past.trust); err != nil {
		return fmt.Errorf("recall trust: %w", err)
	}
	if n := r.past.trust.Rest; n > 0 && !r.req.FullCollection {
		r.mode, r.seen = worker.Full, rested
		r.note(report.Info, "every worker collects the whole suite, in this run and %d more: earlier runs found that lazy collection may not be the same here", n-1)
	}
	return nil
}

// rememberTrust leaves to later runs what this one saw.
func (r *run) rememberTrust(ctx context.Context) error {
	seen := r.seen
	if seen == unseen && r.lazily && !r.stopped {
		seen = held
	}
	after := r.past.trust.after(seen)
	if after == r.past.trust {
		return nil
	}
	text, err := json.Marshal(after)
	if err != nil {
		return err
	}
	return r.History.Remember(ctx, r.past.suite, factTrust, string(text))
}

// distrust takes lazy collection for wrong: later runs collect everything.
func (r *run) distrust(why string) {
	if r.seen != refuted {
		r.seen = refuted
		r.note(report.Warning, "%s: %s", why, r.consequence())
	}
}

// doubt tells of tests that failed on a lazy worker and not on an exact one.
func (r *run) doubt(disproved []dispatch.Result) {
	if len(disproved) == 0 {
		return
	}
	told := r.disagreement(disproved[0])
	if n := len(disproved) - 1; n > 0 {
		told += fmt.Sprintf(" (and so for %d more)", n)
	}
	if r.seen == unseen {
		r.seen = doubted
		if after := r.past.trust.after(doubted); after.Rest > 0 {
			told += "; it is not the first run with such a test: " + r.consequence()
		}
	}
	r.note(report.Warning, "%s", told)
}

// disagreement says what was seen, and no more.
func (r *run) disagreement(res dispatch.Result) string {
	failed := res.Attempts[0]
	for _, a := range res.Attempts {
		if a.Tentative && a.Void == "" {
			failed = a
			break
		}
	}
	lazy, exact := report.WorkerName(int(failed.Worker)), "another one"
	if a, ok := final(res); ok {
		exact = report.WorkerName(int(a.Worker))
	}
	place := "as the first test"
	if before := r.before[attempt{res.Test.ID, failed.Token}]; before != "" {
		place = "after " + report.Clean(string(before))
	}
	return fmt.Sprintf("%s failed on %s, %s, and not on %s, which had collected everything: it depends on the order of tests, "+
		"on their whole list, or on chance; the exact order is in workers/%s.tests", report.Clean(string(res.Test.ID)), lazy, place, exact, lazy)
}

// consequence is what the run's sight means for later ones.
func (r *run) consequence() string {
	return fmt.Sprintf("the next %d runs of this suite collect everything on every worker", r.past.trust.after(r.seen).Rest)
}
