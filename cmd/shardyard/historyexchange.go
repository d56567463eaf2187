package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/junit"
	"github.com/shardyard/shardyard/worker"
)

func newHistoryImportCommand() *cobra.Command {
	var f historyFlags
	var format string
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take in times that another tool measured",
		Long: `Takes times in, as one more sample of each test: pytest-split's .test_durations, knapsack's report (times of files, spread
over the tests that are known there), JUnit files, and what export writes. The first run is then planned from them.`,
		Example: `  shardyard history import .test_durations
  shardyard history import --format knapsack knapsack_report.json
  shardyard history import artifacts/*/junit.xml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("import needs a file: name one, as in `shardyard history import .test_durations`")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd.Context(), func(db *history.DB, key string, p *project) error {
				for _, path := range args {
					list, err := timings(path, format, p.dir)
					if err != nil {
						return err
					}
					n, err := db.Import(cmd.Context(), key, list)
					if err != nil {
						return infraError{fmt.Errorf("import %s: %w", path, err)}
					}
					fmt.Fprintf(cmd.OutOrStdout(), "%s: took the times of %s\n", path, report.Count(n, "test", "tests"))
				}
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&format, "format", "", "pytest-split, knapsack, csv, json or junit (default: by the file's name and content)")
	completes(cmd, "format", "pytest-split", "knapsack", "csv", "json", "junit")
	return cmd
}

// timings reads a file of any format.
func timings(path, format, dir string) (list []history.Timing, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if format == "" {
		format = formatOf(path, data)
	}
	if format == "junit" {
		list, err = junitTimings(bytes.NewReader(data), dir)
	} else {
		list, err = history.Parse(history.Format(format), bytes.NewReader(data))
	}
	if err != nil {
		return nil, fmt.Errorf("import %s: %w; if it has another format, name that with --format", path, err)
	}
	return list, nil
}

// formatOf goes by the name, and tells our own JSON from pytest-split's.
func formatOf(path string, data []byte) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".xml":
		return "junit"
	case ".csv":
		return string(history.CSV)
	}
	switch {
	case strings.Contains(filepath.Base(path), "knapsack"):
		return string(history.Knapsack)
	case bytes.Contains(data, []byte(`"call_seconds"`)):
		return string(history.JSON)
	}
	return string(history.PytestSplit)
}

// junitTimings turns testcases into timings of tests. A JUnit file does not
// hold ids: where the class's dots end the path, the checkout in dir tells.
func junitTimings(r io.Reader, dir string) ([]history.Timing, error) {
	var list []history.Timing
	err := junit.Read(r, func(c junit.Case) error {
		if c.Outcome == worker.Skipped {
			return nil
		}
		if file, id, ok := locate(dir, c); ok {
			list = append(list, history.Timing{
				Test: worker.TestID(id), File: file, Outcome: c.Outcome, Seconds: c.Time.Seconds(), Call: c.Time.Seconds(),
			})
		}
		return nil
	})
	return list, err
}

// locate finds the file of a testcase, and so the test's id.
func locate(dir string, c junit.Case) (file, id string, ok bool) {
	parts := strings.Split(c.Class, ".")
	for n := len(parts); n > 0; n-- {
		file = strings.Join(parts[:n], "/") + ".py"
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err == nil {
			return file, strings.Join(append(append([]string{file}, parts[n:]...), c.Name), "::"), true
		}
	}
	return "", "", false
}

func newHistoryExportCommand() *cobra.Command {
	var f historyFlags
	var format, to string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print the median times of all tests",
		Example: `  shardyard history export --format pytest-split -o .test_durations
  shardyard history export --format csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch history.Format(format) {
			case history.PytestSplit, history.CSV, history.JSON:
			default:
				return fmt.Errorf("--format %q: write pytest-split, csv or json", format)
			}
			return f.with(cmd.Context(), func(db *history.DB, key string, _ *project) error {
				if to == "" || to == "-" {
					return infra(db.Export(cmd.Context(), key, history.Format(format), data(cmd.OutOrStdout())))
				}
				var b bytes.Buffer
				if err := db.Export(cmd.Context(), key, history.Format(format), &b); err != nil {
					return infraError{err}
				}
				if err := os.WriteFile(to, b.Bytes(), 0o644); err != nil {
					return infraError{fmt.Errorf("export the history: %w", err)}
				}
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&format, "format", "pytest-split", "pytest-split, csv or json")
	cmd.Flags().StringVarP(&to, "output", "o", "", "write to this file instead of stdout")
	completes(cmd, "format", "pytest-split", "csv", "json")
	return cmd
}

// infra is an error of machinery, or nil.
func infra(err error) error {
	if err == nil {
		return nil
	}
	return infraError{err}
}
