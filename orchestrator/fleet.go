package orchestrator

import (
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// workerMemory is the memory that a worker should need if no limit is set.
const workerMemory = 512 << 20

// fleet returns the number of workers: as asked for, else as many as pay, within
// the engine's processors and memory.
func fleet(req *Request, info engine.Info, known *past, rec *recorder) int {
	if req.Workers > 0 {
		return req.Workers
	}
	limit := workerLimit(info, req.Limits)
	if len(known.hinted) == 0 {
		return limit
	}
	params := plan.Params{Split: req.Split, Fixtures: known.estimates.Fixtures}
	costs := plan.Costs{Start: known.overhead, Worker: workerCost}
	if req.Target > 0 {
		p, ok := plan.ForTarget(known.hinted, params, costs, req.Target, limit)
		if !ok {
			rec.note(report.Warning, "no number of workers up to %d is predicted to meet --target %s: %s", limit, req.Target, p.Bound)
		}
		return len(p.Shards)
	}
	return plan.AutoWorkers(known.hinted, params, costs, limit)
}

// workerLimit returns how many workers the engine has processors and memory for.
func workerLimit(info engine.Info, limits engine.Limits) int {
	limit := max(1, info.CPUs)
	if info.Memory > 0 {
		limit = min(limit, max(1, int(info.Memory/max(limits.Memory, workerMemory))))
	}
	return limit
}
