package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// results is the directory of one run.
type results struct {
	root string // .shardyard
	dir  string
}

// newResults makes the directory of a run, and keeps git from seeing it.
func newResults(project, id string) (*results, error) {
	root := filepath.Join(project, ".shardyard")
	dir := filepath.Join(root, "runs", id)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("make a place for results: %w; the project's directory must be writable", err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a place for results: %w", err)
	}
	ignore := filepath.Join(root, ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(ignore, []byte("# made by shardyard: results of runs\n*\n"), 0o644); err != nil {
			return nil, fmt.Errorf("keep results out of git: %w", err)
		}
	}
	return &results{root: root, dir: dir}, nil
}

// finish writes run.json and points latest at this run.
func (r *results) finish(rep *report.Report) error {
	if err := r.write(rep); err != nil {
		return err
	}
	return r.latest()
}

// write writes run.json.
func (r *results) write(rep *report.Report) error {
	f, err := os.Create(filepath.Join(r.dir, "run.json"))
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := errors.Join(rep.WriteJSON(f), f.Close()); err != nil {
		return fmt.Errorf("write run.json: %w", err)
	}
	return nil
}

// latest points runs/latest at this run, in one step, so that a reader finds
// this run's or the last one's results, never none. It is a link; on Windows,
// where links want a privilege, a file that names the run.
func (r *results) latest() error {
	at := filepath.Join(r.root, "runs", "latest")
	run, next := filepath.Base(r.dir), at+"."+filepath.Base(r.dir)
	point := func() error { return os.Symlink(run, next) }
	if runtime.GOOS == "windows" {
		point = func() error { return os.WriteFile(next, []byte(run+"\n"), 0o644) }
	}
	if err := point(); err != nil {
		return fmt.Errorf("point latest at this run: %w", err)
	}
	if err := os.Rename(next, at); err != nil {
		return errors.Join(fmt.Errorf("point latest at this run: %w", err), os.Remove(next))
	}
	return nil
}

// place is where to look for the results: below the project's directory, or
// where it was said that they go.
func (r *results) place() string {
	if r.dir == r.root {
		return r.dir
	}
	if runtime.GOOS == "windows" {
		return filepath.Join(".shardyard", "runs", filepath.Base(r.dir))
	}
	return filepath.Join(".shardyard", "runs", "latest")
}

// next names commands that help now.
func (r *results) next(rep *report.Report) []string {
	if rep.Exit == report.ExitGreen || rep.Totals.Discovered+rep.Totals.CollectErrors == 0 {
		return nil // it has nothing to add
	}
	return []string{"shardyard report"}
}

// openHistory opens the history. Without one a run goes on, unbalanced.
func openHistory(ctx context.Context, logger hclog.Logger) *history.DB {
	db, err := history.Open(ctx, filepath.Join(stateDir(), "history.db"), logger.Named("history"))
	if err != nil {
		logger.Warn("going on without history: the plan will not be balanced by time", "error", err)
		return nil
	}
	return db
}
