package orchestrator

import (
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// An outcome is what the loop came to.
type outcome struct {
	found      *collection       // the suite; nil when it was not discovered
	results    []dispatch.Result // of every test, in the suite's order
	deselected int
	broken     string // files could not be collected, in words: no test counts
	stopped    bool   // before every test had its verdict
	settings   *settings
	missing    []string // coverage that is not there, in words

	// Where the framework's reports are in the spool: those of an attempt, and
	// those of no test.
	reports map[attempt][]extent
	session []extent

	openers map[attempt]bool          // attempts that were their file's first on their worker
	before  map[attempt]worker.TestID // what ran before a tentative failure
	seen    sight                     // of lazy collection
	lazily  bool                      // a test ran on a worker that collects lazily

	workers int // how many were asked for
	host    string
	mode    worker.Mode // of workers that need not be exact
	// Times since the start of the run; zero for what never came.
	hired, firstTest, lastTest time.Duration
	collecting                 time.Duration // what discovery took
}

// outcome is what the loop has come to.
func (l *loop) outcome() *outcome {
	o := &outcome{
		found: l.lists.full, deselected: l.deselected, broken: l.broken, stopped: l.stopped, settings: l.settings, missing: l.missing,
		reports: l.spool.of, session: l.spool.rest, openers: l.openers, before: l.before, seen: l.seen, lazily: l.lazily,
		workers: l.workers, host: l.host, mode: l.mode, hired: l.hired, firstTest: l.firstTest, lastTest: l.lastTest, collecting: l.collecting,
		results: l.d.Results(),
	}
	if o.found != nil {
		at := o.found.order()
		slices.SortStableFunc(o.results, func(a, b dispatch.Result) int { return at[a.Test.ID] - at[b.Test.ID] })
	}
	return o
}

// judge gives every test its verdict in the log.
func (o *outcome) judge(rec *recorder, before trust) {
	for _, res := range o.results {
		verdict := report.Judged{
			Test: string(res.Test.ID), Verdict: report.Verdict(res.Verdict), Reason: res.Reason, Attempts: len(res.Attempts),
		}
		if o.broken != "" { // as in plain pytest no test counts, also not one that a hint had run before
			verdict.Verdict, verdict.Reason = report.NotRun, o.broken
		}
		rec.emit(verdict)
	}
	o.doubt(rec, before)
}

// final is the attempt that a test's verdict rests on.
func final(res dispatch.Result) (dispatch.Attempt, bool) {
	for i := len(res.Attempts) - 1; i >= 0; i-- {
		if a := res.Attempts[i]; a.Void == "" && a.Outcome != "" {
			return a, true
		}
	}
	return dispatch.Attempt{}, false
}
