package orchestrator

import (
	"slices"

	"github.com/shardyard/shardyard/orchestrator/history"
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
	ran := history.Samples{Tests: make(map[worker.TestID][]history.Sample, len(out.results)), PerTest: known.estimates.PerTest}
	setups := history.Setups{}
	for _, res := range out.results {
		if a, ok := res.Last(); ok {
			s := history.Sample{Outcome: a.Outcome, Setup: a.Setup, Call: a.Call, Teardown: a.Teardown, First: a.First}
			ran.Tests[res.Test.ID] = []history.Sample{s}
			setups.Add(res.Test.File, s)
		}
	}
	ran.Files = setups.Fixtures()
	estimates := Estimates(ran)
	tests := plan.Estimate(out.tests, estimates)
	start := out.firstTest + known.tail()
	params := plan.Params{Split: req.split(), Fixtures: estimates.Fixtures}
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
