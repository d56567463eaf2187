package main

import (
	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/worker"
)

// newAgentCommand makes the hidden subcommand that runs inside a worker. Its
// stdin and stdout are the coordinator's, its stderr is for operators. With
// --dial it reaches the coordinator by itself: for engines that cannot attach.
func newAgentCommand() *cobra.Command {
	var level, dial string
	cmd := &cobra.Command{
		Use:    "agent",
		Short:  "Serve one worker over stdin and stdout (started by an engine)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts := worker.Options{
				Frameworks: agents(),
				Logger: hclog.New(&hclog.LoggerOptions{
					Name: "agent", Output: cmd.ErrOrStderr(), Level: hclog.LevelFromString(level), Color: hclog.ColorOff,
				}),
				Alone: true,
			}
			if dial == "" {
				return worker.Serve(cmd.Context(), cmd.InOrStdin(), raw(cmd.OutOrStdout()), opts)
			}
			return worker.ServeDialled(cmd.Context(), dial, opts)
		},
	}
	cmd.Flags().StringVar(&dial, "dial", "", "dial the coordinator at HOST:PORT or unix:PATH, with the token in "+worker.TokenVariable)
	cmd.Flags().StringVar(&level, "log-level", "info", "what to log: trace, debug, info, warn, error")
	return cmd
}
