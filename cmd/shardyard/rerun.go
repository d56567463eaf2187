package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/runs"
	"github.com/shardyard/shardyard/worker"
)

func newRerunCommand() *cobra.Command {
	var f rerunFlags
	cmd := &cobra.Command{
		Use:   "rerun [RUN] [TEST...]",
		Short: "Run what a run has not proven, or tests of it, and give one verdict together with what it has",
		Long: `Runs the tests of an earlier run again that failed, did not run, or are new, on any number of workers. Verdicts that
the earlier run has come to are taken over, so that there is one verdict on the whole suite, with one JUnit file and one
coverage. The earlier run is the newest, or the one with this id or the beginning of it; it may have been cut off.

Where tests are named, these run and no others: by their ids as reports name them, by the beginning of ids (of a class, of all
parameters of a test), or by their files. All others keep the verdict of the earlier run, failures too.

With --order RUN:N the tests run that worker N of that run had, one after the other on one worker, as they ran there: of those
that are named, to the last, so that what came before a failure comes before it again. The verdict is on these tests alone.

Verdicts hold for the same sources, environment, variables and selection of tests: where something differs, all tests run, or
those that are named, on which alone the verdict is then, and it is said why. Suite, selection, coverage, engine and image are
those of the earlier run. Where coverage is measured, verdicts of a run are taken over that came to its end with a complete coverage.

Exit status: as of shardyard run.`,
		Example: `  shardyard rerun
  shardyard rerun -w 2 20261124-0308
  shardyard rerun tests/api/test_auth.py::test_expired
  shardyard rerun --order latest:2 tests/api/test_auth.py::test_expired`,
		Args: func(cmd *cobra.Command, _ []string) error {
			if cmd.ArgsLenAtDash() >= 0 {
				return errors.New("what follows -- is taken from the earlier run; another selection is another run: shardyard run")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (known []string, _ cobra.ShellCompDirective) {
			store := nearestRuns(f.dir)
			if len(args) == 0 {
				known, _ = store.List() // nothing to complete with
			}
			if run, names, err := chosen(store, args); err == nil {
				known = append(known, testsOf(run, names)...)
			}
			return known, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := existing(f.dir)
		if err != nil {
			return err
		}
		store := nearestRuns(dir)
		var run *runs.Run
		var names orchestrator.Names
		var order []worker.TestID
		if f.order != "" {
			run, order, err = f.ordered(store, args)
		} else {
			run, names, err = chosen(store, args)
		}
		if err != nil {
			return err
		}
		repeated, suite, err := repeat(cmd, run)
		if err != nil {
			return err
		}
		repeated.dir, repeated.again, repeated.named, repeated.order = store.Project(), run.Dir, names, order
		if order != nil {
			repeated.workers, repeated.target = "1", 0
		}
		return repeated.run(cmd.Context(), suite, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	f.register(cmd)
	return cmd
}

// chosen returns the run that the arguments name, or the latest, and the tests.
func chosen(store runs.Store, args []string) (run *runs.Run, names orchestrator.Names, err error) {
	names = args
	if len(args) > 0 {
		run, err = findRun(store, args[:1])
		if err == nil {
			names = args[1:]
		}
	}
	unknown := err // where the first is a test, it is of the latest run
	if run == nil {
		if run, err = findRun(store, nil); err != nil {
			return nil, nil, err
		}
	}
	if len(names) == 0 {
		return run, nil, nil
	}
	tests, err := orchestrator.Inventory(run.Dir)
	if err != nil {
		return nil, nil, infraError{err}
	}
	strange := names.Strange(tests)
	switch {
	case len(strange) == 0 || tests == nil && unknown == nil: // which there are, the run finds
		return run, names, nil
	case unknown != nil && strange[0] == names[0] && (tests == nil || strings.Trim(names[0], "0123456789abcdef-") == ""):
		return nil, nil, unknown
	}
	return nil, nil, fmt.Errorf("run %s has no test %s%s: shardyard run -- with a path runs what is new", run.ID(), report.Clean(strange[0]), resembling(strange[0], tests))
}

// ordered returns the run that --order names, and the tests that its worker had, as they
// ran there: to the last of those that are named.
func (f *rerunFlags) ordered(store runs.Store, named orchestrator.Names) (*runs.Run, []worker.TestID, error) {
	id, number, _ := strings.Cut(f.order, ":")
	n, err := strconv.Atoi(strings.TrimPrefix(number, "worker-"))
	if err != nil || id == "" {
		return nil, nil, fmt.Errorf("--order %q: write RUN:N, as in latest:2", f.order)
	}
	run, err := findRun(store, []string{id})
	if err != nil {
		return nil, nil, err
	}
	rep, err := run.Read()
	if err != nil {
		return nil, nil, infraError{err}
	}
	ran := ranOn(rep, n)
	if len(ran) == 0 {
		return nil, nil, fmt.Errorf("--order %s: no test ran on %s of run %s: its workers are 1 to %d", f.order, report.WorkerName(n), run.ID(), len(rep.Workers))
	}
	last := len(ran) - 1
	if len(named) > 0 {
		last = -1
	}
	var order []worker.TestID
	for i, t := range ran {
		order = append(order, worker.TestID(t.Test))
		if named.Has(t.File, worker.TestID(t.Test)) {
			last = i
		}
	}
	if last < 0 {
		return nil, nil, fmt.Errorf("--order %s: %s of run %s ran no test %s", f.order, report.WorkerName(n), run.ID(), report.Clean(strings.Join(named, " and no test ")))
	}
	return run, order[:last+1], nil
}

// ranOn returns the tests that ran on a worker, each where it ran first.
func ranOn(rep *report.Report, n int) (tests []*report.Test) {
	left := make(map[string]*report.Test, len(rep.Tests))
	for i := range rep.Tests {
		left[rep.Tests[i].Test] = &rep.Tests[i]
	}
	for _, w := range rep.Workers {
		for _, id := range w.Order {
			if t := left[id]; w.Worker == n && t != nil {
				tests = append(tests, t)
				delete(left, id)
			}
		}
	}
	return tests
}

// resembling says which tests may have been meant.
func resembling(name string, tests []history.File) string {
	last := name[strings.LastIndexAny(name, ":/.[")+1:]
	var like []string
	for _, file := range tests {
		for _, t := range file.Tests {
			if last != "" && strings.Contains(string(t.ID), last) && len(like) < maxResembling {
				like = append(like, string(t.ID))
			}
		}
	}
	if len(like) == 0 {
		return ""
	}
	return " (did you mean " + report.Clean(strings.Join(like, ", ")) + "?)"
}

// maxResembling is how many tests an error names that may have been meant.
const maxResembling = 3

// testsOf are the ids of a run's tests, without those that are named.
func testsOf(run *runs.Run, but orchestrator.Names) (ids []string) {
	files, _ := orchestrator.Inventory(run.Dir) // nothing to complete with
	for _, file := range files {
		for _, t := range file.Tests {
			if !but.Has(file.Path, t.ID) {
				ids = append(ids, string(t.ID))
			}
		}
	}
	return ids
}

// rerunFlags are the flags of rerun: how wide it runs, and how it is shown. What
// is tested is the earlier run's. They are flags of run, which reads them.
type rerunFlags struct {
	dir   string
	order string // RUN:N
	logbook
	palette
	shown runFlags
}

func (f *rerunFlags) register(cmd *cobra.Command) {
	directoryFlag(cmd, &f.dir)
	f.logbook.register(cmd)
	f.palette.register(cmd)
	cmd.Flags().StringVar(&f.order, "order", "", "run what worker N of a run had, in its order: RUN:N")
	var all cobra.Command
	f.shown.registerAll(&all)
	for _, name := range []string{"workers", "target", "progress", "ci", "trace"} {
		cmd.Flags().AddFlag(all.Flags().Lookup(name))
	}
	cmd.MarkFlagsMutuallyExclusive("order", "workers") // it is one
	cmd.MarkFlagsMutuallyExclusive("order", "target")
}

// registerAll registers the flags of run.
func (f *runFlags) registerAll(cmd *cobra.Command) {
	f.register(cmd)
	f.sessionFlags(cmd)
	f.sizeFlags(cmd)
	f.testFlags(cmd)
}

// repeat returns the flags of the run, but for those that are given now.
func repeat(cmd *cobra.Command, run *runs.Run) (f *runFlags, suite string, err error) {
	log, _, err := report.ReadState(run.Path(runs.Log))
	if err != nil {
		return nil, "", infraError{err}
	}
	began := log.Run()
	if began.Invocation == nil {
		return nil, "", fmt.Errorf("run %s does not say how it was started, so it cannot be run again: shardyard run", run.ID())
	}
	f = new(runFlags)
	var again cobra.Command
	f.registerAll(&again)
	again.SetOut(cmd.OutOrStdout())
	again.SetErr(cmd.ErrOrStderr())
	if err := again.ParseFlags(began.Invocation); err != nil {
		return nil, "", fmt.Errorf("run %s was started with flags that there are no longer (%w): shardyard run", run.ID(), err)
	}
	f.args = again.Flags().Args()
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Name != "directory" && flag.Name != "order" {
			err = errors.Join(err, again.Flags().Set(flag.Name, flag.Value.String()))
		}
	})
	return f, began.Suite, err
}

// fleeting are the flags that say how a run is shown, or that hold once.
var fleeting = []string{"directory", "refresh", "progress", "ci", "trace", "color", "log-level", "full-collection"}

// invocation are the flags of a command that make the run what it is, and what
// follows --.
func (f *runFlags) invocation(flags *pflag.FlagSet, rest []string) []string {
	if flags == nil {
		return nil // nobody has parsed any
	}
	list := []string{}
	flags.Visit(func(flag *pflag.Flag) {
		if slices.Contains(fleeting, flag.Name) {
			return
		}
		values := []string{flag.Value.String()}
		if several, ok := flag.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, value := range values {
			if flag.Name == "config" {
				if abs, err := filepath.Abs(value); err == nil {
					value = abs
				}
			}
			list = append(list, "--"+flag.Name+"="+value)
		}
	})
	return append(append(list, "--"), rest...)
}
