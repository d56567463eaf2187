package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/console"
	"github.com/shardyard/shardyard/orchestrator/report/junit"
	"github.com/shardyard/shardyard/orchestrator/runs"
	"github.com/shardyard/shardyard/worker/framework/pytest"
)

// combineFlags are the flags of combine.
type combineFlags struct {
	commonFlags
	plan      string
	out       string
	python    string
	failUnder float64
	json      bool

	limited bool // --cov-fail-under is given
}

func newCombineCommand() *cobra.Command {
	var f combineFlags
	cmd := &cobra.Command{
		Use:   "combine DIR...",
		Short: "Combine the results of shards that ran elsewhere into one verdict",
		Long: `For those who keep their own matrix of jobs: merges every JUnit file (*.xml) and every data file of coverage.py
(.coverage, .coverage.*) found in the directories, checks that what was planned was reported, and gives one verdict.

The plan is what "shardyard plan --json" wrote: --plan, or plan.json in one of the directories. Directories of
shardyard's own runs are taken too, and are their own plan.

Writes junit.xml, run.json, events.jsonl and coverage/ (.coverage with paths relative to the project, coverage.xml)
to .shardyard/runs/latest, or to --out. The time shown is that of the slowest shard's tests.

Exit status: 0 green, 1 tests failed, 2 usage, 3 a planned test was not reported or coverage is incomplete, 4 nothing
to combine, 5 coverage under its limit.`,
		Example: `  shardyard combine artifacts/                    one directory of each job below it
  shardyard combine --plan plan.json shard-*      and check that no planned test is missing
  shardyard combine artifacts --cov-fail-under 85 --out combined`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("which directories? name those with the shards' JUnit and coverage files, as in `shardyard combine artifacts/`")
			}
			return nil
		},
		ValidArgsFunction: directories,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.limited = cmd.Flags().Changed("cov-fail-under")
			return f.combine(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.plan, "plan", "", "what was planned: a file that plan --json wrote")
	flags.StringVarP(&f.out, "out", "o", "", "where the combined results go (default: a new run in .shardyard/runs)")
	flags.StringVar(&f.python, "python", "", "an interpreter with coverage.py (default: $VIRTUAL_ENV's, or python3)")
	flags.Float64Var(&f.failUnder, "cov-fail-under", 0, "fail when the combined coverage is below so many percent")
	flags.BoolVar(&f.json, "json", false, "print run.json instead of the closing lines")
	return cmd
}

// A combination is one combine at work.
type combination struct {
	*journal
	flags   *combineFlags
	dir     string // the project's
	found   partials
	runs    []pastRun
	planned []string // nil: not known
	limit   *float64
}

func (f *combineFlags) combine(ctx context.Context, dirs []string, out, errOut io.Writer) (err error) {
	c := combination{flags: f}
	if err := c.project(); err != nil {
		return err
	}
	if err := c.find(dirs); err != nil {
		return err
	}
	id := orchestrator.NewRunID(time.Now())
	results, err := f.place(c.dir, id)
	if err != nil {
		return infraError{err}
	}
	if c.journal, err = newJournal(results.Dir); err != nil {
		return infraError{err}
	}
	c.emit(report.RunStarted{Run: id, Version: version, Project: c.dir, Workers: len(c.found.junit), StartedAt: time.Now(), Framework: "pytest"})
	slowest, err := c.results()
	if err != nil {
		return infraError{errors.Join(err, c.close())}
	}
	if err := c.cover(ctx, errOut); err != nil {
		c.fault(err.Error())
	}
	rep, err := c.end(slowest)
	if err == nil {
		err = results.Finish(rep)
	}
	if err != nil {
		return infraError{err}
	}
	if f.json {
		err = rep.WriteJSON(out)
	} else {
		c.show(rep, results, out)
	}
	return errors.Join(err, exit(rep.Exit))
}

// project finds the directory that paths are relative to, and the limit of
// its config. A project needs neither config nor detection to be combined.
func (c *combination) project() (err error) {
	f := c.flags
	if c.dir, err = filepath.Abs(f.dir); err != nil {
		return err
	}
	file, found := f.config, f.config != ""
	if !found {
		if file, found, err = configs.Find(c.dir); err != nil {
			return err
		}
	}
	if found {
		config, err := configs.Load(file)
		if err != nil {
			return err
		}
		c.limit = config.Coverage.FailUnder
		if c.dir, err = filepath.Abs(filepath.Dir(file)); err != nil {
			return err
		}
	}
	if f.limited {
		if f.failUnder < 0 || f.failUnder > 100 {
			return fmt.Errorf("--cov-fail-under %g: a percentage from 0 to 100", f.failUnder)
		}
		c.limit = &f.failUnder
	}
	return nil
}

// find looks for everything that is to be combined.
func (c *combination) find(dirs []string) (err error) {
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil {
			return fmt.Errorf("%w: name the directories that the shards' results were downloaded to", err)
		} else if !info.IsDir() {
			return fmt.Errorf("%s is not a directory: name the directories with the shards' results", dir)
		}
	}
	skip := []string{filepath.Join(c.dir, ".shardyard")}
	if c.flags.out != "" {
		out, err := filepath.Abs(c.flags.out)
		if err != nil {
			return err
		}
		skip = append(skip, out)
	}
	if c.found, err = findPartials(dirs, skip...); err != nil {
		return err
	}
	if c.runs, err = readRuns(c.found.runs); err != nil {
		return infraError{err}
	}
	plan := cmp.Or(c.flags.plan, c.found.plan)
	if plan != "" {
		if c.planned, err = readPlan(plan); err != nil {
			return err
		}
	} else if len(c.found.junit) > 0 {
		c.planned = plannedBy(c.runs, c.found.junit)
	}
	if len(c.found.junit) == 0 && len(c.planned) == 0 {
		fmt.Fprintf(os.Stderr, "shardyard: nothing to combine: there is no JUnit file (*.xml) in %s; pytest writes one with --junitxml=FILE\n",
			list(dirs))
		return exit(report.ExitEmpty)
	}
	return nil
}

// results merges the JUnit files, and tells the outcome. slowest is the time
// of the shard that took longest.
func (c *combination) results() (slowest time.Duration, err error) {
	to, err := os.Create(filepath.Join(c.out, "junit.xml"))
	if err != nil {
		return 0, fmt.Errorf("write results: %w", err)
	}
	sources := c.sound()
	merged, err := junit.Merge(to, sources...)
	if err := errors.Join(err, to.Close()); err != nil {
		return 0, err
	}
	times := make([]time.Duration, len(sources))
	for _, x := range merged.Cases {
		times[x.Source] += x.Time
		slowest = max(slowest, times[x.Source])
	}
	if c.planned == nil {
		c.emit(report.Note{Level: report.Warning, Text: "no plan: that every test was reported is not checked " +
			"(`shardyard plan --json >plan.json` in the job before the shards, and --plan plan.json here)"})
	}
	merged.Events(c.planned, c.emit)
	for _, r := range c.runs {
		if why := r.trouble(); why != "" {
			c.fault(why)
		}
		for _, t := range r.rep.Tests {
			if t.Verdict == report.NotRun {
				c.emit(report.Judged{Test: t.Test, Verdict: report.NotRun, Reason: t.Reason})
			}
		}
	}
	return slowest, nil
}

// sound are the JUnit files that can be read. The others are faults: what
// they would have said is missing.
func (c *combination) sound() []junit.Source {
	var sources []junit.Source
	for _, path := range c.found.junit {
		src := junit.Source{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
		if err := readable(src); err != nil {
			c.fault(fmt.Sprintf("%s cannot be read: %v; a shard that was cut off leaves such a file: run that shard again", path, err))
			continue
		}
		sources = append(sources, src)
	}
	return sources
}

func readable(src junit.Source) (err error) {
	f, err := src.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return junit.Read(f, func(junit.Case) error { return nil })
}

func (c *combination) fault(text string) {
	c.emit(report.Fault{Kind: report.Infrastructure, Text: text})
}

// cover combines the coverage data, when there is any.
func (c *combination) cover(ctx context.Context, errOut io.Writer) error {
	if len(c.found.coverage) == 0 {
		if c.limit != nil {
			c.emit(report.Covered{FailUnder: *c.limit, Reason: "there is a limit, and no data file (.coverage) in the directories: " +
				"upload it from every shard (it is a hidden file, which some uploaders leave out)"})
		}
		return nil
	}
	out := filepath.Join(c.out, "coverage")
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	python, err := c.flags.interpreter()
	if err != nil {
		return err
	}
	how := pytest.Combination{Python: python, Source: c.dir, Out: out, Names: c.found.coverage, Missing: c.missing(), FailUnder: c.limit}
	for _, path := range c.found.coverage {
		abs, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		how.Files = append(how.Files, abs)
	}
	// What coverage.py says besides the data is no result.
	summary, err := pytest.Combine(ctx, how, func(p []byte) { _, _ = errOut.Write(p) })
	if errors.Is(err, pytest.ErrNoCoverage) {
		return fmt.Errorf("combine coverage: %s has no coverage.py: install it (%s -m pip install coverage), "+
			"or name the interpreter that has the project's with --python", python, python)
	}
	if err != nil {
		return err
	}
	ev := report.Covered{Percent: summary.Percent, Complete: summary.Complete, Reason: summary.Reason}
	if summary.FailUnder != nil {
		ev.FailUnder = *summary.FailUnder
	}
	c.emit(ev)
	if !summary.RelativeFiles {
		c.emit(report.Note{Text: "for `coverage report` to find the sources of the combined data, the project's coverage configuration needs relative_files = true"})
	}
	return nil
}

// missing are reasons to think that a shard's coverage is not there.
func (c *combination) missing() []string {
	var reasons []string
	for _, dir := range c.found.bare {
		reasons = append(reasons, dir+" has results and no coverage data")
	}
	if n, of := len(c.found.coverage), len(c.found.junit); len(reasons) == 0 && n > 1 && n < of {
		reasons = append(reasons, fmt.Sprintf("there are %d data files for the results of %d shards", n, of))
	}
	return reasons
}

// interpreter is the Python whose coverage.py combines.
func (f *combineFlags) interpreter() (string, error) {
	if f.python == "" {
		if venv := os.Getenv("VIRTUAL_ENV"); venv != "" {
			if runtime.GOOS == "windows" {
				return filepath.Join(venv, "Scripts", "python.exe"), nil
			}
			return filepath.Join(venv, "bin", "python"), nil
		}
		return "python3", nil
	}
	if filepath.Base(f.python) != f.python {
		return filepath.Abs(f.python)
	}
	return f.python, nil
}

// place is where the results go.
func (f *combineFlags) place(dir, id string) (*runs.Run, error) {
	if f.out == "" {
		return runs.Of(dir).Make(id)
	}
	return runs.Elsewhere(f.out)
}

// show prints what a run would show in the end.
func (c *combination) show(rep *report.Report, at *runs.Run, out io.Writer) {
	for _, n := range rep.Notes {
		fmt.Fprintln(out, report.Clean(n.Text))
	}
	if n := len(c.planned); n > 0 {
		fmt.Fprintf(out, "%s of %s reported by %s\n", report.Number(rep.Totals.Judged()-rep.Totals.NotRun),
			report.Count(n, "planned test", "planned tests"), report.Count(len(c.found.junit), "shard", "shards"))
	}
	for _, line := range console.Closing(rep, []string{"results in " + at.Place()}, c.flags.colored(out)) {
		fmt.Fprintln(out, line)
	}
}
