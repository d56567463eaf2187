package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/internal/shell"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/console"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

func newReportCommand() *cobra.Command {
	var dir string
	var colors palette
	var asJSON, list, open bool
	var html, traced string
	var lists reportLists
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Print the verdict and the failures of a run again",
		Long: `Prints the failures and the closing lines of a run in .shardyard/runs: the newest that still goes on, else the
latest, or the one with this id or the beginning of it. A run that was cut off is shown as far as its log goes; one that still
goes on is followed to its end, which Ctrl-C here does not change.
When the run's wall clock had been predicted, a table says what made the difference, for each worker and in the mean of all;
docs/run-json.md explains its columns.

--html writes a page of the run, one file that needs no network: failures with their past, what each worker did when, where
the time went, all tests, coverage with its sources. --open shows it in the browser. Where CI is set a run writes it by itself,
as report.html beside its run.json. With --json or a list of tests, that is printed besides; else where the page is.

Exit status: the run's own with --exit-code, else 0.`,
		Example: `  shardyard report
  shardyard report --list
  shardyard report --slow=10
  shardyard report --open
  shardyard report 20261124-0308 --json | jq .totals`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("report shows one run at a time: `shardyard report --list` lists them")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			ids, _ := nearestRuns(dir).List() // nothing to complete with
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
	}
	var code bool
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := errors.Join(colors.check(), traceFile(traced).check()); err != nil {
			return err
		}
		dir, err := existing(dir)
		if err != nil {
			return err
		}
		store := nearestRuns(dir)
		if list {
			return listRuns(store, cmd.OutOrStdout())
		}
		follows := !asJSON && !lists.any() && html == "" && traced == "" && !open
		var run *runs.Run
		if follows && len(args) == 0 {
			run, err = store.Running()
		}
		if run == nil && err == nil {
			run, err = findRun(store, args)
		}
		if err != nil {
			return err
		}
		if follows && run.Alive() {
			if err := follow(cmd.Context(), run, cmd.OutOrStdout(), colors.colored()); err != nil {
				return err
			}
			settled(cmd.Context(), run)
		}
		rep, err := run.Read()
		if err != nil {
			return infraError{err}
		}
		if html != "" || open {
			html, err = writePage(cmd, &pageMaker{run: run, rep: rep, project: store.Project()}, html, open)
		}
		switch {
		case err != nil:
			err = infra(err)
		case traced != "":
			err = traceFile(traced).write(rep)
		case lists.any():
			err = lists.show(rep, asJSON, cmd.OutOrStdout())
		case asJSON:
			err = rep.WriteJSON(jsonTo(cmd.OutOrStdout()))
		case html != "":
			fmt.Fprintln(cmd.OutOrStdout(), html)
		default:
			err = infra(showReport(rep, run, colors.colored(), cmd.OutOrStdout()))
		}
		if err == nil && code {
			err = exit(rep.Exit)
		}
		return err
	}
	directoryFlag(cmd, &dir)
	colors.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print run.json")
	cmd.Flags().StringVar(&html, "html", "", "write the run's page to this file")
	cmd.Flags().StringVar(&traced, "trace", "", traceUsage)
	cmd.Flags().BoolVar(&open, "open", false, "show the run's page in the browser; without --html it is written into the run's directory")
	cmd.Flags().BoolVar(&list, "list", false, "list the runs, newest first")
	cmd.Flags().BoolVar(&code, "exit-code", false, "exit as the run did")
	lists.register(cmd)
	for _, other := range []string{"html", "open", "json", "list", "failed", "flaky", "slow", "metrics"} {
		cmd.MarkFlagsMutuallyExclusive("trace", other) // it prints nothing
	}
	return cmd
}

// writePage writes a run's page, to its own directory where no file is named, may open
// it, and returns where it is. Without a history the page says nothing of earlier runs.
func writePage(cmd *cobra.Command, m *pageMaker, to string, open bool) (path string, err error) {
	if to == "" {
		to = m.run.Path(pageFile)
	}
	logger := hclog.New(&hclog.LoggerOptions{Output: cmd.ErrOrStderr(), Level: hclog.Warn})
	at, err := (&projectFlags{}).owner(cmd.Context(), m.project)
	if err != nil {
		return "", err
	}
	if m.db = openHistory(cmd.Context(), at.id, logger); m.db != nil {
		defer func() { err = errors.Join(err, m.db.Close()) }()
	}
	if err := m.write(cmd.Context(), to); err != nil {
		return "", err
	}
	if open {
		return to, browse(cmd.Context(), to)
	}
	return to, nil
}

func listRuns(store runs.Store, out io.Writer) error {
	ids, err := store.List()
	if err != nil {
		return infraError{err}
	}
	for _, id := range ids {
		run, err := store.Find(id)
		var rep *report.Report
		if err == nil {
			rep, err = run.Read()
		}
		if err != nil {
			fmt.Fprintf(out, "%s  cannot be read: %v\n", id, err)
			continue
		}
		fmt.Fprintf(out, "%s  %s\n", id, console.Closing(rep, nil, false)[0])
	}
	return nil
}

// showReport prints each failure as the framework did, then the forecast with the
// actual times, then the closing lines.
func showReport(rep *report.Report, run *runs.Run, color bool, out io.Writer) error {
	failures, err := run.Failures()
	if err != nil {
		return err
	}
	for _, f := range failures {
		fmt.Fprintf(out, "____ %s ____\n", report.Clean(f.Test))
		for line := range strings.Lines(strings.TrimRight(f.Text, "\n") + "\n") {
			fmt.Fprintln(out, report.Clean(strings.TrimRight(line, "\r\n")))
		}
		fmt.Fprintln(out)
	}
	if rep.Forecast != nil {
		for _, line := range append(console.Forecast(rep.Forecast), "") {
			fmt.Fprintln(out, line)
		}
	}
	for _, line := range again(rep) {
		fmt.Fprintln(out, line)
	}
	for _, line := range console.Closing(rep, []string{"results in " + run.Dir}, color) {
		fmt.Fprintln(out, line)
	}
	return nil
}

// again returns the commands that run failed tests of the run once more, alone.
func again(rep *report.Report) (lines []string) {
	for i := range rep.Tests {
		if t := &rep.Tests[i]; t.Verdict == report.Fail && len(lines) < console.MaxFailures && report.Clean(t.Test) == t.Test {
			lines = append(lines, "again  shardyard rerun "+rep.Run+" "+shell.Word(t.Test))
		}
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	return lines
}
