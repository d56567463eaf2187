package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

// schemaName is what the schema of shardyard.yaml is called in .shardyard, where
// the first line that init writes has editors look for it.
const schemaName = "schema.json"

func newConfigSchemaCommand() *cobra.Command {
	var f projectFlags
	var write bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of shardyard.yaml, for editors",
		Long: `Prints the JSON schema (draft 2020-12) of shardyard.yaml. With --write it goes to .shardyard/schema.json of the project,
where the first line of a file that init wrote has editors look for it: after a clone, or when shardyard is a new one.`,
		Example: `  shardyard config schema
  shardyard config schema --write`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if write {
				return f.schema(cmd)
			}
			text, err := configs.Schema(descriptions())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(jsonTo(cmd.OutOrStdout()), string(text))
			return err
		},
	}
	directoryFlag(cmd, &f.dir)
	cmd.Flags().BoolVar(&write, "write", false, "write it to .shardyard/"+schemaName)
	return cmd
}

// schema writes the schema beside the config that is nearest to --directory.
func (f *projectFlags) schema(cmd *cobra.Command) error {
	dir, err := existing(f.dir)
	if err != nil {
		return err
	}
	file, found, err := configs.Find(dir)
	if err != nil {
		return err
	}
	if found {
		dir = filepath.Dir(file)
	}
	if err := writeSchema(dir); err != nil {
		return infraError{err}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", filepath.Join(dir, ".shardyard", schemaName))
	return nil
}

// writeSchema writes the schema to a project's .shardyard.
func writeSchema(dir string) error {
	text, err := configs.Schema(descriptions())
	if err != nil {
		return err
	}
	_, err = runs.Of(dir).Keep(schemaName, append(text, '\n'))
	return err
}
