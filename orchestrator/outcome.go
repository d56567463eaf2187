package orchestrator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/census"
	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// An outcome is the result of the loop.
type outcome struct {
	known      bool // the suite was discovered
	files      []worker.Discovered
	tests      []plan.Test       // those of the files, estimated
	results    []dispatch.Result // of every test, in the suite's order
	part       bool              // not all of it ran
	deselected int
	left       int       // of tests, those that a run leaves out that was asked for others
	broken     string    // files could not be collected, in words: no test counts
	stopped    bool      // before every test had its verdict
	missing    []missing // files of workers
	hung       bool      // a session did not end by itself
	// Ends of sessions that no test explains.
	unexplained []report.WorkerClosed

	// Where the framework's reports are in the spool: those of an attempt, and
	// those of no test.
	reports map[attempt][]extent
	session []extent

	observed census.Observation // of lazy collection
	together []string           // files that depend on the order of their tests

	workers int         // how many were asked for
	mode    worker.Mode // of workers that need not collect everything
	// Times since the start of the run; zero for what never came.
	hired, firstTest, lastTest time.Duration
	collecting                 time.Duration // what discovery took
	collected                  time.Duration // of that, the collection itself
}

// outcome returns what the loop has come to.
func (l *loop) outcome() *outcome {
	return &outcome{
		known: l.census.Known(), files: l.census.Files(), tests: l.census.Tests(), results: l.carried.together(l.d.Results()), part: l.carried != nil,
		deselected: l.census.Deselected() + l.carried.leaves(), left: l.carried.leaves(), broken: l.census.Broken(), stopped: l.stopped, missing: l.missing, hung: len(l.hung) > 0,
		unexplained: l.unexplained,
		reports:     l.spool.of, session: l.spool.rest, observed: l.census.Observation(), together: l.together,
		workers: l.workers, mode: l.census.Mode(), hired: l.hired, firstTest: l.ran.first, lastTest: l.ran.last, collecting: l.collecting, collected: l.collected,
	}
}

// close emits what only the whole run can show: that no test of a broken suite
// counts, which failures did not hold, or which sessions did not end.
func (l *loop) close(ctx context.Context) {
	if len(l.hung) > 0 {
		l.emit(report.Fault{Kind: report.Infrastructure, Text: unended(l.hung)})
	}
	var disproved, reordered []dispatch.Result
	var repeated, foreseen time.Duration
	for _, res := range l.d.Results() {
		repeated += res.Repeated()
		if a, ok := res.Last(); ok && l.suspects[res.Test.File] {
			foreseen += a.Total()
		}
		switch {
		case l.census.Broken() != "":
			l.emit(judged(res, l.census.Broken()))
		case res.Disproved:
			disproved = append(disproved, res)
		case res.Reordered:
			reordered = append(reordered, res)
		}
	}
	l.obey(ctx, nil, l.census.Disproved(disproved))
	if l.req.Collection != Lazy { // who asks for it knows what it costs
		l.obey(ctx, nil, l.census.Repeated(repeated, l.collected*time.Duration(l.workers-1)))
	}
	if worthSaving(l.collected, l.elapsed()) { // of the tests, the worker that collects everything keeps its share
		l.census.Foreseen(foreseen*time.Duration(l.workers-1)/time.Duration(l.workers), l.collected*time.Duration(l.workers-1))
	}
	l.ordered(reordered)
}

// unended says of which workers the session did not end by itself.
func unended(ids []dispatch.WorkerID) string {
	names := make([]string, len(ids))
	for i, id := range slices.Sorted(slices.Values(ids)) {
		names[i] = report.WorkerName(int(id))
	}
	return fmt.Sprintf("all tests were done, and the session did not end within the time limit of a test on %s: "+
		"workers/%s.log shows where its threads were", strings.Join(names, ", "), names[0])
}
