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
	defer func() { err = errors.Join(err, rec.log.Close()) }()
	r := &run{Deps: deps, recorder: rec, req: req}
	r.emit(report.RunStarted{Run: req.RunID, Version: req.Version, Suite: req.Suite, Project: req.Project, StartedAt: deps.Now()})
	if r.info, err = r.Engine.Info(ctx); err != nil {
		return 0, err
	}
	defer func() {
		if r.src != nil {
			err = errors.Join(err, r.src.Close())
		}
	}()
	if err := r.survey(ctx); err != nil {
		return 0, err
	}
	if err := r.place(ctx); err != nil {
		return 0, err
	}
	inst, err := r.Engine.Start(ctx, r.spec(engine.Worker, "exec"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, inst.Remove(context.WithoutCancel(ctx))) }()
	client, err := dial(ctx, inst, "exec")
	if err != nil {
		_, cause := r.autopsy(ctx, inst, err)
		return 0, errors.New(cause)
	}
	defer client.Close()
	return r.execute(ctx, client, inst.Layout(), cmd)
}

func (r *run) execute(ctx context.Context, client *worker.Client, l engine.Layout, cmd Command) (int, error) {
	dir, env := path.Join(l.Source, r.src.Sub), r.testEnv(l)
	for k, v := range cmd.Env {
		env[k] = v
	}
	var writeErr error
	exited, err := client.Exec(ctx, worker.Exec{Argv: cmd.Argv, Dir: dir, Env: env, Clean: true}, func(o worker.Output) {
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
		if err := fetchFile(ctx, client, path.Join(dir, name), filepath.Join(cmd.To, filepath.FromSlash(name)), math.MaxInt64); err != nil {
			return 0, fmt.Errorf("fetch %s: %w", name, err)
		}
	}
	return exited.Code, writeErr
}
