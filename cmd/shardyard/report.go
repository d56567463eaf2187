package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/console"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

func newReportCommand() *cobra.Command {
	var dir string
	var colors palette
	var asJSON, list bool
	var lists reportLists
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Print the verdict and the failures of a run again",
		Long: `Prints the failures and the closing lines of a run in .shardyard/runs: the latest, or the one with this id or the
beginning of it. A run that was cut off is shown as far as its log goes; one that still
goes on is followed to its end. When the run's wall clock had been predicted, a
table says what made the difference, for each worker and in the mean of all; docs/run-json.md explains its columns.

Exit status: the run's own with --exit-code, else 0.`,
		Example: `  shardyard report
  shardyard report --list
  shardyard report --slow=10
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
		if err := colors.check(); err != nil {
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
		run, err := findRun(store, args)
		if err != nil {
			return err
		}
		if !asJSON && !lists.any() && run.Alive() {
			if err := follow(cmd.Context(), run, cmd.OutOrStdout(), colors.colored()); err != nil {
				return err
			}
			settled(cmd.Context(), run)
		}
		rep, err := run.Read()
		if err != nil {
			return infraError{err}
		}
		if lists.any() {
			err = lists.show(rep, asJSON, cmd.OutOrStdout())
		} else if asJSON {
			err = rep.WriteJSON(jsonTo(cmd.OutOrStdout()))
		} else {
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
	cmd.Flags().BoolVar(&list, "list", false, "list the runs, newest first")
	cmd.Flags().BoolVar(&code, "exit-code", false, "exit as the run did")
	lists.register(cmd)
	return cmd
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
	for _, line := range console.Closing(rep, []string{"results in " + run.Dir}, color) {
		fmt.Fprintln(out, line)
	}
	return nil
}
