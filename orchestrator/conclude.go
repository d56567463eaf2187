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
	f := r.finish
	f.start(ctx, r)
	if err := r.writeInput(); err != nil {
		return fmt.Errorf("gather the reports: %w", err)
	}
	if <-f.ready; f.err != nil {
		return f.err
	}
	if <-f.fed; f.unfed != nil {
		return fmt.Errorf("hand the reports to the finisher: %w", f.unfed)
	}
	if err := putTree(ctx, f.client, r.conclusion(), f.dir); err != nil {
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
		if err := fetchFile(ctx, f.client, path.Join(f.dir, name), local, maxFetched); err != nil {
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

// conclusion has all that the finisher is given, besides the reports.
func (r *run) conclusion() string { return filepath.Join(r.req.Out, "conclusion") }

// scratch is what only this machine needs during the run.
func (r *run) scratch() string { return filepath.Join(r.req.Out, "scratch") }

// writeInput lays the rest of the conclusion's input, besides the reports, out
// in the run's tmp directory.
func (r *run) writeInput() error {
	if err := r.writeOrder(); err != nil {
		return err
	}
	meta, err := json.Marshal(map[string]any{
		"duration_seconds": (r.elapsed() - r.hired).Seconds(),
		"tests":            len(r.tests), "deselected": r.deselected, "missing_coverage": gathered(r.missing),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.conclusion(), "run.json"), meta, 0o644)
}

// writeOrder writes where the reports are that count: those of no test, then
// in the order of the suite each test's last attempt. It ends the spool.
func (r *run) writeOrder() (err error) {
	f, err := os.Create(filepath.Join(r.conclusion(), "order.jsonl"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	defer func() { err = errors.Join(err, w.Flush(), f.Close(), r.spool.finish()) }()
	lines := json.NewEncoder(w)
	if err := lines.Encode(append([]extent{}, r.spool.rest...)); err != nil || r.broken != "" {
		return err // where the suite is broken no test counts, as in plain pytest
	}
	for _, res := range r.results() {
		var at []extent
		if a, ok := final(res); ok {
			at = r.spool.of[attempt{res.Test.ID, a.Token}]
		}
		if len(at) == 0 && r.stopped {
			continue // as in plain pytest, what a stopped run did not reach is not in its reports
		}
		if len(at) == 0 {
			reason, err := json.Marshal(map[string]string{"message": "not run: " + cmp.Or(res.Reason, "its reports are missing")})
			if err != nil {
				return err
			}
			if at, err = r.spool.append(nil, record{Test: res.Test.ID, Kind: "died", Data: reason}); err != nil {
				return err
			}
		}
		if err := lines.Encode(at); err != nil {
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
