package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

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

// chooseMode lets the run collect as it is asked to, or as earlier runs say.
func (l *loop) chooseMode() {
	l.mode = worker.Lazy
	switch n := l.past.trust.Rest; {
	case l.req.FullCollection:
		l.mode = worker.Full
	case n > 0:
		l.mode, l.seen = worker.Full, rested
		l.note(report.Info, "every worker collects the whole suite, in this run and %d more: earlier runs found that lazy collection may not be the same here", n-1)
	}
}

// trust is what earlier runs say; the zero trust when there were none.
func (f facts) trust(ctx context.Context) (t trust, err error) {
	text, ok, err := f.history.Recall(ctx, f.suite, factTrust)
	if err != nil || !ok {
		return t, err
	}
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return t, fmt.Errorf("recall trust: %w", err)
	}
	return t, nil
}

func (f facts) setTrust(ctx context.Context, t trust) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return f.history.Remember(ctx, f.suite, factTrust, string(text))
}

// distrust takes lazy collection for wrong: later runs collect everything.
func (l *loop) distrust(why string) {
	if l.seen != refuted {
		l.seen = refuted
		l.note(report.Warning, "%s: %s", why, l.past.trust.consequence(refuted))
	}
}

// doubt tells of tests that failed on a lazy worker and not on an exact one.
func (o *outcome) doubt(rec *recorder, before trust) {
	var disproved []dispatch.Result
	for _, res := range o.results {
		if res.Disproved {
			disproved = append(disproved, res)
		}
	}
	if len(disproved) == 0 || o.broken != "" {
		return
	}
	told := o.disagreement(disproved[0])
	if n := len(disproved) - 1; n > 0 {
		told += fmt.Sprintf(" (and so for %d more)", n)
	}
	if o.seen == unseen {
		o.seen = doubted
		if after := before.after(doubted); after.Rest > 0 {
			told += "; it is not the first run with such a test: " + before.consequence(doubted)
		}
	}
	rec.note(report.Warning, "%s", told)
}

// disagreement says what was seen, and no more.
func (o *outcome) disagreement(res dispatch.Result) string {
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
	if before := o.before[attempt{res.Test.ID, failed.Token}]; before != "" {
		place = "after " + report.Clean(string(before))
	}
	return fmt.Sprintf("%s failed on %s, %s, and not on %s, which had collected everything: it depends on the order of tests, "+
		"on their whole list, or on chance; the exact order is in workers/%s.tests", report.Clean(string(res.Test.ID)), lazy, place, exact, lazy)
}

// consequence is what a run that saw this means for later ones.
func (t trust) consequence(seen sight) string {
	return fmt.Sprintf("the next %d runs of this suite collect everything on every worker", t.after(seen).Rest)
}
