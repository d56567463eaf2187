package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/doctor"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
)

func newDoctorCommand() *cobra.Command {
	var f placeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what runs need on this machine, and how to mend what is missing",
		Long: `Looks at everything that a run needs, and says of each failure how to mend it. It runs no tests. The image is pulled when
it is not there.

Marks: ✓ fine, ! works and could be better, ✗ runs will fail. Exit status: 0 runs can work, 3 they cannot.`,
		Example: `  shardyard doctor
  shardyard doctor --engine docker --image python:3.12-slim
  shardyard doctor --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			logger, err := f.logger()
			if err != nil {
				return err
			}
			found, err := f.examine(cmd.Context(), logger)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), found)
			} else {
				showChecks(found.Checks, cmd.OutOrStdout(), f.colored())
			}
			if err == nil && !found.OK {
				err = exit(report.ExitInfrastructure)
			}
			return err
		},
	}
	f.projectFlags.register(cmd)
	f.logbook.register(cmd)
	f.palette.register(cmd)
	f.engineFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// examine does all checks. An error means that a flag names something that does not
// exist, or that it was interrupted.
func (f *placeFlags) examine(ctx context.Context, logger hclog.Logger) (doctor.Diagnosis, error) {
	dir, err := existing(f.dir)
	if err != nil {
		return doctor.Diagnosis{}, err
	}
	if _, err := engines.Select(f.engine); err != nil {
		return doctor.Diagnosis{}, usage(err)
	}
	at := dir
	p, loaded := loadProject(ctx, dir, f.config)
	if loaded == nil {
		at = p.dir
	}
	return doctor.Examine(ctx,
		doctor.Git{Dir: dir},
		doctor.Func(func(context.Context) []doctor.Check { return projectChecks(p, loaded) }),
		doctor.Func(func(ctx context.Context) []doctor.Check { return sourceChecks(ctx, p) }),
		f.workers(p, at, logger),
		doctor.Func(func(context.Context) []doctor.Check { return indexChecks(p) }),
		doctor.Writable{Name: "results", Dir: filepath.Join(at, ".shardyard"), Fix: "make the project's directory writable for this user"},
		doctor.Writable{Name: "state", Dir: stateDir(), Fix: "make it writable, or set XDG_STATE_HOME to a directory that is"},
		doctor.Writable{Name: "cache", Dir: cacheDir(), Fix: "make it writable, or set XDG_CACHE_HOME to a directory that is"},
		doctor.Func(func(ctx context.Context) []doctor.Check { return historyChecks(ctx, p, logger) }),
	)
}

// projectChecks checks the project's files and its config.
func projectChecks(p *project, err error) []doctor.Check {
	if err != nil {
		return []doctor.Check{doctor.Fail("project",
			"run it in the project's directory, mend the config (shardyard config verify), or write one (shardyard init)", "%v", err)}
	}
	found := p.detection.Kind
	if len(p.detection.Evidence) > 0 {
		found += " (" + p.detection.Evidence[0].String() + ")"
	}
	if p.config.File != "" {
		found = p.config.File
		if names := p.config.SuiteNames(); len(names) > 0 {
			found += ", suites " + strings.Join(names, ", ")
		}
	}
	checks := []doctor.Check{doctor.Good("project", "%s; what is kept of it is under %s", found, p.id.ID)}
	if err := p.collectable(&placeFlags{}, nil); err != nil {
		checks = append(checks, doctor.Fail("tests", "name them behind --, or a suite of them in shardyard.yaml", "%v", err))
	}
	if p.installsAsDetected() {
		for _, note := range p.detection.Notes {
			checks = append(checks, doctor.Warn("project", "", "%s", note))
		}
	}
	if h := p.detection.Hint; h != nil && p.config.File == "" {
		checks = append(checks, doctor.Good("hint", "%s; to have that here: %s", h, strings.Join(h.Config(), " · ")))
	}
	if tools := p.detection.Toolchain; engine.Wanted(tools) != "" {
		checks = append(checks, doctor.Good(tools.Name, "%s is wanted", engine.Wanted(tools)))
	}
	return checks
}

// sourceChecks takes a snapshot of the sources, and says what is not there of them.
func sourceChecks(ctx context.Context, p *project) []doctor.Check {
	if p == nil {
		return nil
	}
	src, err := source.Snapshot(ctx, p.dir, source.Options{Include: p.config.Source.Include})
	if err != nil {
		return []doctor.Check{doctor.Fail("sources", "mend what is named; runs take the same snapshot", "%v", err)}
	}
	checks := []doctor.Check{doctor.Good("sources", "%s", src)}
	for _, note := range src.Notes {
		checks = append(checks, doctor.Warn("sources", "", "%s", note))
	}
	if err := src.Close(); err != nil {
		checks = append(checks, doctor.Warn("sources", "", "%v", err))
	}
	return checks
}

// workers checks the engine and the programs of the image. A project that could not
// be loaded is nil: then the flags alone choose them.
func (f *placeFlags) workers(p *project, dir string, logger hclog.Logger) doctor.Examiner {
	w := doctor.Workers{
		Advice: engines.Advice(f.engine), Better: engines[0].Advice + ", for workers that are isolated",
		Image: f.image,
	}
	var reach engine.BuilderOptions
	if p != nil {
		s, err := p.reach()
		if err != nil {
			return doctor.Func(func(context.Context) []doctor.Check { return nil }) // indexChecks says so
		}
		reach = builder(s)
		w.Reach = func(ctx context.Context, info engine.Info) []doctor.Check {
			return hostChecks(ctx, p, settings(s), info)
		}
		w.Image, w.Toolchain = cmp.Or(f.image, p.config.Image), p.judged(p.detection.Toolchain)
		for _, name := range f.needs(p) {
			w.Tools = append(w.Tools, doctor.Package{Name: name, Installs: slices.Concat(p.config.Setup, p.config.Prepare), Toolchain: w.Toolchain})
		}
	}
	w.Open = func(ctx context.Context) (engine.Engine, string, error) {
		at, err := f.owner(ctx, dir)
		if err != nil {
			return nil, "", err
		}
		return openEngine(ctx, f.engine, at.id, reach, logger)
	}
	return w
}

// needs returns the packages without which some suite does not run, in the
// frameworks' words.
func (f *placeFlags) needs(p *project) (names []string) {
	run := runFlags{placeFlags: *f, changed: func(string) bool { return false }}
	suites := p.config.SuiteNames()
	if len(suites) == 0 {
		suites = []string{""}
	}
	for _, suite := range suites {
		s, err := p.config.Suite(suite)
		if err != nil {
			continue // projectChecks says so
		}
		how, err := run.session(p, s, nil)
		if err != nil {
			continue // a run says so
		}
		for _, name := range how.Ensure {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// indexChecks names the settings that choose package indexes, without their values.
func indexChecks(p *project) []doctor.Check {
	if p == nil {
		return nil
	}
	s, err := p.reach()
	switch {
	case err != nil:
		return []doctor.Check{doctor.Fail("packages", "mend builder in shardyard.yaml, or the variable that is named", "%v", err)}
	case len(s.Why) == 0:
		return []doctor.Check{doctor.Good("packages", "the default index, no proxy and no certificates of this machine's")}
	}
	return []doctor.Check{doctor.Good("packages", "builders get %s", strings.Join(s.Why, "; "))}
}

// hostChecks looks whether the hosts answer from which dependencies are cloned, as a run
// does when it makes an environment.
func hostChecks(ctx context.Context, p *project, s orchestrator.BuilderSettings, info engine.Info) []doctor.Check {
	if !p.installsAsDetected() {
		return nil
	}
	remotes := s.Judged(p.detection.Remotes, info)
	checks := make([]doctor.Check, len(remotes))
	var all sync.WaitGroup
	for n, r := range remotes {
		all.Go(func() {
			checks[n] = doctor.Good("host", "%s answers, which %s:%d installs from", r.Host, r.File, r.Line)
			if why := orchestrator.Unreachable(ctx, r); why != "" {
				checks[n] = doctor.Warn("host", "connect the VPN; set HTTPS_PROXY, where a proxy leads there; or name a package in its place", "%s", why)
			}
		})
	}
	all.Wait()
	return checks
}

// historyChecks opens the history, and counts the project's runs.
func historyChecks(ctx context.Context, p *project, logger hclog.Logger) []doctor.Check {
	path := filepath.Join(stateDir(), "history.db")
	if _, err := os.Stat(path); err != nil {
		return []doctor.Check{doctor.Good("history", "there is none yet: the first run makes %s", path)}
	}
	n, last, err := countRuns(ctx, path, p, logger)
	if err != nil {
		return []doctor.Check{doctor.Warn("history", "move "+path+" away: runs work without it, unbalanced by time", "%v", err)}
	}
	found := path + " knows " + report.Count(n, "run", "runs") + " of this project"
	if !last.IsZero() {
		found += ", the last at " + last.Local().Format(time.DateTime)
	}
	return []doctor.Check{doctor.Good("history", "%s", found)}
}

// countRuns returns the number of the project's recorded runs, over all its suites,
// and the time of the last one.
func countRuns(ctx context.Context, path string, p *project, logger hclog.Logger) (n int, last time.Time, err error) {
	db, err := history.Open(ctx, path, logger.Named("history"))
	if err != nil {
		return 0, last, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if p == nil {
		return 0, last, nil
	}
	for _, suite := range append(p.config.SuiteNames(), "") {
		infos, err := db.Runs(ctx, history.Key(p.id.ID, suite), 0)
		if err != nil {
			return 0, last, err
		}
		if n += len(infos); len(infos) > 0 && infos[0].StartedAt.After(last) {
			last = infos[0].StartedAt
		}
	}
	return n, last, nil
}

// showChecks prints a line for each check, and another for its fix.
func showChecks(checks []doctor.Check, out io.Writer, color bool) {
	marks := map[doctor.Mark]string{doctor.Fine: "✓", doctor.Warning: "!", doctor.Failed: "✗"}
	if color {
		marks = map[doctor.Mark]string{
			doctor.Fine: "\x1b[32m✓\x1b[0m", doctor.Warning: "\x1b[33m!\x1b[0m", doctor.Failed: "\x1b[31m✗\x1b[0m",
		}
	}
	for _, c := range checks {
		fmt.Fprintf(out, " %s %-9s %s\n", marks[c.Mark], c.Name, strings.ReplaceAll(c.Found, "\n", "\n             "))
		if c.Fix != "" {
			fmt.Fprintf(out, "   %-9s fix: %s\n", "", c.Fix)
		}
	}
}
