package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

func newHistoryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Look at, import and export how long tests took and how they ended",
		Long: `Every run leaves the times and outcomes of its tests to later ones, which are planned from them. The history is kept on
this machine, for each project and suite.`,
		Example: `  shardyard history slowest -n 20
  shardyard history show tests/test_api.py::test_login
  shardyard history import .test_durations
  shardyard history export --format pytest-split -o .test_durations`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newHistoryShowCommand(), newHistorySlowestCommand(), newHistoryImportCommand(), newHistoryExportCommand())
	cmd.AddCommand(newHistoryViews()...)
	return cmd
}

// historyFlags are those of every history command.
type historyFlags struct {
	projectFlags
	logbook
	suite string
	json  bool
}

func (f *historyFlags) register(cmd *cobra.Command) {
	f.projectFlags.register(cmd)
	f.logbook.register(cmd)
	cmd.Flags().StringVarP(&f.suite, "suite", "s", "", "the suite, where the config names several")
}

// open returns the project's history, and its key there.
func (f *historyFlags) open(ctx context.Context) (db *history.DB, key string, p *project, err error) {
	logger, err := f.logger()
	if err != nil {
		return nil, "", nil, err
	}
	if p, err = loadProject(ctx, f.dir, f.config); err != nil {
		return nil, "", nil, err
	}
	suite, err := p.config.Suite(f.suite)
	if err != nil {
		return nil, "", nil, fmt.Errorf("%w (--suite)", err)
	}
	db, err = history.Open(ctx, filepath.Join(stateDir(), "history.db"), logger.Named("history"))
	if err != nil {
		return nil, "", nil, infraError{fmt.Errorf("open the history: %w", err)}
	}
	if err := db.Adopt(ctx, p.id.ID, p.id.Before...); err != nil {
		return nil, "", nil, infraError{errors.Join(err, db.Close())}
	}
	return db, history.Key(p.id.ID, suite.Name), p, nil
}

// with runs do on the project's history.
func (f *historyFlags) with(ctx context.Context, do func(db *history.DB, key string, p *project) error) error {
	db, key, p, err := f.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(db, key, p), db.Close())
}

func newHistoryShowCommand() *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:     "show TEST",
		Short:   "Print what is known of one test, oldest first",
		Example: `  shardyard history show 'tests/test_api.py::test_login[admin]'`,
		Args:    oneArgument("which test? give its id, as `shardyard history slowest` prints it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd.Context(), func(db *history.DB, key string, _ *project) error {
				file, records, err := db.Show(cmd.Context(), key, worker.TestID(args[0]))
				if errors.Is(err, history.ErrUnknownTest) {
					return unknownTest(cmd.Context(), db, key, args[0])
				}
				if err != nil {
					return infraError{err}
				}
				if f.json {
					return recordsJSON(cmd.OutOrStdout(), args[0], file, records)
				}
				return recordsTable(cmd.OutOrStdout(), records)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func oneArgument(hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return errors.New(hint)
		}
		return nil
	}
}

// unknownTest names tests that may have been meant.
func unknownTest(ctx context.Context, db *history.DB, key, id string) error {
	all, err := db.Slowest(ctx, key, 0)
	if err != nil {
		return infraError{err}
	}
	if len(all) == 0 {
		return errors.New("the history of this project and suite is empty: fill it with `shardyard run` or `shardyard history import`")
	}
	var near []string
	for _, s := range all {
		if strings.Contains(string(s.Test), id) && len(near) < 5 {
			near = append(near, string(s.Test))
		}
	}
	if len(near) == 0 {
		return fmt.Errorf("no test %q in the history: shardyard history slowest -n 0 lists all %s", id, report.Number(len(all)))
	}
	return fmt.Errorf("no test %q in the history: did you mean\n  %s", id, strings.Join(near, "\n  "))
}

func recordsTable(out io.Writer, records []history.Record) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tWHEN\tOUTCOME\tSETUP\tCALL\tTEARDOWN\tWORKER")
	for _, r := range records {
		when := "-"
		if !r.In.StartedAt.IsZero() {
			when = r.In.StartedAt.Local().Format(time.DateTime)
		}
		outcome := string(r.Outcome)
		if r.Tentative {
			outcome += " (tentative)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cmp.Or(r.In.ID, "-"), when, outcome,
			short(r.Setup), short(r.Call), short(r.Teardown), report.WorkerName(r.Worker))
	}
	return w.Flush()
}

// short returns a test's time for a table.
func short(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

func recordsJSON(out io.Writer, id, file string, records []history.Record) error {
	type sample struct {
		Run       string         `json:"run,omitempty"`
		StartedAt time.Time      `json:"started_at,omitzero"`
		Outcome   worker.Outcome `json:"outcome"`
		Setup     float64        `json:"setup_ms"`
		Call      float64        `json:"call_ms"`
		Teardown  float64        `json:"teardown_ms"`
		Worker    int            `json:"worker"`
		Attempt   int            `json:"attempt"`
		Tentative bool           `json:"tentative,omitempty"`
	}
	samples := []sample{}
	for _, r := range records {
		samples = append(samples, sample{
			r.In.ID, r.In.StartedAt, r.Outcome, millis(r.Setup), millis(r.Call), millis(r.Teardown), r.Worker, r.Attempt, r.Tentative,
		})
	}
	return printJSON(out, map[string]any{"test": id, "file": file, "samples": samples})
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func newHistorySlowestCommand() *cobra.Command {
	var f historyFlags
	var n int
	cmd := &cobra.Command{
		Use:     "slowest",
		Short:   "Print the tests with the longest median time",
		Example: `  shardyard history slowest -n 20 --json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd.Context(), func(db *history.DB, key string, _ *project) error {
				list, err := db.Slowest(cmd.Context(), key, n)
				if err != nil {
					return infraError{err}
				}
				if f.json {
					return slowestJSON(cmd.OutOrStdout(), list)
				}
				if len(list) == 0 {
					fmt.Fprintln(cmd.ErrOrStderr(), "the history of this project and suite is empty: shardyard run fills it")
					return nil
				}
				var lines []string
				for _, s := range list {
					lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%d\t%s", short(s.Median), short(s.Longest), s.Samples, s.Failed, report.Clean(string(s.Test))))
				}
				return table(cmd.OutOrStdout(), "MEDIAN\tLONGEST\tSAMPLES\tFAILED\tTEST", lines)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().IntVarP(&n, "number", "n", 10, "how many; 0 is all")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func slowestJSON(out io.Writer, list []history.Summary) error {
	type row struct {
		Test    worker.TestID  `json:"test"`
		File    string         `json:"file"`
		Median  float64        `json:"median_ms"`
		Longest float64        `json:"longest_ms"`
		Samples int            `json:"samples"`
		Failed  int            `json:"failed"`
		Last    worker.Outcome `json:"last"`
	}
	rows := []row{}
	for _, s := range list {
		rows = append(rows, row{s.Test, s.File, millis(s.Median), millis(s.Longest), s.Samples, s.Failed, s.Last})
	}
	return printJSON(out, rows)
}
