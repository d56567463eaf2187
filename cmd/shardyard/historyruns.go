package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// A view of the history is a list of rows, for people and for programs.
type historyView struct {
	use, short, head string
	n                int // how many rows unless said
	// rows returns the lines of the table, and what is JSON.
	rows func(ctx context.Context, db *history.DB, key string, n int) (lines []string, doc any, err error)
}

// newHistoryViews returns the commands that list runs and tests.
func newHistoryViews() []*cobra.Command {
	var list []*cobra.Command
	for _, v := range []historyView{
		{"runs", "List the runs that the history knows, newest first", "RUN\tWHEN\tTOOK\tWORKERS\tTESTS\tFAILED\tFLAKY\tEXIT", 20, historyRuns},
		{"trend", "Show how wall clock, tests and coverage changed from run to run, oldest first", "WHEN\tCOMMIT\tTESTS\tFAILED\tCOVER\tPREDICTED\tTOOK\t", 30, historyTrend},
		{"flaky", "List tests that passed in some runs and failed in others, or did both in one", "RUNS\tFLAKY\tFAILED\tTEST", 0, historyFlaky},
		{"drift", "List tests that take longer, or shorter, than they used to, by half and 0.1 s", "WAS\tNOW\tCHANGE\tTEST", 20, historyDrift},
	} {
		list = append(list, v.command())
	}
	return list
}

func (v historyView) command() *cobra.Command {
	var f historyFlags
	n := v.n
	cmd := &cobra.Command{
		Use: v.use, Short: v.short, Args: cobra.NoArgs, Example: "  shardyard history " + v.use,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n < 0 {
				return fmt.Errorf("--number %d: write a number from 0 up; 0 is all", n)
			}
			return f.with(cmd.Context(), func(db *history.DB, key string, _ *project) error {
				lines, doc, err := v.rows(cmd.Context(), db, key, n)
				if err != nil {
					return infraError{err}
				}
				if f.json {
					return printJSON(cmd.OutOrStdout(), doc)
				}
				if len(lines) == 0 {
					fmt.Fprintln(cmd.ErrOrStderr(), "there is nothing to list: either no run has shown it, or the history of this project and suite is empty")
					return nil
				}
				return table(cmd.OutOrStdout(), v.head, lines)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().IntVarP(&n, "number", "n", v.n, "how many; 0 is all")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func table(out io.Writer, head string, lines []string) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
	return w.Flush()
}

// A timedRun is a run with its times in milliseconds.
type timedRun struct {
	history.RunInfo
	DurationMS  float64 `json:"duration_ms"`
	PredictedMS float64 `json:"predicted_ms,omitempty"`
}

func timed(list []history.RunInfo) []timedRun {
	rows := make([]timedRun, len(list))
	for i, r := range list {
		rows[i] = timedRun{r, millis(r.Duration), millis(r.Predicted)}
	}
	return rows
}

func historyRuns(ctx context.Context, db *history.DB, key string, n int) (lines []string, doc any, err error) {
	list, err := db.Runs(ctx, key, n)
	for _, r := range list {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d", r.ID, r.StartedAt.Local().Format(time.DateTime), report.Clock(r.Duration), r.Workers, r.Tests, r.Failed, r.Flaky, r.Exit))
	}
	return lines, timed(list), err
}

// trendBar is the width of the longest run's bar.
const trendBar = 30

func historyTrend(ctx context.Context, db *history.DB, key string, n int) (lines []string, doc any, err error) {
	newest, err := db.Runs(ctx, key, n)
	list := make([]history.RunInfo, 0, len(newest))
	longest := time.Duration(1)
	for i := range newest {
		list = append(list, newest[len(newest)-1-i])
		longest = max(longest, newest[i].Duration)
	}
	for _, r := range list {
		cover, predicted := "-", "-"
		if r.Coverage != nil {
			cover = report.Percent(*r.Coverage)
		}
		if r.Predicted > 0 {
			predicted = report.Clock(r.Predicted)
		}
		commit := r.Commit[:min(len(r.Commit), 12)]
		lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s", r.StartedAt.Local().Format(time.DateTime), cmp.Or(commit, "-"), r.Tests, r.Failed, cover, predicted,
			report.Clock(r.Duration), strings.Repeat("█", int(max(1, trendBar*r.Duration/longest)))))
	}
	return lines, timed(list), err
}

func historyFlaky(ctx context.Context, db *history.DB, key string, n int) (lines []string, doc any, err error) {
	marks, err := db.Outcomes(ctx, key, nil, "")
	list := first(history.Flaky(marks), n)
	for _, w := range list {
		lines = append(lines, fmt.Sprintf("%d\t%d\t%d\t%s", w.Runs, w.Flaky, w.Failed, report.Clean(string(w.Test))))
	}
	return lines, list, err
}

func historyDrift(ctx context.Context, db *history.DB, key string, n int) (lines []string, doc any, err error) {
	type row struct {
		Test string  `json:"test"`
		Was  float64 `json:"was_ms"`
		Now  float64 `json:"now_ms"`
	}
	marks, err := db.Outcomes(ctx, key, nil, "")
	rows := []row{}
	for _, d := range first(history.Drift(marks, report.Differ), n) {
		rows = append(rows, row{string(d.Test), millis(d.Was), millis(d.Now)})
		lines = append(lines, fmt.Sprintf("%s\t%s\t%+.3fs\t%s", short(d.Was), short(d.Now), (d.Now-d.Was).Seconds(), report.Clean(string(d.Test))))
	}
	return lines, rows, err
}

// first returns the first n of a list, never nil; n below 1 is all.
func first[T any](list []T, n int) []T {
	if list == nil {
		list = []T{}
	}
	if n > 0 && n < len(list) {
		return list[:n]
	}
	return list
}
