package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/worker/framework"
)

func newInitCommand() *cobra.Command {
	var dir string
	var force, stdout bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a shardyard.yaml from what the project's files say",
		Long: `Looks at the project's files, shows what it concludes from which of them, and writes it to shardyard.yaml with comments.
A detected project runs without the file too: write it to change something, or to keep what was detected.

Its first line tells editors of .shardyard/schema.json, which is written too: they complete and check the file then.`,
		Example: `  shardyard init
  shardyard init --stdout      look, and write nothing
  shardyard init --force       in place of the file that is there`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := existing(dir)
			if err != nil {
				return err
			}
			d, err := configs.Detect(dir, descriptions())
			if err != nil {
				return err
			}
			if d.Kind == "" && d.Unsupported == nil && d.Suggested == nil {
				return nothing(dir, d)
			}
			// Where an editor finds what may stand in the file.
			text := []byte("# yaml-language-server: $schema=.shardyard/" + schemaName + "\n" + configs.Init(d))
			if _, err := configs.Parse(configs.FileName, text, descriptions()); err != nil {
				return fmt.Errorf("what was detected makes no valid config, which is a bug of shardyard's: %w", err)
			}
			if stdout {
				_, err := data(cmd.OutOrStdout()).Write(text)
				return err
			}
			if err := writeConfig(dir, d, text, force, cmd.OutOrStdout()); err != nil {
				return err
			}
			return infra(writeSchema(dir))
		},
	}
	directoryFlag(cmd, &dir)
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file that is there")
	cmd.Flags().BoolVar(&stdout, "stdout", false, "print the file instead of writing it")
	return cmd
}

// existing is dir, absolute, when it is a directory.
func existing(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory", dir)
	}
	return filepath.Abs(dir)
}

// writeConfig writes the file, and shows the evidence for what is in it.
func writeConfig(dir string, d *framework.Detected, text []byte, force bool, out io.Writer) (err error) {
	path := filepath.Join(dir, configs.FileName)
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s exists already: see what init would write with --stdout, or overwrite it with --force", path)
	case err != nil:
		return infraError{fmt.Errorf("write the config: %w; the project's directory must be writable, or use --stdout", err)}
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return infraError{fmt.Errorf("write the config: %w", err)}
	}
	for _, e := range d.Evidence {
		fmt.Fprintln(out, "detected "+e.String())
	}
	for _, n := range d.Notes {
		fmt.Fprintln(out, n)
	}
	next := "shardyard run"
	switch {
	case d.Unsupported != nil:
		fmt.Fprintf(out, "%s is not known: check setup, prepare and key\n", d.Unsupported.Tool)
		next = "shardyard config verify · shardyard run"
	case d.Suggested != nil:
		fmt.Fprintf(out, "%s: check list and run\n", d.Suggested.Reason())
		next = "shardyard config verify · shardyard run"
	}
	fmt.Fprintf(out, "wrote %s\nnext  %s\n", path, next)
	return nil
}
