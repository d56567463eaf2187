package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report/ci"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker/framework"
)

// allSources is the value of --cov when none is written.
const allSources = "*"

// request turns config and flags into a run.
func (f *runFlags) request(ctx context.Context, p *project, suite string) (orchestrator.Request, error) {
	s, err := p.config.Suite(suite)
	if err != nil {
		return orchestrator.Request{}, err
	}
	env, missing := s.Env.Values(os.LookupEnv)
	for _, name := range missing {
		p.say("env.pass names %s, and this variable is not set here", name)
	}
	req := orchestrator.Request{
		Version: version, Project: p.dir, ProjectID: p.id.ID, Suite: s.Name, RunID: orchestrator.NewRunID(time.Now()),
		Again: f.again, Named: f.named, Order: f.order, Invocation: f.invocation(f.flags, f.args),
		Source: source.Options{
			Rev: f.rev, Include: p.config.Source.Include, Git: p.config.Source.Git != nil && *p.config.Source.Git,
			Own: []string{stateDir(), cacheDir()},
		},
		Image:    cmp.Or(f.image, p.config.Image),
		Setup:    orchestrator.Step{Commands: p.config.Setup, Key: p.config.Key},
		Prepare:  orchestrator.Step{Commands: p.config.Prepare},
		Env:      env,
		Refresh:  orchestrator.Refresh{Anew: f.refresh, Most: time.Duration(p.config.Cache.Refresh), Doubtful: p.config.Origin("cache.refresh") != ""},
		Registry: p.config.Cache.Registry,
		Workers:  int(s.Workers), Target: f.target,
		Retries: s.Retries, FailOnFlaky: f.failOn == "flaky", CI: os.Getenv("CI") != "",
		TestTimeout: time.Duration(s.Limits.Test), RunTimeout: time.Duration(s.Limits.Run), OutputLimit: int64(s.Limits.Output),
		Limits:  engine.Limits{Memory: int64(s.Limits.Memory), PIDs: pids(s.Limits.PIDs)},
		Harden:  engine.Harden{CapAdd: p.config.CapAdd},
		Network: p.config.Network, User: p.config.User, UserPlace: p.config.Place("user"),
	}
	if p.config.Profile == configs.Strict {
		req.Harden.Strict, req.Network, req.ProfilePlace = true, "none", p.config.Place("profile")
	}
	req.Artifacts = f.kept(s)
	how, err := f.session(p, s, env)
	if err != nil {
		return req, err
	}
	req.Session = how
	if f.rev == "" { // a commit's tree is the commit's
		req.Source.Include = slices.Concat(req.Source.Include, how.Include)
		req.Branch = ci.Branch(os.Getenv)
	}
	req.Prepare.Commands = slices.Concat(req.Prepare.Commands, how.Prepare)
	if req.Scope, err = f.scope(ctx, p); err != nil {
		return req, err
	}
	p.untrusted = req.Scope == cache.Untrusted
	if req.Scope == cache.Trusted && f.keepsBytecode(p.config.Profile) {
		req.Compiled.Dir = compiledDir(p.id)
	}
	if err := f.override(&req, s); err != nil {
		return req, err
	}
	if req.Pool, err = f.reserves(p); err != nil {
		return req, err
	}
	switch {
	case len(req.Prepare.Commands) > 0:
		req.Prepare.Ensure = how.Ensure
	case len(req.Setup.Commands) > 0:
		req.Setup.Ensure = how.Ensure
	}
	req.Session.Toolchain = p.judged(req.Session.Toolchain)
	if p.installsAsDetected() {
		req.Remotes = p.detection.Remotes
	}
	return req, nil
}

// session asks the suite's framework how it is run.
func (f *runFlags) session(p *project, s configs.Effective, env map[string]string) (framework.Suite, error) {
	cwd, err := filepath.Abs(f.dir)
	if err != nil {
		return framework.Suite{}, err
	}
	ask := framework.Ask{
		Args: inTree(s.Args, p.dir, p.dir), Paths: inTree(s.Paths, p.dir, p.dir), User: inTree(f.args, p.dir, cwd), Keys: s.Keys, Env: env, Markers: f.markers, Keyword: f.keyword,
		Coverage: f.coverage(s), Color: f.colored(), Seed: rand.Uint32(),
		Ambient: os.LookupEnv,
	}
	if p.detection.Framework == s.Framework {
		ask.Detected = p.found(s.Name)
	}
	how, err := description(s.Framework).Suite(ask)
	if how.Toolchain.Name == "" && p.installsAsDetected() {
		how.Toolchain = p.detection.Toolchain // its commands need it, whatever runs the tests
	}
	return how, err
}

// kept says which files that tests write are kept: what the config and the
// flags say together.
func (f *runFlags) kept(s configs.Effective) orchestrator.Artifacts {
	a := orchestrator.Artifacts{
		Keep: slices.Concat(s.Artifacts.Keep, f.artifacts), Place: s.Artifacts.Place != nil && *s.Artifacts.Place,
		Most: int64(s.Limits.Artifacts), Limit: s.Limits.Artifacts.String(), Own: []string{configs.FileName, source.IgnoreFile},
	}
	if f.changed("artifacts-in-place") {
		a.Place = f.inPlace
	}
	return a
}

// pids returns the limit of processes that an engine is told: nothing where the
// config has what engines take by default, so that one without limits need not
// say that it ignores what nobody asked for.
func pids(n int) int64 {
	if n == configs.DefaultPIDs {
		return 0
	}
	return int64(n)
}

// keepsBytecode reports whether later runs may execute the bytecode that this one
// leaves. Where the code under test may be anybody's, the user must ask for it.
func (f *runFlags) keepsBytecode(profile string) bool {
	if f.changed("bytecode") {
		return f.bytecode
	}
	return os.Getenv("CI") == "" && f.rev == "" && profile != configs.Strict
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
	switch {
	case f.changed("target") && f.target <= 0:
		return fmt.Errorf("--target %s: write a time above 0", f.target)
	case f.target > 0 && f.workers != "" && req.Workers > 0:
		return fmt.Errorf("--target %s and --workers %d both set the number of workers: give one of them", f.target, req.Workers)
	case f.target > 0:
		req.Workers = 0 // above the config's
	}
	schedule := cmp.Or(f.schedule, s.Schedule)
	switch schedule {
	case "dynamic", "":
	case "static":
		req.Static = true
	default:
		return fmt.Errorf("--schedule %q: write dynamic or static", schedule)
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
		return fmt.Errorf("--split-by %q: write time, file or directory", split)
	}
	switch c := orchestrator.Collection(cmp.Or(f.collection, s.Collection)); c {
	case orchestrator.Adaptive, orchestrator.Full, orchestrator.Lazy:
		req.Collection = c
	default:
		return fmt.Errorf("--collection %q: write auto, full or lazy", c)
	}
	if f.failOn != "" && f.failOn != "flaky" {
		return fmt.Errorf("--fail-on %q: write flaky", f.failOn)
	}
	if f.changed("retries") {
		req.Retries = f.retries
	}
	if req.Retries < 0 {
		return fmt.Errorf("--retries %d: write a number from 0 up", req.Retries)
	}
	if f.changed("test-timeout") {
		req.TestTimeout = f.testTimeout
	}
	if f.changed("run-timeout") {
		req.RunTimeout = f.runTimeout
	}
	if f.testTimeout < 0 || f.runTimeout < 0 {
		return errors.New("--test-timeout and --run-timeout: write a time from 0 up; 0 is no limit")
	}
	if f.changed("cov-fail-under") {
		return percentage(f.failUnder)
	}
	return nil
}

// percentage checks --cov-fail-under.
func percentage(p float64) error {
	if p < 0 || p > 100 {
		return fmt.Errorf("--cov-fail-under %g: write a percentage from 0 to 100", p)
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
		return 0, fmt.Errorf("--workers %q: write a number from 1 to 10000, or auto", s)
	}
	return n, nil
}

// coverage returns what the user asks of it: flags above the config.
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
