package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/ci"
	"github.com/shardyard/shardyard/orchestrator/report/console"
	"github.com/shardyard/shardyard/orchestrator/runs"
	"github.com/shardyard/shardyard/orchestrator/shards"
)

// combineFlags are the flags of combine.
type combineFlags struct {
	projectFlags
	palette
	plan      string
	out       string
	program   string
	failUnder float64
	json      bool
	ci        string

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
				return errors.New("combine needs the directories with the shards' JUnit and coverage files: name them, as in `shardyard combine artifacts/`")
			}
			return nil
		},
		ValidArgsFunction: directories,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.limited = cmd.Flags().Changed("cov-fail-under")
			return f.combine(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.projectFlags.register(cmd)
	f.palette.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.plan, "plan", "", "what was planned: a file that plan --json wrote")
	flags.StringVarP(&f.out, "out", "o", "", "where the combined results go (default: a new run in .shardyard/runs)")
	flags.StringVar(&f.program, "python", "", "an interpreter with coverage.py (default: $VIRTUAL_ENV's, or python3)")
	flags.Float64Var(&f.failUnder, "cov-fail-under", 0, "fail when the combined coverage is below so many percent")
	flags.StringVar(&f.ci, "ci", "auto", ciUsage)
	flags.BoolVar(&f.json, "json", false, "print run.json instead of the closing lines")
	return cmd
}

// combine finds the shards' results, and makes one run of them.
func (f *combineFlags) combine(ctx context.Context, dirs []string, out, errOut io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	project, limit, err := f.project()
	if err != nil {
		return err
	}
	by := combining()
	coverage := combined{Combiner: by.combiner, project: project, program: f.program, say: errOut}
	search := shards.Search{Dirs: dirs, Plan: f.plan, Skip: []string{filepath.Join(project, ".shardyard")}, Coverage: coverage.Holds}
	if f.out != "" {
		to, err := filepath.Abs(f.out)
		if err != nil {
			return err
		}
		search.Skip = append(search.Skip, to)
	}
	found, err := shards.Find(search)
	if errors.Is(err, shards.ErrNothing) {
		return emptyError{err}
	}
	if err != nil {
		return err
	}
	id := orchestrator.NewRunID(time.Now())
	results, err := f.place(project, id)
	if err != nil {
		return infraError{err}
	}
	log := out
	if f.json { // which only run.json may stand in
		log = errOut
	}
	job, err := ci.Open(f.ci, os.Getenv, raw(log))
	if err != nil {
		return err
	}
	defer job.Close()
	rep, err := found.Combine(ctx, shards.Job{
		Started: report.RunStarted{Run: id, Version: version, Project: project, StartedAt: time.Now(), Framework: by.Name()},
		Out:     results, Limit: limit, Combiner: coverage,
	})
	if err != nil {
		return infraError{err}
	}
	leave(job, errOut, results.Dir, rep)
	tell(ctx, job, errOut, rep)
	if f.json {
		err = rep.WriteJSON(jsonTo(out))
	} else {
		f.show(rep, found, results, out)
	}
	return errors.Join(err, exit(rep.Exit))
}

// project returns the directory that paths are relative to, and the limit of
// coverage. A project needs neither config nor detection to be combined.
func (f *combineFlags) project() (dir string, limit *float64, err error) {
	if dir, err = filepath.Abs(f.dir); err != nil {
		return "", nil, err
	}
	file, found := f.config, f.config != ""
	if !found {
		if file, found, err = configs.Find(dir); err != nil {
			return "", nil, err
		}
	}
	if found {
		config, err := configs.Load(file, descriptions())
		if err != nil {
			return "", nil, err
		}
		limit = config.Coverage.FailUnder
		if dir, err = filepath.Abs(filepath.Dir(file)); err != nil {
			return "", nil, err
		}
	}
	if f.limited {
		if err := percentage(f.failUnder); err != nil {
			return "", nil, err
		}
		limit = &f.failUnder
	}
	return dir, limit, nil
}

// place returns where the results go.
func (f *combineFlags) place(dir, id string) (*runs.Run, error) {
	if f.out == "" {
		return runs.Of(dir).Make(id)
	}
	return runs.Elsewhere(f.out)
}

// show prints what a run would show in the end.
func (f *combineFlags) show(rep *report.Report, found *shards.Found, at *runs.Run, out io.Writer) {
	for _, n := range rep.Notes {
		fmt.Fprintln(out, report.Clean(n.Text))
	}
	if n := len(found.Planned); n > 0 {
		fmt.Fprintf(out, "%s of %s reported by %s\n", report.Number(rep.Totals.Judged()-rep.Totals.NotRun),
			report.Count(n, "planned test", "planned tests"), report.Count(len(found.JUnit), "shard", "shards"))
	}
	for _, line := range console.Closing(rep, []string{"results in " + at.Place()}, f.colored()) {
		fmt.Fprintln(out, line)
	}
}
