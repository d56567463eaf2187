package main

import (
	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/worker"
)

// newAgentCommand makes the hidden subcommand that runs inside a worker. Its
// stdin and stdout are the coordinator's, its stderr is for operators.
func newAgentCommand() *cobra.Command {
	var level string
	cmd := &cobra.Command{
		Use:    "agent",
		Short:  "Serve one worker over stdin and stdout (started by an engine)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return worker.Serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), worker.Options{
				Frameworks: agents(),
				Logger: hclog.New(&hclog.LoggerOptions{
					Name: "agent", Output: cmd.ErrOrStderr(), Level: hclog.LevelFromString(level), Color: hclog.ColorOff,
				}),
				Alone: true,
			})
		},
	}
	cmd.Flags().StringVar(&level, "log-level", "info", "what to log: trace, debug, info, warn, error")
	return cmd
}
