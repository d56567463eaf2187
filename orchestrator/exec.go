package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"path/filepath"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// A Command runs in a place like a worker's.
type Command struct {
	Argv           []string
	Env            map[string]string // besides what tests see
	Get            []string          // files to fetch in the end, relative to the suite's directory
	To             string            // the directory of this machine that they go to
	Stdout, Stderr io.Writer
}

// Exec makes the place that the suite's workers start from, runs one command
// in it as the workers' user, and returns its exit status. Nothing is planned,
// recorded or left behind.
func Exec(ctx context.Context, req Request, cmd Command, deps Deps) (code int, err error) {
	rec, err := newRecorder(req.Out, deps)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rec.close()) }()
	rec.emit(report.RunStarted{Run: req.RunID, Version: req.Version, Suite: req.Suite, Project: req.Project, ProjectID: req.ProjectID, StartedAt: rec.began})
	info, err := deps.Engine.Info(ctx)
	if err != nil {
		return 0, err
	}
	at, err := steady(ctx, info, &req, deps, rec)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, at.close()) }()
	p, err := at.begin(ctx, at.engine, engine.Worker, "exec", false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.end(ctx)) }()
	return p.execute(ctx, cmd, at.dir(p.layout), at.testEnv(p.layout))
}

// execute runs the command, and fetches what it is to get.
func (p *place) execute(ctx context.Context, cmd Command, dir string, env map[string]string) (int, error) {
	for k, v := range cmd.Env {
		env[k] = v
	}
	var writeErr error
	exited, err := p.client.Exec(ctx, worker.Exec{Argv: cmd.Argv, Dir: dir, Env: env, Clean: true}, func(o worker.Output) {
		to := cmd.Stdout
		if o.Stream == "stderr" {
			to = cmd.Stderr
		}
		if _, err := to.Write(o.Data); err != nil && writeErr == nil {
			writeErr = err
		}
	})
	switch {
	case err != nil:
		return 0, err
	case exited.Error != "":
		return 0, fmt.Errorf("run %s: %s", cmd.Argv[0], exited.Error)
	}
	for _, name := range cmd.Get {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return 0, fmt.Errorf("--get %s: a path below the project's directory", name)
		}
		if err := p.fetch(ctx, path.Join(dir, name), filepath.Join(cmd.To, filepath.FromSlash(name)), math.MaxInt64); err != nil {
			return 0, fmt.Errorf("fetch %s: %w", name, err)
		}
	}
	return exited.Code, writeErr
}
