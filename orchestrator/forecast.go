package orchestrator

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// workerMemory is what a worker is taken to need when no limit says more.
const workerMemory = 512 << 20

// What is remembered of a suite besides its durations.
const (
	factOverhead = "overhead_ms" // wall clock less the time in which tests ran
	factStart    = "start_ms"    // of that, until the first test
	factSerial   = "serial_ms"   // wall clock of the last run with one worker
)

// A past is what earlier runs know of the suite.
type past struct {
	suite     string // in the history
	selection string // what the arguments choose
	samples   history.Samples
	estimates plan.Past
	overhead  time.Duration // 0: unknown
	start     time.Duration // likewise
	serial    time.Duration // 0: never measured
	trust     trust
}

// forecast reads what earlier runs know, chooses the number of workers, and
// makes the dispatcher.
func (r *run) forecast(ctx context.Context) (err error) {
	if r.host, err = os.Hostname(); err != nil {
		return fmt.Errorf("name this machine: %w", err)
	}
	r.mode = worker.Lazy
	if err := r.recall(ctx); err != nil {
		// Losing the history costs balance, never a verdict.
		r.note(report.Warning, "the history cannot be read, the plan will not be balanced by time: %v", err)
	}
	if r.req.FullCollection {
		r.mode = worker.Full
	}
	r.workers = r.fleet()
	r.emit(report.RunStarted{Workers: r.workers})
	r.d = dispatch.New(dispatch.Config{
		Workers: r.workers, Split: r.req.Split, Static: r.req.Static, Retries: r.req.Retries, MaxReplacements: r.workers,
		Fixtures: r.past.estimates.Fixtures, PerTest: r.past.estimates.PerTest, Speeds: r.past.samples.Hosts,
	})
	return errors.Join(os.MkdirAll(r.dataDir(), 0o755), os.MkdirAll(r.scratch(), 0o755))
}

// recall reads the history.
func (r *run) recall(ctx context.Context) error {
	r.past.suite = history.Key(r.req.Project, r.req.Suite)
	sum := sha256.Sum256([]byte(strings.Join(r.req.Args, "\x00")))
	r.past.selection = hex.EncodeToString(sum[:8])
	if r.History == nil {
		return nil
	}
	var err error
	if r.past.samples, err = r.History.Samples(ctx, r.past.suite); err != nil {
		return err
	}
	r.past.estimates = Estimates(r.past.samples)
	files, err := r.History.Inventory(ctx, r.past.suite, r.past.selection)
	if err != nil {
		return err
	}
	r.past.overhead = r.fact(ctx, factOverhead)
	r.past.start = min(r.fact(ctx, factStart), r.past.overhead)
	r.past.serial = r.fact(ctx, factSerial)
	if err := r.recallTrust(ctx); err != nil {
		return err
	}
	if r.req.discoverOnly {
		return nil
	}
	r.hinted = r.estimated(hintedFiles(files))
	return nil
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

// fact is a remembered number of milliseconds; 0 when there is none.
func (r *run) fact(ctx context.Context, key string) time.Duration {
	if r.History == nil {
		return 0
	}
	s, ok, err := r.History.Recall(ctx, history.Key(r.req.Project, r.req.Suite), key)
	if err != nil || !ok {
		return 0
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// fleet is the number of workers: as asked for, else as many as pay, within
// the engine's processors and memory.
func (r *run) fleet() int {
	if r.req.Workers > 0 {
		return r.req.Workers
	}
	limit := r.limit()
	if len(r.hinted) == 0 {
		return limit
	}
	params := plan.Params{Split: r.req.Split, Fixtures: r.past.estimates.Fixtures}
	costs := plan.Costs{Start: r.past.overhead, Worker: workerCost}
	if r.req.Target > 0 {
		p, ok := plan.ForTarget(r.hinted, params, costs, r.req.Target, limit)
		if !ok {
			r.note(report.Warning, "no number of workers up to %d is predicted to meet --target %s: %s", limit, r.req.Target, p.Bound)
		}
		return len(p.Shards)
	}
	return plan.AutoWorkers(r.hinted, params, costs, limit)
}

// limit is how many workers the engine has processors and memory for.
func (r *run) limit() int {
	limit := max(1, r.info.CPUs)
	if r.info.Memory > 0 {
		limit = min(limit, max(1, int(r.info.Memory/max(r.req.Limits.Memory, workerMemory))))
	}
	return limit
}

// estimated turns a collection into tests to plan with.
func (r *run) estimated(files []worker.Discovered) []plan.Test {
	var tests []plan.Test
	for _, f := range files {
		for _, it := range f.Items {
			tests = append(tests, plan.Test{ID: it.ID, File: f.File, Group: it.Group, Index: len(tests)})
		}
	}
	return plan.Estimate(tests, r.past.estimates)
}

// planned tells what is expected.
func (r *run) planned(p plan.Plan) {
	ev := report.Planned{Workers: len(p.Shards), Unknown: p.Unknown}
	if p.Unknown*10 <= len(r.tests) { // else they would be made up
		ev.Makespan, ev.LowerBound = report.Duration(p.Makespan), report.Duration(p.Bound.Time)
		ev.Shards, ev.PerTest = shards(p, r.d.PlanWorkers()), report.Duration(r.past.estimates.PerTest)
		if r.past.overhead > 0 {
			ev.Predicted, ev.Start = report.Duration(p.Makespan+r.past.overhead), report.Duration(r.past.start)
			// What tests take besides belongs to workers that run side by side.
			ev.Serial = report.Duration(p.Serial - time.Duration(len(r.tests))*r.past.estimates.PerTest + r.past.overhead)
		}
	}
	if r.past.serial > 0 {
		ev.Serial, ev.SerialMeasured = report.Duration(r.past.serial), true
	}
	r.emit(ev)
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

// expected is what was thought of an attempt, when the history knows the suite.
func (r *run) expected(f worker.Finished) (e report.Expected) {
	res, ok := r.d.Result(f.Test)
	if !ok || len(r.past.samples.Tests) == 0 {
		return e
	}
	speed := cmp.Or(r.past.samples.Hosts[r.host], 1)
	at := func(d time.Duration) report.Duration { return report.Duration(float64(d) / speed) }
	e.Estimate = at(res.Test.Estimate - r.past.estimates.PerTest)
	file := r.past.samples.Files[res.Test.File]
	if r.openers[attempt{f.Test, f.Token}] && file.Cost() > 0 {
		e.FixturesEstimate = at(file.Cost())
		e.Fixtures = max(report.Millis(f.SetupMS)-at(file.Other), 0)
	}
	return e
}

// remember leaves to later runs what this one learned.
func (r *run) remember(ctx context.Context) error {
	if r.History == nil || r.lists.full == nil {
		return nil
	}
	rep := r.state.Report()
	h := history.Run{
		ID: r.req.RunID, Suite: r.past.suite, Tree: r.src.ID, Workers: r.workers, Host: r.host, StartedAt: r.began,
		Duration: r.elapsed(), Exit: rep.Exit, PerTest: rep.Times.PerTest.Std(), Attempts: r.attempted(), Selection: r.past.selection, Inventory: r.found(),
	}
	err := r.History.Record(ctx, h)
	if err == nil {
		err = r.rememberTrust(ctx)
	}
	if err == nil && !r.stopped && r.lastTest > r.firstTest {
		err = r.rememberOverhead(ctx)
		if err == nil && r.workers == 1 {
			err = r.rememberTime(ctx, factSerial, r.elapsed()-r.built)
		}
	}
	if err != nil {
		r.note(report.Warning, "the history cannot be written; the next run is planned without this one: %v", err)
	}
	return nil
}

// rememberOverhead keeps what the run took besides its tests. Where nobody
// knew the tests beforehand, all waited for discovery, and the next run will not.
func (r *run) rememberOverhead(ctx context.Context) error {
	start := r.firstTest - r.built
	if len(r.hinted) == 0 && r.mode == worker.Lazy && r.workers > 1 {
		start -= r.collecting
	}
	start = max(start, time.Millisecond)
	overhead := start + r.elapsed() - r.lastTest
	return errors.Join(r.rememberTime(ctx, factStart, start), r.rememberTime(ctx, factOverhead, overhead))
}

func (r *run) rememberTime(ctx context.Context, key string, d time.Duration) error {
	return r.History.Remember(ctx, history.Key(r.req.Project, r.req.Suite), key, strconv.FormatInt(d.Milliseconds(), 10))
}

// attempted are the run's attempts, as the history wants them.
func (r *run) attempted() []history.Attempt {
	var out []history.Attempt
	for _, res := range r.results() {
		n := 0
		for _, a := range res.Attempts {
			if a.Void != "" || a.Outcome == "" {
				continue
			}
			n++
			out = append(out, history.Attempt{
				Test: res.Test.ID, File: res.Test.File, Index: res.Test.Index, Worker: int(a.Worker), Attempt: n, Outcome: a.Outcome,
				Setup: a.Setup, Call: a.Call, Teardown: a.Teardown, Tentative: a.Tentative,
				First: r.openers[attempt{res.Test.ID, a.Token}],
			})
		}
	}
	return out
}

// found is the discovered suite, the next run's hint.
func (r *run) found() []history.File {
	files := make([]history.File, len(r.lists.full.files))
	for i, f := range r.lists.full.files {
		files[i].Path = f.File
		for _, it := range f.Items {
			files[i].Tests = append(files[i].Tests, history.Test{ID: it.ID, Group: it.Group})
		}
	}
	return files
}
