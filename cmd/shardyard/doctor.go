package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/engine/docker"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
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
			logger, err := f.logger()
			if err != nil {
				return err
			}
			d := doctor{flags: &f, logger: logger}
			if err := d.examine(cmd.Context()); err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), map[string]any{"ok": !d.failed(), "checks": d.checks})
			} else {
				d.show(cmd.OutOrStdout(), f.colored(cmd.OutOrStdout()))
			}
			if err == nil && d.failed() {
				err = exit(report.ExitInfrastructure)
			}
			return err
		},
	}
	f.commonFlags.register(cmd)
	cmd.Flags().StringVar(&f.engine, "engine", "auto", "where workers would run: "+engineNames())
	cmd.Flags().StringVar(&f.image, "image", "", "the workers' image: a name, auto or host")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// A mark is how a check ended.
type mark string

const (
	fine    mark = "ok"
	warning mark = "warning"
	failure mark = "failed"
)

// A check is one thing that was looked at.
type check struct {
	Name  string `json:"name"`
	Mark  mark   `json:"mark"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"`
}

// A doctor looks at one thing after the other. What depends on something that
// failed is left out.
type doctor struct {
	flags   *placeFlags
	logger  hclog.Logger
	project *project
	checks  []check
}

func (d *doctor) good(name, format string, args ...any) {
	d.checks = append(d.checks, check{name, fine, fmt.Sprintf(format, args...), ""})
}

func (d *doctor) bad(m mark, name, fix, format string, args ...any) {
	d.checks = append(d.checks, check{name, m, fmt.Sprintf(format, args...), fix})
}

func (d *doctor) failed() bool {
	for _, c := range d.checks {
		if c.Mark == failure {
			return true
		}
	}
	return false
}

// examine does all checks. An error means that it was asked for something
// that does not exist, or that it was interrupted.
func (d *doctor) examine(ctx context.Context) error {
	dir, err := existing(d.flags.dir)
	if err != nil {
		return err
	}
	d.git(ctx, dir)
	d.detect(dir)
	if d.project != nil {
		dir = d.project.dir
	}
	if err := d.engine(ctx, dir); err != nil {
		return err
	}
	d.index()
	d.writable("results", filepath.Join(dir, ".shardyard"), "make the project's directory writable for this user")
	d.writable("state", stateDir(), "make it writable, or set XDG_STATE_HOME to a directory that is")
	d.writable("cache", cacheDir(), "make it writable, or set XDG_CACHE_HOME to a directory that is")
	d.history(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (d *doctor) git(ctx context.Context, dir string) {
	out, err := exec.CommandContext(ctx, "git", "--version").Output()
	if err != nil {
		d.bad(warning, "git", "install git: outside a repository it is not needed", "git cannot be run: %v", err)
		return
	}
	version := strings.TrimSpace(string(out))
	root, err := exec.CommandContext(ctx, "git", "-C", dir, "rev-parse", "--show-toplevel").CombinedOutput()
	switch text := strings.TrimSpace(string(root)); {
	case err == nil:
		d.good("git", "%s; the repository is %s", version, text)
	case strings.Contains(text, "dubious ownership"):
		d.bad(failure, "git", "git config --global --add safe.directory "+dir, "the repository belongs to another user, so that git refuses it")
	default:
		d.good("git", "%s; %s is in no repository: every file is part of the source", version, dir)
	}
}

func (d *doctor) detect(dir string) {
	p, err := loadProject(dir, d.flags.config)
	if err != nil {
		d.bad(failure, "project", "run it in the project's directory, mend the config (shardyard config verify), or write one (shardyard init)", "%v", err)
		return
	}
	d.project = p
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
	d.good("project", "%s", found)
	if p.detection.Python != "" {
		d.good("python", "%s is wanted", p.detection.Python)
	}
}

// engine checks the engine, and what runs get from it.
func (d *doctor) engine(ctx context.Context, dir string) (err error) {
	reach, err := d.reach()
	if err != nil {
		return nil // d.index says so
	}
	e, why, err := openEngine(ctx, d.flags.engine, dir, reach, d.logger)
	if err != nil {
		if errors.As(err, new(usageError)) {
			return err
		}
		d.bad(failure, "engine", engines.Advice(d.flags.engine), "%v", err)
		return nil
	}
	defer func() { err = errors.Join(err, infra(e.Close())) }()
	if why != "" {
		d.bad(warning, "engine", engines[0].Advice+", for workers that are isolated", "%s", why)
	}
	info, err := e.Info(ctx)
	if err != nil {
		d.bad(failure, "engine", engines.Advice(d.flags.engine), "%v", err)
		return nil
	}
	text := fmt.Sprintf("%s %s, %s, %d CPUs, %.1f GB", info.Name, info.Version, info.Platform, info.CPUs, float64(info.Memory)/1e9)
	if de, ok := e.(*docker.Engine); ok {
		d.good("engine", "%s, at %s", text, de.Address())
		d.dockerWays(ctx, de, info)
	} else if why == "" {
		d.good("engine", "%s; workers are not isolated from each other", text)
	}
	d.image(ctx, e)
	return nil
}

func (d *doctor) dockerWays(ctx context.Context, e *docker.Engine, info engine.Info) {
	if agent, err := docker.BesideExecutable(info.Platform); err != nil {
		d.bad(failure, "agent", "put the release's binary for "+info.Platform+" beside this program", "%v", err)
	} else {
		d.good("agent", "%s runs in %s workers", agent, info.Platform)
	}
	switch way, err := e.Way(ctx); {
	case err != nil:
		d.bad(failure, "source", "look at the engine's own log (journalctl -u docker)", "%v", err)
	case way == docker.Overlay:
		d.good("source", "workers share the tree by overlay volumes")
	default:
		d.bad(warning, "source", "a local engine on overlay2 starts workers faster", "workers get the tree as an image layer: it works, and is slower for large trees")
	}
}

func (d *doctor) image(ctx context.Context, e engine.Engine) {
	image, python := cmp.Or(d.flags.image, "auto"), ""
	if d.project != nil {
		image, python = cmp.Or(d.flags.image, d.project.config.Image), d.project.detection.Python
	}
	base, err := e.Base(ctx, image, python, func(string) {})
	if err != nil {
		d.bad(failure, "image", "write another image: to shardyard.yaml (host needs no registry), or use --engine process", "%s: %v", image, err)
		return
	}
	found := base.Image
	if base.Note != "" {
		found += " (" + base.Note + ")"
	}
	d.good("image", "%s, with the interpreter %s", found, base.Python)
	if d.project != nil {
		d.framework(ctx, base)
	}
}

// framework checks where pytest comes from.
func (d *doctor) framework(ctx context.Context, base engine.Base) {
	c := d.project.config
	switch {
	case len(c.Setup)+len(c.Prepare) > 0:
		d.good("pytest", "installed by %s", strings.Join(slices.Concat(c.Setup, c.Prepare), ", "))
	case !base.Host:
		d.good("pytest", "nothing is installed: the image must have it")
	default:
		out, err := exec.CommandContext(ctx, base.Python, "-c", "import pytest; print(pytest.__version__)").Output()
		if err != nil {
			d.bad(failure, "pytest", base.Python+" -m pip install pytest, or let setup in shardyard.yaml install it",
				"nothing is installed for the tests, and %s has no pytest", base.Python)
			return
		}
		d.good("pytest", "%s of %s", strings.TrimSpace(string(out)), base.Python)
	}
}

// index says where packages come from, by name and without values.
func (d *doctor) index() {
	if d.project == nil {
		return
	}
	s, err := d.project.reach()
	switch {
	case err != nil:
		d.bad(failure, "packages", "mend builder in shardyard.yaml, or the variable that is named", "%v", err)
	case len(s.Why) == 0:
		d.good("packages", "the default index, no proxy and no certificates of this machine's")
	default:
		d.good("packages", "%s", strings.Join(s.Why, "; "))
	}
}

// reach is what builders get; nothing without a project.
func (d *doctor) reach() (engine.BuilderOptions, error) {
	if d.project == nil {
		return engine.BuilderOptions{}, nil
	}
	s, err := d.project.reach()
	return builder(s), err
}

// writable tries to write below a directory, and leaves nothing new behind but
// directories that a run makes too.
func (d *doctor) writable(name, dir, fix string) {
	at := dir
	for {
		if _, err := os.Stat(at); err == nil || filepath.Dir(at) == at {
			break
		}
		at = filepath.Dir(at)
	}
	f, err := os.CreateTemp(at, ".shardyard-doctor-")
	if err == nil {
		_, err = f.WriteString("x")
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		d.bad(failure, name, fix, "%s cannot be written: %v", dir, err)
		return
	}
	d.good(name, "%s can be written", dir)
}

func (d *doctor) history(ctx context.Context) {
	path := filepath.Join(stateDir(), "history.db")
	if _, err := os.Stat(path); err != nil {
		d.good("history", "there is none yet: the first run makes %s", path)
		return
	}
	db, err := history.Open(ctx, path, d.logger.Named("history"))
	if err != nil {
		d.bad(warning, "history", "move "+path+" away: runs work without it, unbalanced by time", "%v", err)
		return
	}
	runs := 0
	last := ""
	if d.project != nil {
		for _, suite := range append(d.project.config.SuiteNames(), "") {
			infos, err := db.Runs(ctx, history.Key(d.project.dir, suite), 0)
			if err != nil {
				d.bad(warning, "history", "move "+path+" away: runs work without it, unbalanced by time", "%v", errors.Join(err, db.Close()))
				return
			}
			if runs += len(infos); len(infos) > 0 && last == "" {
				last = ", the last at " + infos[0].StartedAt.Local().Format(time.DateTime)
			}
		}
	}
	if err := db.Close(); err != nil {
		d.bad(warning, "history", "move "+path+" away: runs work without it, unbalanced by time", "%v", err)
		return
	}
	d.good("history", "%s knows %s of this project%s", path, report.Count(runs, "run", "runs"), last)
}

func (d *doctor) show(out io.Writer, color bool) {
	marks := map[mark]string{fine: "✓", warning: "!", failure: "✗"}
	if color {
		marks = map[mark]string{fine: "\x1b[32m✓\x1b[0m", warning: "\x1b[33m!\x1b[0m", failure: "\x1b[31m✗\x1b[0m"}
	}
	for _, c := range d.checks {
		fmt.Fprintf(out, " %s %-9s %s\n", marks[c.Mark], c.Name, strings.ReplaceAll(c.Found, "\n", "\n             "))
		if c.Fix != "" {
			fmt.Fprintf(out, "   %-9s fix: %s\n", "", c.Fix)
		}
	}
}
