package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/ci"
	"github.com/shardyard/shardyard/orchestrator/report/console"
	"github.com/shardyard/shardyard/orchestrator/report/telemetry"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

func newRunCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [suite] [-- args]",
		Short: "Run a suite on N workers and give one verdict",
		Long: `Runs a suite of the project that the current directory is in: the suite with that name, or every suite in turn, or
the whole project where the config names none. What follows -- goes to the suite's framework. Results are in .shardyard/runs/latest;
those of the last 50 runs, and of the last two weeks, are kept.

Exit status: 0 green, 1 tests failed, 2 usage or config, 3 infrastructure, not-run tests or incomplete coverage,
4 nothing to test, 5 a gate failed (coverage under its limit, flaky when asked), 130 or 143 interrupted.

Where OTEL_EXPORTER_OTLP_ENDPOINT is set, a trace and the measures of the run are sent there behind its end.`,
		Example: `  shardyard run -w 4
  shardyard run unit --cov=mypackage
  shardyard run -w auto --retries 1 --fail-on flaky
  shardyard run -- -m "not slow" tests/api
  shardyard run --rev HEAD~1 --engine process`,
		RunE: func(cmd *cobra.Command, args []string) error {
			suite, rest, err := splitArgs(cmd, args)
			if err != nil {
				return err
			}
			f.args = rest
			return f.run(cmd.Context(), suite, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.registerAll(cmd)
	return cmd
}

// splitArgs separates the suite's name from what follows --.
func splitArgs(cmd *cobra.Command, args []string) (suite string, rest []string, err error) {
	before := args
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		before, rest = args[:n], args[n:]
	}
	switch len(before) {
	case 0:
		return "", rest, nil
	case 1:
		return before[0], rest, nil
	}
	return "", nil, fmt.Errorf("a run takes one suite: write the framework's arguments after --, as in `shardyard %s -- %s`", cmd.Name(), before[1])
}

// run runs one suite, or all of them, and gives the exit code that weighs most.
// The last lines of the last run are the last of all.
func (f *runFlags) run(ctx context.Context, suite string, out, errOut io.Writer) error {
	defer outlivePipes()()
	logger, err := f.logger()
	if err != nil {
		return err
	}
	if err := traceFile(f.trace).check(); err != nil {
		return err
	}
	p, err := loadProject(ctx, f.dir, f.config)
	if err != nil {
		return err
	}
	names := []string{suite}
	if all := p.config.SuiteNames(); suite == "" && len(all) > 0 {
		names = all
	}
	log := out
	if f.progress == "json" { // which only events may stand in
		log = errOut
	}
	job, err := ci.Open(f.ci, os.Getenv, raw(log))
	if err != nil {
		return err
	}
	defer job.Close()
	began := time.Now()
	collector, err := telemetry.Open(ctx, os.Getenv, version)
	warn(errOut, err)
	defer collector.Close()
	var reports []*report.Report
	for _, name := range names {
		f.close(reports, out)
		var rep *report.Report
		if rep, err = f.suite(ctx, p, name, out, logger); rep != nil {
			reports = append(reports, rep)
			leave(job, errOut, filepath.Join(runs.Of(p.dir).Dir(), rep.Run), rep)
		}
		if err != nil || ctx.Err() != nil {
			break
		}
	}
	tell(ctx, job, errOut, reports...)
	p.hold(ctx, began, reports, log, logger)
	f.close(reports, out)
	warn(errOut, f.left.fill(ctx))
	traced := traceFile(f.trace).write(reports...)
	warn(errOut, collector.Send(ctx, reports...))
	if code := report.Worst(reports...); err == nil && code != report.ExitGreen {
		warn(errOut, traced)
		return exit(code)
	}
	return errors.Join(err, traced)
}

// tell reports the runs to the CI system. An error there does not fail a run.
func tell(ctx context.Context, job *ci.Job, errOut io.Writer, reports ...*report.Report) {
	warn(errOut, job.Tell(ctx, reports...))
}

// leave puts the CI system's files into the directory of a run. An error there does not
// fail a run.
func leave(job *ci.Job, errOut io.Writer, dir string, rep *report.Report) {
	warn(errOut, job.Write(dir, rep))
}

// warn says an error that does not fail a run.
func warn(errOut io.Writer, err error) {
	if err != nil {
		fmt.Fprintln(errOut, "shardyard: "+err.Error())
	}
}

// suite returns one run.
func (f *runFlags) suite(ctx context.Context, p *project, name string, out io.Writer, logger hclog.Logger) (rep *report.Report, err error) {
	req, err := f.request(ctx, p, name)
	if err != nil {
		return nil, err
	}
	if err := p.collectable(&f.placeFlags, req.Session.Args); err != nil {
		return nil, err
	}
	eng, why, err := f.open(ctx, p, &req, logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, broken(eng.Close())) }()
	console, stop, err := f.console(ctx, out)
	if err != nil {
		return nil, err
	}
	defer stop()
	store := runs.Of(p.dir)
	results, err := store.Make(req.RunID)
	if err != nil {
		return nil, infraError{err}
	}
	req.Out = results.Dir
	release, err := results.Hold()
	if err != nil {
		return nil, infraError{err}
	}
	defer func() { err = errors.Join(err, broken(release())) }()
	if err := store.Sweep(); err != nil {
		logger.Warn("going on with what earlier runs left behind", "error", err)
	}
	db := openHistory(ctx, p.id, logger)
	if db != nil {
		defer func() { err = errors.Join(err, broken(db.Close())) }()
		learn(ctx, store, db, logger)
	}
	logs := results.WorkerLogs()
	defer func() { err = errors.Join(err, broken(logs.Close())) }()
	deps := orchestrator.Deps{
		Engine: eng, Framework: description(req.Session.Framework), Sinks: []orchestrator.Sink{console, logs}, Terminal: console, Logger: logger, Now: time.Now,
		Notes: p.notes(why), Desk: p.desk(),
		Leave: func(r orchestrator.Reserve) { f.keep(p, req.Scope, r) },
	}
	if db != nil {
		deps.History = db
	}
	rep, err = orchestrator.Run(ctx, req, deps)
	stop()
	if err != nil {
		return nil, infraError{err}
	}
	addBefore(context.WithoutCancel(ctx), db, history.Key(req.ProjectID, req.Suite), rep, logger)
	if err := results.Finish(rep); err != nil { // the verdict is known all the same
		rep.Unwritten(err)
	}
	if req.CI {
		(&pageMaker{run: results, rep: rep, project: p.dir, db: db}).leave(ctx, logger)
	}
	expire(store, logger)
	return rep, nil
}

// close prints the last lines of the latest run, if there is one.
func (f *runFlags) close(reports []*report.Report, out io.Writer) {
	if f.progress == "json" || len(reports) == 0 {
		return
	}
	rep := reports[len(reports)-1]
	for _, line := range console.Closing(rep, next(rep), f.colored()) {
		fmt.Fprintln(out, line)
	}
}
