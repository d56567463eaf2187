package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report/console"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// commonFlags are those of every command that looks at a project.
type commonFlags struct {
	dir      string
	config   string
	logLevel string
	color    string
}

func (f *commonFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.dir, "directory", "C", ".", "the project's directory")
	flags.StringVar(&f.config, "config", "", "the config file (default: the nearest "+configs.FileName+" up to the repository's root)")
	flags.StringVar(&f.logLevel, "log-level", "warn", "what to log to stderr: trace, debug, info, warn, error")
	flags.StringVar(&f.color, "color", "auto", "auto, always or never; NO_COLOR is honoured")
}

func (f *commonFlags) logger() (hclog.Logger, error) {
	level := hclog.LevelFromString(f.logLevel)
	if level == hclog.NoLevel {
		return nil, fmt.Errorf("--log-level %q: there are trace, debug, info, warn and error", f.logLevel)
	}
	return hclog.New(&hclog.LoggerOptions{Name: "shardyard", Output: os.Stderr, Level: level, Color: hclog.ColorOff}), nil
}

// colored says whether to write colours to w. A bad --color was refused before.
func (f *commonFlags) colored(w io.Writer) bool {
	on, err := console.UseColor(f.color, isTerminal(w), os.Getenv)
	return err == nil && on
}

// placeFlags say where and on what a suite runs.
type placeFlags struct {
	commonFlags
	engine  string
	image   string
	rev     string
	markers string
	keyword string
	args    []string // for pytest
}

func (f *placeFlags) register(cmd *cobra.Command) {
	f.commonFlags.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.engine, "engine", "auto", "where workers run: "+engineNames())
	flags.StringVar(&f.image, "image", "", "the workers' image: a name, auto or host")
	flags.StringVar(&f.rev, "rev", "", "test this commit instead of the working tree")
	flags.StringVarP(&f.markers, "markers", "m", "", "only tests with these markers, as pytest's -m")
	flags.StringVarP(&f.keyword, "keyword", "k", "", "only tests with these names, as pytest's -k")
}

// runFlags are the flags of run.
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
	full        bool
	bytecode    bool
	progress    string
	ci          string

	changed func(string) bool
}

func (f *runFlags) register(cmd *cobra.Command) {
	f.placeFlags.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.workers, "workers", "w", "", "how many workers: a number or auto (default auto)")
	flags.DurationVar(&f.target, "target", 0, "with auto: as many workers as bring the run to this wall clock")
	flags.StringVar(&f.schedule, "schedule", "", "dynamic, or static: the plan is fixed before the run (default dynamic)")
	flags.StringVar(&f.splitBy, "split-by", "", "what is balanced: time, file or directory (default time)")
	flags.IntVar(&f.retries, "retries", 0, "run failed tests again on a fresh worker, so often; those that pass are flaky")
	flags.StringVar(&f.failOn, "fail-on", "", "flaky: flaky tests fail the run")
	flags.StringArrayVar(&f.cov, "cov", nil, "measure coverage, of this package or directory where one is given")
	flags.Lookup("cov").NoOptDefVal = allSources
	flags.Float64Var(&f.failUnder, "cov-fail-under", 0, "fail when the combined coverage is below so many percent")
	flags.DurationVar(&f.testTimeout, "test-timeout", 0, "end a test that runs longer (default 5m; 0s for never)")
	flags.DurationVar(&f.runTimeout, "run-timeout", 0, "end the run when it takes longer (default 1h; 0s for never)")
	flags.BoolVar(&f.full, "full-collection", false, "let every worker collect the whole suite")
	flags.BoolVar(&f.bytecode, "bytecode", true, "keep the bytecode of files between runs, and use it while they are the same; unless said, not in CI and not with --rev")
	flags.StringVar(&f.progress, "progress", "auto", "auto, tty, plain, quiet or json")
	flags.StringVar(&f.ci, "ci", "auto", ciUsage)
	f.changed = func(name string) bool { return flags.Changed(name) }
}

// ciUsage says what --ci is for.
const ciUsage = "the CI system to tell of failures, in its own words: auto, none, github or gitlab"

// allSources is what --cov says without a value.
const allSources = "*"

// request turns config and flags into a run.
func (f *runFlags) request(p *project, suite string) (orchestrator.Request, error) {
	s, err := p.config.Suite(suite)
	if err != nil {
		return orchestrator.Request{}, err
	}
	env, missing := s.Env.Values(os.LookupEnv)
	for _, name := range missing {
		p.say("env.pass names %s, which is not set here", name)
	}
	req := orchestrator.Request{
		Version: version, Project: p.dir, Suite: suite, RunID: orchestrator.NewRunID(time.Now()),
		Source: source.Options{
			Rev: f.rev, Include: p.config.Source.Include, Git: p.config.Source.Git != nil && *p.config.Source.Git,
		},
		Image: cmp.Or(f.image, p.config.Image), Python: p.detection.Toolchain.Version,
		Setup:     orchestrator.Step{Commands: p.config.Setup, Key: p.config.Key},
		Prepare:   orchestrator.Step{Commands: p.config.Prepare},
		Framework: s.Framework, Env: env,
		Workers: int(s.Workers), Target: f.target,
		Retries: s.Retries, FailOnFlaky: f.failOn == "flaky", FullCollection: f.full,
		TestTimeout: time.Duration(s.Limits.Test), RunTimeout: time.Duration(s.Limits.Run), OutputLimit: int64(s.Limits.Output),
		Limits:  engine.Limits{Memory: int64(s.Limits.Memory), PIDs: pids(s.Limits.PIDs)},
		Harden:  engine.Harden{CapAdd: p.config.CapAdd},
		Network: p.config.Network, User: p.config.User, UserPlace: p.config.Place("user"),
	}
	how, err := f.session(p, s, env)
	if err != nil {
		return req, err
	}
	req.Args, req.Options = how.Args, withProgram(how.Options)
	if f.keepsBytecode() && how.Compiled != nil {
		req.Compiled.Dir = compiledDir(p.dir)
		req.Compiled.Files, req.Compiled.Settings = how.Compiled.Files, how.Compiled.Settings
	}
	if err := f.override(&req, s); err != nil {
		return req, err
	}
	switch {
	case len(req.Prepare.Commands) > 0:
		req.Prepare.Ensure = how.Ensure
	case len(req.Setup.Commands) > 0:
		req.Setup.Ensure = how.Ensure
	}
	return req, nil
}

// session asks the suite's framework how it is run.
func (f *runFlags) session(p *project, s configs.Effective, env map[string]string) (framework.Suite, error) {
	ask := framework.Ask{
		Args: s.Args, Paths: s.Paths, User: f.args, Keys: s.Keys, Env: env, Markers: f.markers, Keyword: f.keyword,
		Coverage: f.coverage(s), Color: f.colored(os.Stdout), Seed: rand.Uint32(),
	}
	if p.detection.Framework == s.Framework {
		ask.Detected = p.detection
	}
	return description(s.Framework).Suite(ask)
}

// withProgram puts the interpreter into the options.
func withProgram(options json.RawMessage) func(string) json.RawMessage {
	return func(program string) json.RawMessage {
		all := map[string]json.RawMessage{}
		if err := json.Unmarshal(options, &all); err != nil {
			panic(err) // a description made them
		}
		all["python"] = worker.Raw(program)
		return worker.Raw(all)
	}
}

// pids is the limit of processes that an engine is told: nothing where the
// config has what engines take by default, so that one without limits need not
// say that it ignores what nobody asked for.
func pids(n int) int64 {
	if n == configs.DefaultPIDs {
		return 0
	}
	return int64(n)
}

// keepsBytecode: what one run leaves is executed by later ones. Where code is
// tested that may be anybody's, that must be asked for.
func (f *runFlags) keepsBytecode() bool {
	if f.changed("bytecode") {
		return f.bytecode
	}
	return os.Getenv("CI") == "" && f.rev == ""
}

// override puts flags above the config.
func (f *runFlags) override(req *orchestrator.Request, s configs.Effective) error {
	if f.workers != "" {
		n, err := parseWorkers(f.workers)
		if err != nil {
			return err
		}
		req.Workers = n
	}
	if f.target < 0 {
		return fmt.Errorf("--target %s: a time above 0", f.target)
	}
	schedule := cmp.Or(f.schedule, s.Schedule)
	switch schedule {
	case "dynamic", "":
	case "static":
		req.Static = true
	default:
		return fmt.Errorf("--schedule %q: there are dynamic and static", schedule)
	}
	split := cmp.Or(f.splitBy, s.SplitBy)
	switch split {
	case "time", "":
		req.Split = plan.ByTime
	case "file":
		req.Split = plan.ByFile
	case "directory":
		req.Split = plan.ByDirectory
	default:
		return fmt.Errorf("--split-by %q: there are time, file and directory", split)
	}
	if f.failOn != "" && f.failOn != "flaky" {
		return fmt.Errorf("--fail-on %q: there is flaky", f.failOn)
	}
	if f.changed("retries") {
		req.Retries = f.retries
	}
	if req.Retries < 0 {
		return fmt.Errorf("--retries %d: a number from 0", req.Retries)
	}
	if f.changed("test-timeout") {
		req.TestTimeout = f.testTimeout
	}
	if f.changed("run-timeout") {
		req.RunTimeout = f.runTimeout
	}
	return nil
}

// parseWorkers reads a number of workers; 0 is auto.
func parseWorkers(s string) (int, error) {
	if s == "auto" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 10000 {
		return 0, fmt.Errorf("--workers %q: a number from 1 to 10000, or auto", s)
	}
	return n, nil
}

// coverage is what the user asks of it: flags above the config.
func (f *runFlags) coverage(s configs.Effective) framework.Coverage {
	c := framework.Coverage{Enabled: s.Coverage.Enabled, Sources: slices.Clone(s.Coverage.Sources), FailUnder: s.Coverage.FailUnder}
	if f.changed("cov") {
		yes := true
		c.Enabled = &yes
	}
	for _, src := range f.cov {
		if src != allSources {
			c.Sources = append(c.Sources, src)
		}
	}
	if f.changed("cov-fail-under") {
		c.FailUnder = &f.failUnder
	}
	return c
}

func (f *runFlags) console(ctx context.Context, out io.Writer) (*console.Console, func(), error) {
	if _, err := console.UseColor(f.color, false, os.Getenv); err != nil {
		return nil, nil, err
	}
	c, err := console.New(console.Progress(f.progress), console.Screen{
		Out: out, Terminal: isTerminal(out), Color: f.colored(out), Width: func() int {
			w, _, err := term.GetSize(int(os.Stdout.Fd()))
			if err != nil {
				return 0
			}
			return w
		},
	})
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { defer close(done); c.Watch(ctx, 100*time.Millisecond) }()
	return c, func() { cancel(); <-done }, nil
}

func terminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
