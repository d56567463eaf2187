package orchestrator

import (
	"context"
	"errors"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// A Discovery is a suite with all that is known for planning it.
type Discovery struct {
	Tests    []plan.Test // in the suite's own order, estimated
	Fixtures map[string]time.Duration
	Costs    plan.Costs
	Limit    int           // workers that the engine has processors and memory for
	Serial   time.Duration // wall clock of the last run with one worker; 0: never measured
}

// workerCost is what one more worker adds to a run: its share of starting, and
// of slowing the others' start.
const workerCost = 200 * time.Millisecond

// Discover collects the suite on one worker, as a run would, and runs nothing.
// The report says why when it could not.
func Discover(ctx context.Context, req Request, deps Deps) (*Discovery, *report.Report, error) {
	req.Workers, req.discoverOnly = 1, true
	r, err := newRun(req, deps)
	if err != nil {
		return nil, nil, err
	}
	if err := r.discover(ctx); err != nil {
		r.fault(ctx, err)
	}
	rep, err := r.end()
	if err != nil || r.lists.full == nil || r.broken != "" {
		return nil, rep, err
	}
	return &Discovery{
		Tests: r.tests, Fixtures: r.past.estimates.Fixtures, Costs: plan.Costs{Start: r.past.overhead, Worker: workerCost},
		Limit: r.limit(), Serial: r.past.serial,
	}, rep, nil
}

func (r *run) discover(ctx context.Context) error {
	late := context.WithoutCancel(ctx)
	if err := r.prologue(ctx); err != nil {
		return errors.Join(err, r.clear(late))
	}
	err := r.dispatch(ctx)
	if err == nil && r.broken != "" {
		err = r.conclude(late) // shows why files could not be collected
	}
	return errors.Join(err, r.clear(late))
}
