// Command shardyard runs a test suite on N isolated workers and gives one
// verdict. The same binary is the agent inside a worker.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
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
	defer attach(root)()
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

// signals returns a context that SIGINT, SIGTERM and SIGHUP end. The second signal
// has a run end at once; the third ends the program: what is left behind, the
// next run removes.
func signals(parent context.Context, errs io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	kill, second := context.WithCancel(parent)
	ch := make(chan os.Signal, 3)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for n := 1; ; n++ {
			var s os.Signal
			select {
			case s = <-ch:
			case <-done:
				return
			}
			switch n {
			case 1:
				cancel(orchestrator.Signal{Name: signalName(s)})
			case 2:
				fmt.Fprintln(errs, "shardyard: asked to end again: ending now, without waiting for anything")
				second()
			default:
				fmt.Fprintln(errs, "shardyard: leaving; the next run removes what is left behind")
				os.Exit(codeOf(context.Cause(ctx)))
			}
		}
	}()
	return orchestrator.WithKill(ctx, kill), func() {
		signal.Stop(ch)
		close(done)
		cancel(nil)
		second()
	}
}

// signalName is what a run calls a signal. A terminal that is gone wants no
// answer: it is as if the system asked for the end.
func signalName(s os.Signal) string {
	if s == os.Interrupt {
		return "interrupt"
	}
	return "terminated"
}

// outlivePipes has writes to a closed stdout fail, instead of ending the program.
// It returns how to undo that.
func outlivePipes() func() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGPIPE)
	return func() { signal.Stop(ch) }
}

// readable prints a command's usage. A flag whose value is optional has it in
// brackets, without the value that stands for none.
func readable(cmd *cobra.Command) error {
	out := cmd.OutOrStderr()
	var text bytes.Buffer
	cmd.SetOut(&text)
	err := (&cobra.Command{}).UsageFunc()(cmd)
	cmd.SetOut(out)
	usage := strings.ReplaceAll(text.String(), " PACKAGE[="+allSources+"]", "[=PACKAGE]  ")
	_, printed := io.WriteString(out, usage)
	return errors.Join(err, printed)
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
	root.SetUsageFunc(readable)
	root.AddCommand(newAgentCommand(), newPoolCommand(), newRunCommand(), newRerunCommand(), newExecCommand(), newPlanCommand(), newSimulateCommand(), newCombineCommand(), newInitCommand(), newConfigCommand(), newHistoryCommand(), newReportCommand(), newCacheCommand(), newVersionCommand(), newDoctorCommand(), newManCommand())
	complete(root)
	return root
}
