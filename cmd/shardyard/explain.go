package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// explained are the steps whose result the cache may have.
var explained = []string{"environment", "prepare"}

func newCacheExplainCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [RUN]",
		Short: "Say why a run found its environment, or built it",
		Long: `Says of the latest run, or of the one with this id or the beginning of it, whether its environment and its prepared project
were found or built, how long that took or saved, and what had changed since the suite used them last: the file, the command,
the image.`,
		Example: `  shardyard cache explain
  shardyard cache explain 20261124-0308 --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("cache explain takes one run: `shardyard report --list` lists them")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := existing(dir)
			if err != nil {
				return err
			}
			run, err := findRun(nearestRuns(dir), args)
			if err != nil {
				return err
			}
			rep, err := run.Read()
			if err != nil {
				return infraError{err}
			}
			steps := []report.Step{}
			for _, s := range rep.Steps {
				if slices.Contains(explained, s.Name) {
					steps = append(steps, s)
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), steps)
			}
			if err := explain(cmd.OutOrStdout(), cmp.Or(rep.Run, run.ID()), steps); err != nil {
				return infra(err)
			}
			return infra(describe(cmd.OutOrStdout(), rep.Installed))
		},
	}
	directoryFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func explain(out io.Writer, run string, steps []report.Step) error {
	if len(steps) == 0 {
		_, err := fmt.Fprintf(out, "run %s had nothing to install, or did not come so far\n", run)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, s := range steps {
		what := fmt.Sprintf("built in %s", report.Span(time.Duration(s.Duration)))
		switch {
		case !s.Done:
			what = "not finished"
		case s.Error != "":
			what = fmt.Sprintf("failed after %s", report.Span(time.Duration(s.Duration)))
		case s.Cached:
			what = fmt.Sprintf("found, saved %s", report.Span(time.Duration(s.Saved)))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, what, cmp.Or(s.Detail, "nothing changed"))
	}
	return w.Flush()
}

// describe says what is installed, in a line.
func describe(out io.Writer, i *report.Installed) error {
	if i == nil || i.BuiltAt.IsZero() {
		return nil
	}
	text := "built " + i.BuiltAt.Local().Format(time.DateTime)
	if n := len(i.Packages); n > 0 {
		text += ", " + report.Count(n, "package", "packages") + " (installed in run.json)"
	}
	if i.Loose != "" {
		text += "; nothing pins " + report.Clean(i.Loose)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
