package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/report/ci"
	"github.com/shardyard/shardyard/worker"
)

// A command takes the sets of flags that it honours, and no others: a flag that it
// would ignore is an unknown flag.

// projectFlags choose the project.
type projectFlags struct {
	dir    string
	config string
}

func (f *projectFlags) register(cmd *cobra.Command) {
	directoryFlag(cmd, &f.dir)
	cmd.Flags().StringVar(&f.config, "config", "", "the config file (default: the nearest "+configs.FileName+" up to the repository's root)")
}

func directoryFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVarP(dir, "directory", "C", ".", "the project's directory")
}

// placeFlags choose where and on what a suite runs.
type placeFlags struct {
	projectFlags
	logbook
	palette
	engine  string
	image   string
	rev     string
	markers string
	keyword string
	args    []string // for the framework
}

// register registers what every command honours that makes a place like a
// worker's.
func (f *placeFlags) register(cmd *cobra.Command) {
	f.projectFlags.register(cmd)
	f.logbook.register(cmd)
	f.engineFlags(cmd)
	cmd.Flags().StringVar(&f.rev, "rev", "", "test this commit instead of the working tree")
}

// engineFlags are the engine and its image.
func (f *placeFlags) engineFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.engine, "engine", "auto", "where workers run: "+engineNames())
	cmd.Flags().StringVar(&f.image, "image", "", "the workers' image: a name, auto or host")
}

// runFlags are the flags of run. Other commands that need a request take parts
// of them.
type runFlags struct {
	placeFlags
	workers     string
	target      time.Duration
	schedule    string
	splitBy     string
	retries     int
	failOn      string
	cov         []string
	failUnder   float64
	testTimeout time.Duration
	runTimeout  time.Duration
	collection  string
	bytecode    bool
	untrusted   bool
	refresh     bool
	artifacts   []string
	inPlace     bool
	progress    string
	ci          string
	trace       string
	pool        string

	changed func(string) bool
	flags   *pflag.FlagSet
	again   string             // the directory of the run of which verdicts are taken over
	left    *leaving           // what the next run is likely to start with; nil for nothing
	named   orchestrator.Names // the tests of that run that run, if not all
	order   []worker.TestID    // or those that run in this order
}

// register registers what every command honours that makes a request: where
// tests run, and what is measured, since that is part of the environment.
func (f *runFlags) register(cmd *cobra.Command) {
	f.placeFlags.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.cov, "cov", nil, "measure coverage, of this `PACKAGE` or directory where one is given")
	flags.Lookup("cov").NoOptDefVal = allSources
	flags.BoolVar(&f.refresh, "refresh", false, "build the environment anew, though there is one: what nothing pins is found as it is now")
	flags.BoolVar(&f.untrusted, "untrusted", false, "the code may be anybody's: what it leaves is kept from trusted runs; unless said, for a fork's pull request in CI")
	f.changed, f.flags = flags.Changed, flags
}

// sessionFlags choose the tests, and how a session finds them.
func (f *runFlags) sessionFlags(cmd *cobra.Command) {
	f.palette.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.markers, "markers", "m", "", "only tests with these markers")
	flags.StringVarP(&f.keyword, "keyword", "k", "", "only tests with these names")
	flags.BoolVar(&f.bytecode, "bytecode", true, "keep the bytecode of files between runs, and use it while they are the same; unless said, not in CI and not with --rev")
}

// sizeFlags choose how a plan is made.
func (f *runFlags) sizeFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.workers, "workers", "w", "", "how many workers: a number or auto (default auto)")
	flags.DurationVar(&f.target, "target", 0, "with auto: as many workers as bring the run to this wall clock")
	flags.StringVar(&f.splitBy, "split-by", "", "what is balanced: time, file or directory (default time)")
}

// testFlags choose how tests are run and judged.
func (f *runFlags) testFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.schedule, "schedule", "", "dynamic, or static: the plan is fixed before the run (default dynamic)")
	flags.IntVar(&f.retries, "retries", 0, "run failed tests again on a fresh worker, so often; those that pass are flaky")
	flags.StringVar(&f.failOn, "fail-on", "", "flaky: flaky tests fail the run")
	flags.Float64Var(&f.failUnder, "cov-fail-under", 0, "fail when the combined coverage is below so many percent")
	flags.DurationVar(&f.testTimeout, "test-timeout", 0, "end a test that runs longer (default 5m; 0s for never)")
	flags.DurationVar(&f.runTimeout, "run-timeout", 0, "end the run when it takes longer (default 1h; 0s for never)")
	flags.StringVar(&f.collection, "collection", "", "full: every worker collects the whole suite; lazy: a file when it gets a test of it; auto: full where that costs little (default auto)")
	flags.BoolFunc("full-collection", "the same as --collection full", func(string) error { f.collection = "full"; return nil })
	flags.Lookup("full-collection").Hidden = true
	flags.StringArrayVar(&f.artifacts, "artifacts", nil, "keep files that tests write and that match this pattern, besides the config's")
	flags.BoolVar(&f.inPlace, "artifacts-in-place", false, "place them in the checkout too, never over a tracked file")
	flags.StringVar(&f.progress, "progress", "auto", "auto, tty, plain, quiet or json")
	flags.StringVar(&f.ci, "ci", "auto", ciUsage)
	flags.StringVar(&f.trace, "trace", "", traceUsage)
	flags.StringVar(&f.pool, "pool", "", "how many workers are left, started and warm, for the next run: a number, or auto: as many as there were, in a terminal and not in CI (default auto)")
}

// ciUsage is the help text of --ci.
const ciUsage = "the CI system to tell of failures, in its own words, and with files in the run's directory ci: " + ci.Names
