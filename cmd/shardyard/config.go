package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator/report"
)

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and show the project's configuration",
		Example: `  shardyard config verify
  shardyard config show
  shardyard config schema --write`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigVerifyCommand(), newConfigShowCommand(), newConfigSchemaCommand())
	return cmd
}

// configFlags are the flags of the config commands.
type configFlags struct {
	projectFlags
	json bool
}

func (f *configFlags) register(cmd *cobra.Command) {
	f.projectFlags.register(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

func newConfigVerifyCommand() *cobra.Command {
	var f configFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the config, and name every mistake with its place",
		Long: `Checks shardyard.yaml: unknown keys, wrong types, values that cannot be meant, and files and directories that it names
and that are not there. Exit status: 0 it is valid, 2 it is not.`,
		Example: `  shardyard config verify
  shardyard config verify --json --config ci/shardyard.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := loadProject(cmd.Context(), f.dir, f.config)
			if err == nil {
				err = missing(p)
			}
			if f.json {
				return verdictJSON(cmd.OutOrStdout(), p, err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), validity(p))
			return nil
		},
	}
	f.register(cmd)
	return cmd
}

func validity(p *project) string {
	if p.config.File == "" {
		return "no " + configs.FileName + ": what was detected holds (" + p.detection.Kind + "); it is valid"
	}
	text := p.config.File + " is valid"
	if names := p.config.SuiteNames(); len(names) > 0 {
		text += ": " + report.Count(len(names), "suite", "suites") + " (" + strings.Join(names, ", ") + ")"
	}
	return text
}

// missing returns an error for each file that the config names and that does not
// exist.
func missing(p *project) error {
	var mistakes []error
	look := func(path, name string) {
		if _, err := os.Stat(filepath.Join(p.dir, filepath.FromSlash(name))); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %s: there is no %s in %s", cmp.Or(string(p.config.Origin(path)), configs.FileName), path, name, p.dir))
		}
	}
	for _, name := range p.config.Key {
		if !strings.ContainsAny(name, "*?[") {
			look("key", name)
		}
	}
	for _, s := range p.config.Suites {
		for _, name := range s.Paths {
			name, _, _ = strings.Cut(name, "::")
			look("suites."+s.Name+".paths", name)
		}
	}
	return errors.Join(mistakes...)
}

// verdictJSON is {"file", "valid", "errors": [{"file", "line", "column", "text"}]}.
func verdictJSON(out io.Writer, p *project, err error) error {
	type mistake struct {
		File   string `json:"file,omitempty"`
		Line   int    `json:"line,omitempty"`
		Column int    `json:"column,omitempty"`
		Text   string `json:"text"`
	}
	v := struct {
		File   string    `json:"file"`
		Valid  bool      `json:"valid"`
		Errors []mistake `json:"errors"`
	}{Valid: err == nil, Errors: []mistake{}}
	if p != nil {
		v.File = p.config.File
	}
	var found configs.Errors
	switch {
	case errors.As(err, &found):
		v.File = found[0].File
		for _, e := range found {
			v.Errors = append(v.Errors, mistake{e.File, e.Line, e.Column, e.Text})
		}
	case err != nil:
		v.Errors = append(v.Errors, mistake{Text: err.Error()})
	}
	if err := printJSON(out, v); err != nil {
		return err
	}
	if !v.Valid {
		return exit(report.ExitUsage)
	}
	return nil
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(jsonTo(out))
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
