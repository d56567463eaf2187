package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/console"
	"github.com/shardyard/shardyard/orchestrator/report/junit"
)

func newReportCommand() *cobra.Command {
	var f commonFlags
	var asJSON, list bool
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Print the verdict and the failures of a run again",
		Long: `Prints the failures and the closing lines of a run in .shardyard/runs: the latest, or the one with this id or the
beginning of it. A run that was cut off is shown as far as its log goes. When the run's wall clock had been predicted, a
table says what made the difference, for each worker and in the mean of all; docs/run-json.md explains its columns.

Exit status: the run's own with --exit-code, else 0.`,
		Example: `  shardyard report
  shardyard report --list
  shardyard report 20261124-0308 --json | jq .totals`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("one run at a time: shardyard report --list names them")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			runs, _ := runsIn(runsDir(f.dir)) // nothing to complete with
			return runs, cobra.ShellCompDirectiveNoFileComp
		},
	}
	var code bool
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, err := console.UseColor(f.color, false, os.Getenv); err != nil {
			return err
		}
		dir, err := existing(f.dir)
		if err != nil {
			return err
		}
		dir = runsDir(dir)
		if list {
			return listRuns(dir, cmd.OutOrStdout())
		}
		run, err := findRun(dir, slices.Concat(args, []string{"latest"})[0])
		if err != nil {
			return err
		}
		rep, err := readReport(run)
		if err != nil {
			return infraError{err}
		}
		if asJSON {
			err = rep.WriteJSON(cmd.OutOrStdout())
		} else {
			err = infra(showReport(rep, run, f.colored(cmd.OutOrStdout()), cmd.OutOrStdout()))
		}
		if err == nil && code {
			err = exit(rep.Exit)
		}
		return err
	}
	f.register(cmd)
	for _, name := range []string{"config", "log-level"} {
		cmd.Flags().Lookup(name).Hidden = true
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print run.json")
	cmd.Flags().BoolVar(&list, "list", false, "list the runs, newest first")
	cmd.Flags().BoolVar(&code, "exit-code", false, "exit as the run did")
	return cmd
}

// runsDir is where the runs of the project are that dir is in: the nearest
// directory upwards that has any, as far as the project's own or the
// repository's root; else dir itself.
func runsDir(dir string) string {
	there := func(elem ...string) bool {
		_, err := os.Stat(filepath.Join(elem...))
		return err == nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		if there(at, ".shardyard", "runs") {
			return filepath.Join(at, ".shardyard", "runs")
		}
		if there(at, configs.FileName) || there(at, ".git") || filepath.Dir(at) == at {
			return filepath.Join(dir, ".shardyard", "runs")
		}
	}
}

// runsIn are the ids of the runs, newest first.
func runsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var runs []string
	for _, e := range entries {
		if e.IsDir() {
			runs = append(runs, e.Name())
		}
	}
	slices.Reverse(runs)
	return runs, nil
}

func listRuns(dir string, out io.Writer) error {
	runs, err := runsIn(dir)
	if err != nil {
		return infraError{err}
	}
	for _, id := range runs {
		rep, err := readReport(filepath.Join(dir, id))
		if err != nil {
			fmt.Fprintf(out, "%s  cannot be read: %v\n", id, err)
			continue
		}
		fmt.Fprintf(out, "%s  %s\n", id, console.Closing(rep, nil, false)[0])
	}
	return nil
}

// findRun is the directory of a run: by its id, or the beginning of it.
func findRun(dir, id string) (string, error) {
	if filepath.Base(id) == id {
		st, err := os.Stat(filepath.Join(dir, id))
		switch {
		case err == nil && st.IsDir():
			return filepath.EvalSymlinks(filepath.Join(dir, id))
		case err == nil && id == "latest": // a file that names the run; see results.latest
			name, err := os.ReadFile(filepath.Join(dir, id))
			if err != nil {
				return "", infraError{err}
			}
			if id = strings.TrimSpace(string(name)); filepath.Base(id) == id && id != "latest" {
				return findRun(dir, id)
			}
			return "", fmt.Errorf("%s names no run", filepath.Join(dir, "latest"))
		}
	}
	runs, err := runsIn(dir)
	if err != nil {
		return "", infraError{err}
	}
	if len(runs) == 0 {
		return "", fmt.Errorf("there is no run in %s: shardyard run makes one", dir)
	}
	if id == "latest" {
		return filepath.Join(dir, runs[0]), nil
	}
	fits := slices.DeleteFunc(slices.Clone(runs), func(r string) bool { return !strings.HasPrefix(r, id) })
	switch len(fits) {
	case 1:
		return filepath.Join(dir, fits[0]), nil
	case 0:
		return "", fmt.Errorf("there is no run %q in %s: the newest are %s", id, dir, list(runs[:min(3, len(runs))]))
	}
	return "", fmt.Errorf("%q is the beginning of %d runs: %s", id, len(fits), list(fits[:min(3, len(fits))]))
}

// readReport reads run.json; where there is none, the run was cut off, and its
// log says how far it got.
func readReport(run string) (*report.Report, error) {
	data, err := os.ReadFile(filepath.Join(run, "run.json"))
	if errors.Is(err, fs.ErrNotExist) {
		state, _, err := report.ReadState(filepath.Join(run, "events.jsonl"))
		if err != nil {
			return nil, fmt.Errorf("read the run: %w", err)
		}
		rep := state.Report()
		if !rep.Finished && rep.Exit == report.ExitGreen || rep.Exit == report.ExitEmpty {
			rep.Exit, rep.Reasons = report.ExitInfrastructure, []string{"the run was cut off"}
		}
		return rep, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the run: %w", err)
	}
	var rep report.Report
	if err := json.Unmarshal(data, &rep); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(run, "run.json"), err)
	}
	return &rep, nil
}

// showReport prints each failure as the framework did, what became of the
// forecast, then the closing lines.
func showReport(rep *report.Report, run string, color bool, out io.Writer) error {
	failures, err := readFailures(filepath.Join(run, "junit.xml"))
	if err != nil {
		return err
	}
	for _, f := range failures {
		fmt.Fprintf(out, "____ %s ____\n", report.Clean(f.name))
		for line := range strings.Lines(strings.TrimRight(f.text, "\n") + "\n") {
			fmt.Fprintln(out, report.Clean(strings.TrimRight(line, "\r\n")))
		}
		fmt.Fprintln(out)
	}
	if rep.Forecast != nil {
		for _, line := range append(console.Forecast(rep.Forecast), "") {
			fmt.Fprintln(out, line)
		}
	}
	for _, line := range console.Closing(rep, []string{"results in " + run}, color) {
		fmt.Fprintln(out, line)
	}
	return nil
}

// A failed is what a JUnit file says of a test that failed.
type failed struct{ name, text string }

// readFailures are the failures of a JUnit file; none when there is no file.
func readFailures(path string) (list []failed, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the failures: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	dec := xml.NewDecoder(io.LimitReader(f, junit.MaxBytes))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the failures in %s: %w", path, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "testcase" {
			continue
		}
		var c struct {
			Class    string   `xml:"classname,attr"`
			Name     string   `xml:"name,attr"`
			Failures []string `xml:"failure"`
			Errors   []string `xml:"error"`
		}
		if err := dec.DecodeElement(&c, &start); err != nil {
			return nil, fmt.Errorf("read the failures in %s: %w", path, err)
		}
		for _, text := range append(c.Failures, c.Errors...) {
			list = append(list, failed{junit.Key{Class: c.Class, Name: c.Name}.String(), text})
		}
	}
}
