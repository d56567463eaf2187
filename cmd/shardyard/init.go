package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"github.com/shardyard/shardyard/configs"
)

func newInitCommand() *cobra.Command {
	var dir string
	var force, stdout bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a shardyard.yaml from what the project's files say",
		Long: `Looks at the project's files, shows what it concludes from which of them, and writes it to shardyard.yaml with comments.
A detected project runs without the file too: write it to change something, or to keep what was detected.`,
		Example: `  shardyard init
  shardyard init --stdout      look, and write nothing
  shardyard init --force       in place of the file that is there`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := existing(dir)
			if err != nil {
				return err
			}
			d, err := configs.Detect(dir)
			if err != nil {
				return err
			}
			if d.Kind == "" && d.Unsupported == nil {
				return fmt.Errorf("nothing to test was found in %s: no Python project and no test_*.py; run init in the project's directory (-C DIR)", dir)
			}
			text := configText(d)
			if _, err := configs.Parse(configs.FileName, text); err != nil {
				return fmt.Errorf("what was detected makes no valid config, which is a bug of shardyard's: %w", err)
			}
			if stdout {
				_, err := cmd.OutOrStdout().Write(text)
				return err
			}
			return writeConfig(dir, d, text, force, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&dir, "directory", "C", ".", "the project's directory")
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
func writeConfig(dir string, d configs.Detection, text []byte, force bool, out io.Writer) (err error) {
	path := filepath.Join(dir, configs.FileName)
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already: see what init would write with --stdout, or overwrite it with --force", path)
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
	if d.Unsupported != nil {
		fmt.Fprintf(out, "%s is not known: check setup, prepare and key\n", d.Unsupported.Tool)
		next = "shardyard config verify · shardyard exec -- python -m pytest --version"
	}
	fmt.Fprintf(out, "wrote %s\nnext  %s\n", path, next)
	return nil
}

// configText is a config that says what was detected.
func configText(d configs.Detection) []byte {
	var b bytes.Buffer
	b.WriteString("# How shardyard runs this project's tests. What is left out is detected, or has the default shown.\n")
	b.WriteString("# `shardyard config show` prints what holds, and where it comes from.\n")
	if len(d.Evidence) > 0 {
		b.WriteString("#\n# Detected:\n")
	}
	for _, e := range d.Evidence {
		b.WriteString(comment("  " + e.String()))
	}
	for _, n := range d.Notes {
		b.WriteString(comment("  " + n))
	}
	b.WriteString(`
version: 1

# Where workers come from: an image's name; auto (python:X-slim of the wanted version, or host where it cannot be
# pulled); host (this machine's own interpreters, read-only).
image: auto
`)
	if u := d.Unsupported; u != nil {
		b.WriteString("\n" + comment(fmt.Sprintf("%s: %s is not known to shardyard. Check these lines:", u.File, u.Tool)))
		b.WriteString(strings.Join(u.Config, "\n") + "\n")
	} else {
		section(&b, "setup", d.Setup, "Installs the dependencies. It sees only the key files, and its result is kept until they change.")
		section(&b, "prepare", d.Prepare, "Installs the project itself, once for each state of the source.")
		section(&b, "key", d.Key, "What setup reads.")
	}
	b.WriteString(`
# Suites, each with a selection of its own (shardyard run unit). Without any, the whole project is one suite.
# suites:
#   unit: { args: [-m, "not db"] }
#   db:   { paths: [tests/db], workers: 2 }

# workers: auto                 # a number, or as many as pay
# schedule: dynamic             # static: the plan is fixed before the run
# split_by: time                # file, directory
# retries: 0                    # failed tests again, on a fresh worker; those that pass then are flaky
# coverage: { fail_under: 85 }  # in percent, of the combined coverage
# env: { set: { TZ: UTC }, pass: [DATABASE_URL] }
# builder: { ca: host, env: { pass: [PIP_INDEX_URL, HTTPS_PROXY] } }
# limits: { memory: 2g, pids: 4096, test: 5m, run: 1h, output: 1MiB }
`)
	return b.Bytes()
}

// comment is text as a comment of one line.
func comment(text string) string {
	return "# " + strings.Join(strings.Fields(text), " ") + "\n"
}

// section writes a list under its explanation.
func section(b *bytes.Buffer, key string, values []string, why string) {
	fmt.Fprintf(b, "\n# %s\n", why)
	if len(values) == 0 {
		fmt.Fprintf(b, "%s: []\n", key)
		return
	}
	fmt.Fprintf(b, "%s:\n", key)
	for _, v := range values {
		b.WriteString("  - " + scalar(v) + "\n")
	}
}

// scalar is a string as YAML.
func scalar(s string) string {
	text, err := yaml.Marshal(s)
	if err != nil || bytes.ContainsRune(bytes.TrimSpace(text), '\n') {
		return fmt.Sprintf("%q", s)
	}
	return string(bytes.TrimSpace(text))
}
