package orchestrator

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/census"
	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// A past holds what the history knows of the suite. The zero past knows nothing.
type past struct {
	suite     string // in the history
	selection string // what the arguments choose
	samples   history.Samples
	estimates plan.Past
	hinted    []plan.Test   // what the last run discovered, estimated
	overhead  time.Duration // 0: unknown
	start     time.Duration // likewise
	serial    serial        // of the last run with one worker
	trust     census.Trust
	together  []string // files that depend on the order of their tests
	// collecting is what collecting the whole suite took; 0: unknown.
	collecting time.Duration
}

// recall reads the past from the history. Losing the history costs balance, never a
// verdict.
func recall(ctx context.Context, req *Request, from History, rec *recorder) past {
	p := past{suite: suiteKey(req), selection: selection(req.Session.Args)}
	if from == nil {
		return p
	}
	if err := p.read(ctx, from); err != nil {
		rec.note(report.Warning, "the history cannot be read, so the plan is not balanced by time: %v", err)
	}
	return p
}

// selection names, in the history, what the arguments choose.
func selection(args []string) string {
	sum := sha256.Sum256([]byte(strings.Join(args, "\x00")))
	return hex.EncodeToString(sum[:8])
}

func (p *past) read(ctx context.Context, from History) (err error) {
	if p.samples, err = from.Samples(ctx, p.suite); err != nil {
		return err
	}
	p.estimates = Estimates(p.samples)
	remembered := facts{from, p.suite}
	p.together = remembered.together(ctx)
	files, err := from.Inventory(ctx, p.suite, p.selection)
	if err != nil {
		return err
	}
	p.hinted = p.tests(hintedFiles(files))
	p.overhead = remembered.time(ctx, factOverhead)
	p.start = min(remembered.time(ctx, factStart), p.overhead)
	p.serial = remembered.serial(ctx, p.selection)
	p.collecting = remembered.time(ctx, factCollecting+p.selection)
	p.trust, err = remembered.trust(ctx)
	return err
}

// Estimates turns the samples of a history into what the planner takes.
func Estimates(s history.Samples) plan.Past {
	fixtures := map[string]time.Duration{}
	for file, f := range s.Files {
		fixtures[file] = f.Cost()
	}
	return plan.Past{Fixtures: fixtures, PerTest: s.PerTest, Samples: func(id worker.TestID) []plan.Sample {
		var out []plan.Sample
		for _, x := range s.Tests[id] {
			if !x.Tentative {
				out = append(out, plan.Sample{Setup: x.Setup, Call: x.Call, Teardown: x.Teardown, First: x.First})
			}
		}
		return out
	}}
}

// batchCost returns what a process for a batch costs besides its tests: as
// earlier runs know it, else as the framework says; 0 where tests stream.
func (p *past) batchCost(said time.Duration) time.Duration {
	var known []time.Duration
	for _, f := range p.samples.Files {
		if c := f.Cost(); c > 0 {
			known = append(known, c)
		}
	}
	if said == 0 || len(known) == 0 {
		return said
	}
	slices.Sort(known)
	return known[len(known)/2]
}

func hintedFiles(files []history.File) []worker.Discovered {
	out := make([]worker.Discovered, len(files))
	for i, f := range files {
		out[i].File = f.Path
		for _, t := range f.Tests {
			out[i].Items = append(out[i].Items, worker.Item{ID: t.ID, Group: t.Group})
		}
	}
	return out
}

// tail returns what a run takes behind its last test; 0 when that is not known.
func (p *past) tail() time.Duration { return max(p.overhead-p.start, 0) }

// tests turns a collection into tests to plan with.
func (p *past) tests(files []worker.Discovered) []plan.Test {
	var tests []plan.Test
	for _, f := range files {
		for _, it := range f.Items {
			tests = append(tests, plan.Test{ID: it.ID, File: f.File, Group: it.Group, Index: len(tests)})
		}
	}
	p.keepTogether(tests)
	return plan.Estimate(tests, p.estimates)
}

// planned returns the event with the prediction of a plan for the tests; part is true if
// not all of them run.
func (p *past) planned(pl plan.Plan, workers []dispatch.WorkerID, tests []plan.Test, part bool) report.Planned {
	ev := report.Planned{Workers: len(pl.Shards), Unknown: pl.Unknown}
	if pl.Unknown*10 <= len(tests) { // else they would be made up
		ev.Makespan, ev.LowerBound = report.Duration(pl.Makespan), report.Duration(pl.Bound.Time)
		ev.Shards, ev.PerTest = shards(pl, workers), report.Duration(p.estimates.PerTest)
		if p.overhead > 0 {
			ev.Predicted, ev.Start = report.Duration(pl.Makespan+p.overhead), report.Duration(p.start)
			// What tests take besides belongs to workers that run side by side.
			ev.Serial = report.Duration(pl.Serial - time.Duration(len(tests))*p.estimates.PerTest + p.overhead)
		}
	}
	if measured := p.serial.of(tests); measured > 0 && !part {
		ev.Serial, ev.SerialMeasured = report.Duration(measured), true
	}
	return ev
}

func shards(p plan.Plan, workers []dispatch.WorkerID) []report.Shard {
	out := make([]report.Shard, len(p.Shards))
	for i, s := range p.Shards {
		out[i] = report.Shard{Worker: int(workers[i]), Load: report.Duration(s.Load)}
		for _, u := range s.Units {
			out[i].Tests += len(u.Tests)
		}
	}
	return out
}

// expected returns what was thought of an attempt at a test, when the history
// knows the suite. An opener is its file's first test on its worker.
func (p *past) expected(t plan.Test, f worker.Finished, opener bool, host string) (e report.Expected) {
	if len(p.samples.Tests) == 0 {
		return e
	}
	speed := cmp.Or(p.samples.Hosts[host], 1)
	at := func(d time.Duration) report.Duration { return report.Duration(float64(d) / speed) }
	e.Estimate = at(t.Estimate - p.estimates.PerTest)
	if file := p.samples.Files[t.File]; opener && file.Cost() > 0 {
		e.FixturesEstimate = at(file.Cost())
		e.Fixtures = max(report.Millis(f.SetupMS)-at(file.Other), 0)
	}
	return e
}
