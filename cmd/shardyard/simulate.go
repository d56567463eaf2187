package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/simulate"
)

// simulateFlags are the flags of simulate.
type simulateFlags struct {
	historyFlags
	durations []string
	workers   []int
	policies  []string
	seed      uint64

	noise, unknown, failing float64
	slowHost                float64
	slowUnknown             bool
	fixture, perTest, batch time.Duration
	start, stagger          time.Duration
}

func newSimulateCommand() *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Show what schedules would make of recorded durations: this one's, and those of other tools",
		Long: `Runs the suite's recorded durations on simulated workers, under the plan and the dispatcher that runs use, and under the rules
of other tools, each written from its own published code. Nothing is started.

Without --durations the last run in the history is replayed, planned from the runs before it. With one file of durations all
times are known beforehand; with several, the oldest first, the last one is replayed, planned from the others.`,
		Example: `  shardyard simulate --workers 4,8,16
  shardyard simulate --durations .test_durations --noise 0.3 --unknown 0.2
  shardyard simulate --durations .test_durations --policies shardyard,worksteal --fixture-cost 2s --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.simulate(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.durations, "durations", nil, "a file of durations as pytest-split writes it; may be repeated, the oldest first")
	flags.IntSliceVarP(&f.workers, "workers", "w", []int{2, 4, 8, 16, 32, 64}, "numbers of workers")
	flags.StringSliceVar(&f.policies, "policies", nil, "only policies with one of these in their names (default all)")
	flags.Uint64Var(&f.seed, "seed", 1, "what chance is made of: the same seed, the same figures")
	flags.Float64Var(&f.noise, "noise", 0, "tests take longer or shorter than recorded: the spread, 0.3 for about 30 %")
	flags.Float64Var(&f.unknown, "unknown", 0, "the share of tests that no tool knows a time of, 0 to 1")
	flags.Float64Var(&f.failing, "failing", 0, "the share of tests that fail, 0 to 1; those run again on a worker that collected everything")
	flags.Float64Var(&f.slowHost, "slow-host", 1, "the speed of the first worker, 0.5 for half")
	flags.BoolVar(&f.slowUnknown, "slow-host-unknown", false, "the plan is made without knowing that speed")
	flags.DurationVar(&f.fixture, "fixture-cost", 0, "what opening a file costs a worker (default: what the history knows)")
	flags.DurationVar(&f.perTest, "per-test", 0, "what each test takes a worker besides its setup, call and teardown (default: what the history knows)")
	flags.DurationVar(&f.batch, "batch-cost", 0, "what starting a process for a batch costs, for runners that need one")
	flags.DurationVar(&f.start, "start-cost", 3*time.Second, "what a further worker costs until it is there")
	flags.DurationVar(&f.stagger, "stagger", 0, "how far apart shardyard's workers come")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	completes(cmd, "workers", "4,8,16")
	completes(cmd, "policies", "shardyard", "pytest-split", "xdist", "LPT", "round-robin")
	return cmd
}

func (f *simulateFlags) simulate(ctx context.Context, out io.Writer) error {
	policies, err := f.check()
	if err != nil {
		return err
	}
	suite, past, err := f.load(ctx)
	if err != nil {
		return err
	}
	if len(suite.Tests) == 0 {
		return errors.New("there are no durations to simulate: make some with `shardyard run` or `shardyard history import`")
	}
	suite = f.disturb(suite)
	doc := simulation{Format: 1, Tests: len(suite.Tests), Seed: f.seed}
	var serial time.Duration
	for _, d := range suite.Actual {
		serial += d
	}
	doc.SerialMS = millis(serial)
	for _, n := range f.workers {
		w := f.world(suite, past, n)
		doc.Runs = append(doc.Runs, simulated{Workers: n, BoundMS: millis(simulate.Bound(suite, w)), Policies: outcomes(suite, w, policies)})
	}
	if f.json {
		return printJSON(out, doc)
	}
	return doc.print(out)
}

// check looks at the flags and chooses the policies.
func (f *simulateFlags) check() ([]simulate.Policy, error) {
	for _, n := range f.workers {
		if n < 1 || n > 10000 {
			return nil, fmt.Errorf("--workers %d: write numbers from 1 to 10000", n)
		}
	}
	if f.suite != "" && len(f.durations) > 0 {
		return nil, errors.New("--suite is for the history, and --durations names files instead: give one of the two")
	}
	if len(f.workers) == 0 {
		return nil, errors.New("--workers is empty: write numbers with commas between them")
	}
	for name, share := range map[string]float64{"unknown": f.unknown, "failing": f.failing} {
		if !(share >= 0 && share <= 1) {
			return nil, fmt.Errorf("--%s %g: write a share from 0 to 1", name, share)
		}
	}
	if !(f.noise >= 0 && f.noise <= 3) {
		return nil, fmt.Errorf("--noise %g: write a spread from 0 to 3", f.noise)
	}
	if !(f.slowHost > 0 && f.slowHost <= 100) {
		return nil, fmt.Errorf("--slow-host %g: write a speed above 0, at most 100", f.slowHost)
	}
	for name, d := range map[string]time.Duration{"fixture-cost": f.fixture, "per-test": f.perTest, "batch-cost": f.batch, "start-cost": f.start, "stagger": f.stagger} {
		if d < 0 || d > 24*time.Hour {
			return nil, fmt.Errorf("--%s %s: write a time from 0 to a day", name, d)
		}
	}
	return f.choose()
}

func (f *simulateFlags) choose() ([]simulate.Policy, error) {
	all := []simulate.Policy{simulate.Ours}
	if f.batch > 0 {
		all = append(all, simulate.OursAtomic)
	}
	if f.failing > 0 {
		all = append(all, simulate.OursPatient)
	}
	all = append(append(all, simulate.OursStatic), simulate.Peers...)
	if len(f.policies) == 0 {
		return all, nil
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	for _, want := range f.policies {
		if !slices.ContainsFunc(names, func(name string) bool { return named(name, want) }) {
			return nil, fmt.Errorf("--policies %q: choose from %s", want, strings.Join(names, "; "))
		}
	}
	return slices.DeleteFunc(all, func(p simulate.Policy) bool {
		return !slices.ContainsFunc(f.policies, func(want string) bool { return named(p.Name, want) })
	}), nil
}

func named(name, want string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(strings.TrimSpace(want)))
}

// load reads the suite, and what its files and its tests cost besides.
func (f *simulateFlags) load(ctx context.Context) (s simulate.Suite, past plan.Past, err error) {
	if len(f.durations) == 0 {
		err = f.with(ctx, func(db *history.DB, key string, p *project) error {
			s, past, err = recorded(ctx, db, key)
			return err
		})
		return s, past, err
	}
	var runs []simulate.Durations
	for _, name := range f.durations {
		d, err := readDurations(name)
		if err != nil {
			return s, past, err
		}
		runs = append(runs, d)
	}
	if len(runs) == 1 {
		return simulate.Known(f.durations[0], runs[0]), past, nil
	}
	replays := simulate.History{Name: f.durations[0], Runs: runs}.Replays()
	return replays[len(replays)-1], past, nil
}

func readDurations(name string) (simulate.Durations, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--durations: %w", err)
	}
	timings, err := history.Parse(history.PytestSplit, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("--durations %s: %w", name, err)
	}
	d := simulate.Durations{}
	for _, t := range timings {
		d[string(t.Test)] = t.Seconds
	}
	return d, nil
}

// recorded returns the last run of the history.
func recorded(ctx context.Context, db *history.DB, key string) (simulate.Suite, plan.Past, error) {
	samples, err := db.Samples(ctx, key)
	if err != nil {
		return simulate.Suite{}, plan.Past{}, infraError{err}
	}
	list, err := db.Slowest(ctx, key, 0)
	if err != nil {
		return simulate.Suite{}, plan.Past{}, infraError{err}
	}
	slices.SortFunc(list, func(a, b history.Summary) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Test, b.Test))
	})
	var tests []plan.Test
	for _, t := range list {
		tests = append(tests, plan.Test{ID: t.Test, File: t.File, Index: len(tests)})
	}
	past := orchestrator.Estimates(samples)
	return simulate.Replayed("history", tests, past), past, nil
}

// disturb adds the deviations from the plan that the flags ask for.
func (f *simulateFlags) disturb(s simulate.Suite) simulate.Suite {
	chance := rand.New(rand.NewPCG(f.seed, 1))
	if f.noise > 0 {
		s = simulate.Noisy(s, f.noise, chance)
	}
	if f.unknown > 0 {
		s = simulate.Forgetful(s, f.unknown, chance)
	}
	if f.failing > 0 {
		s = simulate.Failing(s, f.failing, chance)
	}
	return s
}

func (f *simulateFlags) world(s simulate.Suite, past plan.Past, workers int) simulate.World {
	w := simulate.World{
		Workers: workers, Speeds: []float64{f.slowHost}, SpeedsKnown: !f.slowUnknown, Fixtures: past.Fixtures,
		PerTest: cmp.Or(f.perTest, past.PerTest),
		Batch:   f.batch, Start: f.start, Stagger: f.stagger, Lazy: f.failing > 0,
	}
	if f.fixture > 0 {
		w.Fixtures = map[string]time.Duration{}
		for i := range s.Tests {
			w.Fixtures[s.Tests[i].File] = f.fixture
		}
	}
	return w
}

// simulation is simulate --json.
type simulation struct {
	Format   int         `json:"format"`
	Tests    int         `json:"tests"`
	SerialMS float64     `json:"serial_ms"`
	Seed     uint64      `json:"seed"`
	Runs     []simulated `json:"runs"`
}

// simulated is one number of workers.
type simulated struct {
	Workers  int               `json:"workers"`
	BoundMS  float64           `json:"lower_bound_ms"`
	Policies []simulatedPolicy `json:"policies"`
}

type simulatedPolicy struct {
	Policy     string  `json:"policy"`
	Source     string  `json:"source"`
	MakespanMS float64 `json:"makespan_ms"`
	Ratio      float64 `json:"ratio"` // makespan / lower bound
	Balance    float64 `json:"balance"`
	Opened     int     `json:"files_opened"` // pairs of a worker and a file
}

func outcomes(s simulate.Suite, w simulate.World, policies []simulate.Policy) []simulatedPolicy {
	var out []simulatedPolicy
	for _, o := range simulate.Compare(s, w, policies) {
		ratio := 1.0
		if o.Bound > 0 {
			ratio = float64(o.Makespan) / float64(o.Bound)
		}
		out = append(out, simulatedPolicy{o.Policy, o.Source, millis(o.Makespan), ratio, o.Balance, o.Opened})
	}
	return out
}

// print is the simulation for a person.
func (s *simulation) print(out io.Writer) error {
	clock := func(ms float64) string { return report.Clock(time.Duration(ms * float64(time.Millisecond))) }
	fmt.Fprintf(out, "%s, %s of tests\n", report.Count(s.Tests, "test", "tests"), clock(s.SerialMS))
	for _, r := range s.Runs {
		fmt.Fprintf(out, "\n%s, lower bound %s\n", report.Count(r.Workers, "worker", "workers"), clock(r.BoundMS))
		fmt.Fprintf(out, "%-28s %9s %13s %8s %13s\n", "", "makespan", "of the bound", "balance", "files opened")
		for _, p := range r.Policies {
			fmt.Fprintf(out, "%-28s %9s %13.3f %6.0f %% %13s\n", p.Policy, clock(p.MakespanMS), p.Ratio, 100*p.Balance, report.Number(p.Opened))
		}
	}
	fmt.Fprintln(out, "\nwhere the rules come from")
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, p := range s.Runs[0].Policies {
		fmt.Fprintf(w, "  %s\t%s\n", p.Policy, p.Source)
	}
	return w.Flush()
}
