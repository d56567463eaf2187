package orchestrator

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// conclude makes one result of all: the framework's own tools do it, in a
// place like the workers'.
func (r *run) conclude(ctx context.Context) (err error) {
	step := r.step("conclude")
	defer func() { step.end(err) }()
	if r.lists.full == nil {
		return nil // nothing was discovered: there is nothing to conclude
	}
	if err := r.writeInput(); err != nil {
		return fmt.Errorf("gather the reports: %w", err)
	}
	f := r.finish
	f.start(ctx, r)
	if <-f.ready; f.err != nil {
		return f.err
	}
	if err := putTree(ctx, f.client, r.tmp(), f.dir); err != nil {
		return fmt.Errorf("hand the reports to the finisher: %w", err)
	}
	f.text.open(r.Terminal)
	if err := f.client.PutFile(ctx, path.Join(f.dir, complete), 0o644, strings.NewReader("")); err != nil {
		return fmt.Errorf("hand the reports to the finisher: %w", err)
	}
	if <-f.ended; f.failed != nil {
		return fmt.Errorf("conclude: %w", f.failed)
	}
	return r.collect(ctx, f)
}

// collect fetches what the finisher made, and tells of it.
func (r *run) collect(ctx context.Context, f *finisher) error {
	for _, name := range f.done.Files {
		local, err := r.resultPath(name)
		if err != nil {
			return err
		}
		if err := fetchFile(ctx, f.client, path.Join(f.dir, name), local); err != nil {
			return fmt.Errorf("fetch %s: %w", name, err)
		}
	}
	if err := r.copyJUnit(); err != nil {
		return err
	}
	if err := r.copyReports(f.done.Files); err != nil {
		return err
	}
	r.emit(report.Concluded{Code: f.done.Code, Files: f.done.Files, Error: f.done.Error})
	return errors.Join(r.covered(ctx, f.done), f.client.Quit(ctx))
}

func (r *run) tmp() string { return filepath.Join(r.req.Out, "tmp") }

// writeInput lays the conclusion's input out in the run's tmp directory.
func (r *run) writeInput() error {
	if err := r.writeReports(); err != nil {
		return err
	}
	meta, err := json.Marshal(map[string]any{
		"duration_seconds": (r.elapsed() - r.hired).Seconds(),
		"tests":            len(r.tests), "deselected": r.deselected, "missing_coverage": gathered(r.missing),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.tmp(), "run.json"), meta, 0o644)
}

// writeReports writes reports in the order of the suite, each test's last
// attempt that counts.
func (r *run) writeReports() (err error) {
	f, err := os.Create(r.reportsFile())
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	defer func() { err = errors.Join(err, w.Flush(), f.Close()) }()
	if err := r.spool.copySession(w); err != nil {
		return err
	}
	if r.broken != "" {
		return nil // as in plain pytest, no test counts
	}
	for _, res := range r.results() {
		n := 0
		if a, ok := final(res); ok {
			if n, err = r.spool.copy(w, attempt{res.Test.ID, a.Token}); err != nil {
				return err
			}
		}
		if n > 0 || r.stopped {
			continue // as in plain pytest, what a stopped run did not reach is not in its reports
		}
		reason, err := json.Marshal(map[string]string{"message": "not run: " + cmp.Or(res.Reason, "its reports are missing")})
		if err != nil {
			return err
		}
		line, err := encodeLine(record{Test: res.Test.ID, Kind: "died", Data: reason})
		if err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// results are the verdicts in the suite's own order.
func (r *run) results() []dispatch.Result {
	at := make(map[worker.TestID]int, len(r.tests))
	for i, t := range r.tests {
		at[t.ID] = i
	}
	all := r.d.Results()
	slices.SortStableFunc(all, func(a, b dispatch.Result) int { return at[a.Test.ID] - at[b.Test.ID] })
	return all
}

// final is the attempt that a test's verdict rests on.
func final(res dispatch.Result) (dispatch.Attempt, bool) {
	for i := len(res.Attempts) - 1; i >= 0; i-- {
		if a := res.Attempts[i]; a.Void == "" && a.Outcome != "" {
			return a, true
		}
	}
	return dispatch.Attempt{}, false
}

// putTree copies a directory of this machine into a place of work.
func putTree(ctx context.Context, client *worker.Client, local, remote string) error {
	return filepath.WalkDir(local, func(name string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(local, name)
		if err != nil {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = client.PutFile(ctx, path.Join(remote, filepath.ToSlash(rel)), 0o644, f)
		return errors.Join(err, f.Close())
	})
}
