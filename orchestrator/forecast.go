package orchestrator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// forecast reads what earlier runs know, chooses the number of workers, and
// makes the dispatcher.
func (r *run) forecast(ctx context.Context) error {
	r.workers = r.req.Workers
	if r.workers == 0 {
		r.workers = max(2, r.info.CPUs)
	}
	r.mode = worker.Lazy
	if r.req.FullCollection {
		r.mode = worker.Full
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name this machine: %w", err)
	}
	r.host = host
	r.d = dispatch.New(dispatch.Config{
		Workers: r.workers, Split: r.req.Split, Static: r.req.Static, Retries: r.req.Retries, MaxReplacements: r.workers,
	})
	r.failures, r.told = map[worker.TestID]bool{}, map[string]bool{}
	r.finish = &finisher{done: make(chan struct{})}
	r.emit(report.RunStarted{Workers: r.workers})
	return os.MkdirAll(filepath.Join(r.tmp(), "data"), 0o755)
}

// estimated turns a collection into tests to plan with.
func (r *run) estimated(files []worker.Discovered) []plan.Test {
	var tests []plan.Test
	for _, f := range files {
		for _, it := range f.Items {
			tests = append(tests, plan.Test{ID: it.ID, File: f.File, Group: it.Group, Index: len(tests)})
		}
	}
	return tests
}

func (r *run) planned(p plan.Plan) {
	r.emit(report.Planned{
		Workers: len(p.Shards), Makespan: report.Duration(p.Makespan), LowerBound: report.Duration(p.Bound.Time),
		Serial: report.Duration(p.Serial), Unknown: p.Unknown,
	})
}

func (r *run) remember(ctx context.Context) error { return nil }
