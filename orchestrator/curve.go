package orchestrator

import (
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// maxCurved bounds the tests for which a curve is made: beyond it, planning so many
// times over would take longer than a second.
const maxCurved = 200_000

// curve returns what other numbers of workers would have given, by this run's times;
// none where too little has run, or too much would have to be planned.
func curve(req *Request, known *past, out *outcome) []report.Point {
	if out.stopped || out.part || out.broken != "" || out.lastTest <= out.firstTest || len(out.tests) > maxCurved {
		return nil
	}
	ran := make(map[worker.TestID]plan.Sample, len(out.results))
	var first, others = map[string][]time.Duration{}, map[string][]time.Duration{}
	for _, res := range out.results {
		a, ok := res.Last()
		if !ok {
			continue
		}
		ran[res.Test.ID] = plan.Sample{Setup: a.Setup, Call: a.Call, Teardown: a.Teardown, First: a.First}
		if a.First {
			first[res.Test.File] = append(first[res.Test.File], a.Setup)
		} else {
			others[res.Test.File] = append(others[res.Test.File], a.Setup)
		}
	}
	fixtures := map[string]time.Duration{}
	for file, took := range first {
		if cost := middle(took) - middle(others[file]); cost > 0 && len(others[file]) > 0 {
			fixtures[file] = cost
		}
	}
	tests := plan.Estimate(out.tests, plan.Past{Fixtures: fixtures, PerTest: known.estimates.PerTest, Samples: func(id worker.TestID) []plan.Sample {
		if s, ok := ran[id]; ok {
			return []plan.Sample{s}
		}
		return nil
	}})
	start := out.firstTest + known.tail()
	params := plan.Params{Split: req.split(), Fixtures: fixtures}
	var points []report.Point
	for _, p := range plan.Curve(tests, params, plan.Costs{Start: start}, numbers(out.workers)) {
		points = append(points, report.Point{Workers: p.Workers, Wall: report.Duration(p.Wall), Total: report.Duration(p.Total)})
	}
	return points
}

// numbers returns the numbers of workers around n that a curve is drawn through.
func numbers(n int) []int {
	list := []int{1, 2, (n + 1) / 2, n - 1, n, n + 1, n + (n+1)/2, 2 * n}
	list = slices.DeleteFunc(list, func(k int) bool { return k < 1 })
	slices.Sort(list)
	return slices.Compact(list)
}

func middle(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[len(d)/2]
}
