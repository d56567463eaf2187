package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// planFlags are the flags of plan.
type planFlags struct {
	runFlags
	splits, group int
	durations     string
	tests         string
	store         string
	svg           string
	asJSON        bool
}

func newPlanCommand() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan [suite] [-- args]",
		Short: "Show what a run would do, and how wall clock depends on the number of workers",
		Long: `Discovers the suite as a run would, runs nothing, and shows the plan: predicted wall clock, balance, what sets the lower
bound, and the curve of wall clock and total time against the number of workers.

For those who keep their own CI matrix, --splits N --group K prints the tests of one shard of N, a line each. Every job of
the matrix that plans from the same tests and durations gets the same plan.`,
		Example: `  shardyard plan
  shardyard plan --target 5m
  shardyard plan --splits 4 --group 2 > shard.txt && pytest @shard.txt
  pytest --collect-only -q | shardyard plan --tests - --durations .test_durations --splits 4 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			suite, rest, err := splitArgs(cmd, args)
			if err != nil {
				return err
			}
			f.args = rest
			return f.plan(cmd.Context(), suite, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd)
	f.sessionFlags(cmd)
	f.sizeFlags(cmd)
	flags := cmd.Flags()
	flags.IntVar(&f.splits, "splits", 0, "plan for so many shards")
	flags.IntVar(&f.group, "group", 0, "print only the tests of this shard, from 1")
	flags.StringVar(&f.durations, "durations", "", "take durations from this file of pytest-split's instead of the history")
	flags.StringVar(&f.tests, "tests", "", "plan these tests, an id in each line, instead of discovering them; - for standard input")
	flags.StringVar(&f.store, "store-durations", "", "write the durations that are known to this file, as pytest-split does")
	flags.StringVar(&f.svg, "svg", "", "draw the plan to this file: a row for each worker, a block for each file")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (f *planFlags) plan(ctx context.Context, suite string, in io.Reader, out, errs io.Writer) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	logger, err := f.logger()
	if err != nil {
		return err
	}
	p, err := loadProject(ctx, f.dir, f.config)
	if err != nil {
		return err
	}
	req, err := f.request(ctx, p, suite)
	if err != nil {
		return err
	}
	if f.tests == "" {
		if err := p.collectable(&f.placeFlags, req.Session.Args); err != nil {
			return err
		}
	}
	db := openHistory(ctx, p.id, logger)
	if db != nil {
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	var d *orchestrator.Discovery
	if f.tests != "" {
		d, err = f.given(ctx, in, db, history.Key(p.id.ID, req.Suite))
	} else {
		d, err = f.discover(ctx, p, req, db, errs, logger)
	}
	if err != nil {
		return err
	}
	if err := f.known(d); err != nil {
		return err
	}
	if len(d.Tests) == 0 {
		fmt.Fprintln(errs, "shardyard: no tests")
		return exit(report.ExitEmpty)
	}
	return f.show(d, req, out, errs)
}

func (f *planFlags) check() error {
	if err := f.palette.check(); err != nil {
		return err
	}
	if f.tests != "" {
		for _, name := range []string{"engine", "image", "rev", "markers", "keyword", "cov", "bytecode"} {
			if f.changed(name) {
				return fmt.Errorf("--%s chooses tests to discover, and --tests lists them: give one of the two", name)
			}
		}
	}
	switch {
	case f.splits != 0 && (f.changed("workers") || f.changed("target")):
		return errors.New("--splits sets the number of shards: leave out --workers and --target")
	case f.splits < 0:
		return fmt.Errorf("--splits %d: write a number from 1 up", f.splits)
	case f.group != 0 && f.splits == 0:
		return errors.New("--group needs the number of shards: write --splits too")
	case f.group < 0 || f.group > f.splits:
		return fmt.Errorf("--group %d: write a number from 1 to --splits %d", f.group, f.splits)
	}
	return nil
}

// discover collects the suite where its tests would run.
func (f *planFlags) discover(ctx context.Context, p *project, req orchestrator.Request, db *history.DB, errs io.Writer, logger hclog.Logger) (_ *orchestrator.Discovery, err error) {
	eng, why, err := f.open(ctx, p, &req, logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, broken(eng.Close())) }()
	if why != "" {
		fmt.Fprintln(errs, "shardyard: "+why)
	}
	if req.Out, err = os.MkdirTemp("", "shardyard-plan-"); err != nil {
		return nil, infraError{err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(req.Out)) }()
	deps := orchestrator.Deps{
		Engine: eng, Framework: description(req.Session.Framework), Sinks: []orchestrator.Sink{steps{errs}}, Terminal: errs, Logger: logger, Now: time.Now,
	}
	if db != nil {
		deps.History = db
	}
	d, rep, err := orchestrator.Discover(ctx, req, deps)
	if err != nil {
		return nil, infraError{err}
	}
	if d == nil {
		code, reasons := report.ExitCode(rep)
		for _, r := range reasons {
			fmt.Fprintln(errs, "shardyard: "+r.Text)
		}
		return nil, exit(code)
	}
	return d, nil
}

// given takes the tests from a list, and their times from the history.
func (f *planFlags) given(ctx context.Context, in io.Reader, db *history.DB, suite string) (*orchestrator.Discovery, error) {
	data, err := func() ([]byte, error) {
		if f.tests == "-" {
			return io.ReadAll(in)
		}
		return os.ReadFile(f.tests)
	}()
	if err != nil {
		return nil, fmt.Errorf("read the tests: %w", err)
	}
	var tests []plan.Test
	for line := range strings.Lines(string(data)) {
		// What pytest --collect-only -q prints besides ids has no "::".
		if id := strings.TrimRight(line, "\r\n"); strings.Contains(id, "::") {
			file, _, _ := strings.Cut(id, "::")
			tests = append(tests, plan.Test{ID: worker.TestID(id), File: file, Index: len(tests)})
		}
	}
	d := &orchestrator.Discovery{Tests: plan.Estimate(tests, plan.Past{}), Limit: 64}
	if db == nil {
		return d, nil
	}
	samples, err := db.Samples(ctx, suite)
	if err != nil {
		return nil, infraError{err}
	}
	past := orchestrator.Estimates(samples)
	d.Tests, d.Fixtures = plan.Estimate(tests, past), past.Fixtures
	return d, nil
}

// known puts the durations of a file above the history's, and writes them out.
func (f *planFlags) known(d *orchestrator.Discovery) error {
	if f.durations != "" {
		file, err := os.Open(f.durations)
		if err != nil {
			return fmt.Errorf("--durations: %w", err)
		}
		timings, err := history.Parse("pytest-split", file)
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("--durations %s: %w", f.durations, err)
		}
		took := map[worker.TestID]time.Duration{}
		for _, t := range timings {
			took[t.Test] = time.Duration(t.Seconds * float64(time.Second))
		}
		d.Fixtures = nil // they are part of these durations
		d.Tests = plan.Estimate(d.Tests, plan.Past{Samples: func(id worker.TestID) []plan.Sample {
			if t, ok := took[id]; ok {
				return []plan.Sample{{Call: t}}
			}
			return nil
		}})
	}
	if f.store == "" {
		return nil
	}
	var timings []history.Timing
	for _, t := range d.Tests {
		if t.Known {
			timings = append(timings, history.Timing{Test: t.ID, File: t.File, Seconds: t.Estimate.Seconds()})
		}
	}
	file, err := os.Create(f.store)
	if err != nil {
		return fmt.Errorf("--store-durations: %w", err)
	}
	if err := errors.Join(history.WriteSplit(file, timings), file.Close()); err != nil {
		return fmt.Errorf("--store-durations %s: %w", f.store, err)
	}
	return nil
}

func (f *planFlags) show(d *orchestrator.Discovery, req orchestrator.Request, out, errs io.Writer) error {
	params := plan.Params{Split: req.Split, Fixtures: d.Fixtures}
	var made plan.Plan
	switch {
	case f.splits > 0:
		params.Workers = f.splits
		made = plan.Balance(d.Tests, params)
	case req.Workers > 0:
		params.Workers = req.Workers
		made = plan.Balance(d.Tests, params)
	case f.target > 0:
		var ok bool
		if made, ok = plan.ForTarget(d.Tests, params, d.Costs, f.target, d.Limit); !ok {
			fmt.Fprintf(errs, "shardyard: no number of workers up to %d is predicted to meet %s: %s\n", d.Limit, f.target, made.Bound)
		}
	default:
		params.Workers = plan.AutoWorkers(d.Tests, params, d.Costs, d.Limit)
		made = plan.Balance(d.Tests, params)
	}
	if f.svg != "" {
		file, err := os.Create(f.svg)
		if err != nil {
			return fmt.Errorf("--svg: %w", err)
		}
		if err := errors.Join(writePicture(file, made, d.Fixtures), file.Close()); err != nil {
			return fmt.Errorf("--svg %s: %w", f.svg, err)
		}
	}
	if f.asJSON {
		enc := json.NewEncoder(jsonTo(out))
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(f.document(d, params, made))
	}
	if f.group > 0 {
		for _, u := range made.Shards[f.group-1].Units {
			for _, t := range u.Tests {
				fmt.Fprintln(data(out), t.ID)
			}
		}
		return nil
	}
	f.table(d, params, made, out)
	return nil
}

// table is the plan for a person.
func (f *planFlags) table(d *orchestrator.Discovery, params plan.Params, p plan.Plan, out io.Writer) {
	fmt.Fprintf(out, "%s on %s: %s of tests", report.Count(len(d.Tests), "test", "tests"), report.Count(len(p.Shards), "worker", "workers"), report.Clock(p.Makespan))
	if d.Costs.Start > 0 {
		fmt.Fprintf(out, ", %s with start and end", report.Clock(p.Makespan+d.Costs.Start))
	}
	fmt.Fprintf(out, "\nserial ~%s   balance %.0f %%   lower bound %s\n", report.Clock(p.Serial), 100*p.Balance(), lowerBound(p.Bound))
	if p.Unknown > 0 {
		fmt.Fprintf(out, "%s without history: taken for as long as their neighbours\n", report.Count(p.Unknown, "test", "tests"))
	}
	fmt.Fprintln(out, "\nworkers     tests     load")
	for i, s := range p.Shards {
		n := 0
		for _, u := range s.Units {
			n += len(u.Tests)
		}
		fmt.Fprintf(out, "%7d %9s %8s\n", i+1, report.Number(n), report.Clock(s.Load))
	}
	fmt.Fprintln(out, "\nwhat if: workers  wall clock    total  balance")
	knee := plan.AutoWorkers(d.Tests, params, d.Costs, 256)
	for _, pt := range plan.Curve(d.Tests, params, d.Costs, counts(knee)) {
		mark := ""
		if pt.Workers == knee {
			mark = "  more do not pay"
		}
		fmt.Fprintf(out, "%16d %11s %8s %6.0f %%%s\n", pt.Workers, report.Clock(pt.Wall), report.Clock(pt.Total), 100*pt.Balance, mark)
	}
}

// lowerBound returns the bound, and what sets it where that is one test.
func lowerBound(b plan.Bound) string {
	if why := b.String(); why != "" {
		return report.Clock(b.Time) + ": " + why
	}
	return report.Clock(b.Time)
}

// counts returns the numbers of workers of the curve: powers of two, and the
// knee.
func counts(knee int) []int {
	var out []int
	for n := 1; n <= 2*knee && n <= 256 || n <= 8; n *= 2 {
		if n/2 < knee && knee < n {
			out = append(out, knee)
		}
		out = append(out, n)
	}
	return out
}

// planDocument is plan --json; combine reads its tests.
type planDocument struct {
	Format     int          `json:"format"`
	Workers    int          `json:"workers"`
	MakespanMS int64        `json:"makespan_ms"`
	BoundMS    int64        `json:"lower_bound_ms"`
	Bound      string       `json:"lower_bound"`
	SerialMS   int64        `json:"serial_ms"`
	Balance    float64      `json:"balance"`
	Unknown    int          `json:"unknown"`
	Tests      []plannedOne `json:"tests"`
	Curve      []curvePoint `json:"curve"`
}

type plannedOne struct {
	ID         worker.TestID `json:"id"`
	File       string        `json:"file"`
	Shard      int           `json:"shard"` // from 1
	EstimateMS float64       `json:"estimate_ms"`
	Known      bool          `json:"known"`
}

type curvePoint struct {
	Workers int     `json:"workers"`
	WallMS  int64   `json:"wall_ms"`
	TotalMS int64   `json:"total_ms"`
	Balance float64 `json:"balance"`
}

func (f *planFlags) document(d *orchestrator.Discovery, params plan.Params, p plan.Plan) planDocument {
	doc := planDocument{
		Format: 1, Workers: len(p.Shards), MakespanMS: p.Makespan.Milliseconds(), BoundMS: p.Bound.Time.Milliseconds(),
		Bound: p.Bound.String(), SerialMS: p.Serial.Milliseconds(), Balance: p.Balance(), Unknown: p.Unknown,
	}
	for i, s := range p.Shards {
		if f.group > 0 && i+1 != f.group {
			continue
		}
		for _, u := range s.Units {
			for _, t := range u.Tests {
				doc.Tests = append(doc.Tests, plannedOne{t.ID, t.File, i + 1, float64(t.Estimate.Microseconds()) / 1000, t.Known})
			}
		}
	}
	for _, pt := range plan.Curve(d.Tests, params, d.Costs, counts(plan.AutoWorkers(d.Tests, params, d.Costs, 256))) {
		doc.Curve = append(doc.Curve, curvePoint{pt.Workers, pt.Wall.Milliseconds(), pt.Total.Milliseconds(), pt.Balance})
	}
	return doc
}
