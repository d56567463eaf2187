package orchestrator

import (
	"context"
	"errors"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// A Discovery is a suite with the facts that a plan needs.
type Discovery struct {
	Tests    []plan.Test // in the suite's own order, estimated
	Fixtures map[string]time.Duration
	Costs    plan.Costs
	Limit    int // workers that the engine has processors and memory for
}

// workerCost is what one more worker adds to a run: its share of starting, and
// of slowing the others' start.
const workerCost = 200 * time.Millisecond

// Discover collects the suite on one worker, as a run would, and runs nothing.
// If it could not, the report has the reason.
func Discover(ctx context.Context, req Request, deps Deps) (*Discovery, *report.Report, error) {
	req.Workers = 1
	rec, err := openLog(&req, deps)
	if err != nil {
		return nil, nil, err
	}
	found, err := discover(ctx, &req, deps, rec)
	if err != nil {
		rec.fault(ctx, err)
	}
	return found, rec.end(rec.finished()), nil
}

// discover returns nil when the suite could not be collected.
func discover(ctx context.Context, req *Request, deps Deps, rec *recorder) (*Discovery, error) {
	at, err := prepare(ctx, req, deps, rec)
	if err != nil {
		return nil, err
	}
	late := context.WithoutCancel(ctx)
	known := recall(ctx, req, deps.History, rec)
	l, err := newLoop(ctx, req, deps, rec, at, known, nil)
	if err != nil {
		return nil, errors.Join(err, at.close())
	}
	l.discoverOnly = true
	out := l.dispatch(ctx)
	if out.broken != "" {
		err = l.conclusion(out, deps).conclude(ctx) // shows why files could not be collected
	}
	err = errors.Join(err, l.clear(late), at.close())
	if !out.known || out.broken != "" {
		return nil, err
	}
	return &Discovery{
		Tests: out.tests, Fixtures: known.estimates.Fixtures, Costs: plan.Costs{Start: known.overhead, Worker: workerCost},
		Limit: workerLimit(at.info, req.Limits),
	}, err
}
