package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newManCommand makes the hidden subcommand that releases are made with: it
// writes a manual page for each command. SOURCE_DATE_EPOCH is their date.
func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages",
		Args:   oneArgument("which directory? the pages are written there"),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			header := &doc.GenManHeader{Section: "1", Source: "shardyard " + version, Manual: "shardyard"}
			return infra(doc.GenManTree(cmd.Root(), header, args[0]))
		},
	}
}
