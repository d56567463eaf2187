package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/ci"
)

func newExecCommand() *cobra.Command {
	var f runFlags
	var get []string
	var to string
	cmd := &cobra.Command{
		Use:   "exec [suite] -- command [args]",
		Short: "Run a command where the suite's tests would run",
		Long: `Makes the environment of the suite when it is not there yet, and runs a command in a fresh place like a worker's: same
image, same environment, own copy of the source, same user. What it writes is gone in the end, but for --get.`,
		Example: `  shardyard exec -- pytest -x tests/test_one.py
  shardyard exec -- python -c 'import sys; print(sys.version)'
  shardyard exec --get junit.xml -- pytest --junitxml=junit.xml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			suite, argv, err := splitArgs(cmd, args)
			if err != nil {
				return err
			}
			if len(argv) == 0 {
				return errors.New("exec needs a command: write it after --, as in `shardyard exec -- pytest --version`")
			}
			if err := fetchable(get, to, cmd.Flags().Changed("to")); err != nil {
				return err
			}
			return f.exec(cmd.Context(), suite, orchestrator.Command{
				Argv: argv, Get: get, To: to, Stdout: data(cmd.OutOrStdout()), Stderr: cmd.ErrOrStderr(),
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringArrayVar(&get, "get", nil, "fetch this file in the end; relative to the project's directory")
	cmd.Flags().StringVar(&to, "to", ".", "where fetched files go")
	return cmd
}

// fetchable checks --get and --to before anything is made for them.
func fetchable(get []string, to string, given bool) error {
	for _, name := range get {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("--get %s: write a path below the project's directory", name)
		}
	}
	if given && len(get) == 0 {
		return errors.New("--to has no files to copy: name them with --get")
	}
	if info, err := os.Stat(to); err == nil && !info.IsDir() {
		return fmt.Errorf("--to %s is not a directory", to)
	}
	return nil
}

func (f *runFlags) exec(ctx context.Context, suite string, c orchestrator.Command) (err error) {
	logger, err := f.logger()
	if err != nil {
		return err
	}
	p, err := loadProject(ctx, f.dir, f.config)
	if err != nil {
		return err
	}
	req, err := f.request(ctx, p, suite)
	if err != nil {
		return err
	}
	job, err := ci.Open("auto", os.Getenv, raw(c.Stderr)) // stdout has what the command prints, and nothing else
	if err != nil {
		return err
	}
	defer job.Close()
	eng, why, err := f.open(ctx, p, &req, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broken(eng.Close())) }()
	if why != "" {
		fmt.Fprintln(c.Stderr, "shardyard: "+why)
	}
	if req.Out, err = os.MkdirTemp("", "shardyard-exec-"); err != nil {
		return infraError{err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(req.Out)) }()
	shown := steps{c.Stderr}
	c.Stderr = data(c.Stderr)
	code, err := orchestrator.Exec(ctx, req, c, orchestrator.Deps{
		Engine: eng, Framework: description(req.Session.Framework), Sinks: []orchestrator.Sink{shown}, Logger: logger, Now: time.Now,
	})
	if err != nil {
		return infraError{err}
	}
	return exit(code)
}

// steps shows the steps that take long.
type steps struct{ to io.Writer }

func (s steps) Handle(e report.Event) {
	switch b := e.Body.(type) {
	case report.StepProgress:
		fmt.Fprintln(s.to, b.Text)
	case report.Note:
		fmt.Fprintln(s.to, b.Text)
	}
}
