// Command shardyard runs a test suite on N isolated workers and gives one
// verdict. The same binary is the agent inside a worker.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run(os.Args[1:])) }

// run is main with an exit code.
func run(args []string) int {
	root := newRootCommand()
	attach(root)
	root.SetArgs(args)
	return execute(root)
}

// execute runs a command with its streams, prints its error, and returns the exit
// code.
func execute(root *cobra.Command) int {
	ctx, stop := signals(context.Background(), root.ErrOrStderr())
	defer stop()
	err := root.ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return report.ExitGreen
	case errors.As(err, &exit):
		return exit.code
	default:
		fmt.Fprintf(root.ErrOrStderr(), "shardyard: %v\n", err)
		return codeOf(err)
	}
}

// An exitError is an exit code whose reasons have been shown already.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// exit is nil for 0.
func exit(code int) error {
	if code == 0 {
		return nil
	}
	return exitError{code}
}

// An infraError reports that machinery broke: no mistake of the user's.
type infraError struct{ error }

func (e infraError) Unwrap() error { return e.error }

// A usageError reports a mistake of the user's, wherever it was noticed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// An emptyError reports that there is nothing to test.
type emptyError struct{ error }

func (e emptyError) Unwrap() error { return e.error }

// broken returns err as an infraError; nil stays nil.
func broken(err error) error {
	if err == nil {
		return nil
	}
	return infraError{err}
}

func codeOf(err error) int {
	var usage usageError
	var infra infraError
	var empty emptyError
	var signal orchestrator.Signal
	switch {
	case errors.As(err, &signal) && signal.Name == "terminated":
		return report.ExitTerminated
	case errors.As(err, &signal), errors.Is(err, context.Canceled):
		return report.ExitInterrupted
	case errors.As(err, &usage):
		return report.ExitUsage
	case errors.As(err, &infra):
		return report.ExitInfrastructure
	case errors.As(err, &empty):
		return report.ExitEmpty
	default:
		return report.ExitUsage
	}
}

// signals returns a context that SIGINT and SIGTERM end, once. The second signal
// ends the program at once: what is left behind, the next run removes.
func signals(parent context.Context, errs io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-ch:
			name := "interrupt"
			if s == syscall.SIGTERM {
				name = "terminated"
			}
			cancel(orchestrator.Signal{Name: name})
		case <-done:
			return
		}
		select {
		case <-ch:
			fmt.Fprintln(errs, "shardyard: interrupted again: leaving now; the next run removes what is left behind")
			os.Exit(report.ExitInterrupted)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		close(done)
		cancel(nil)
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "shardyard",
		Short: "Run a slow test suite fast, on hardware you own",
		Long: `shardyard runs a test suite on N isolated workers that share a warm dependency cache, hands each a time-balanced
group of tests, and combines results and coverage into one verdict.`,
		Example: `  shardyard run                         the whole suite, on as many workers as pay
  shardyard run -w 8 -- -k "not slow"   eight workers; what follows -- goes to the framework
  shardyard plan                        what a run would do, and how wall clock depends on the number of workers
  shardyard doctor                      what is missing on this machine, and how to mend it`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("shardyard {{.Version}}\n")
	root.SetFlagErrorFunc(unknownFlag)
	root.AddCommand(newAgentCommand(), newRunCommand(), newExecCommand(), newPlanCommand(), newSimulateCommand(), newCombineCommand(), newInitCommand(), newConfigCommand(), newHistoryCommand(), newReportCommand(), newCacheCommand(), newVersionCommand(), newDoctorCommand(), newManCommand())
	complete(root)
	return root
}
