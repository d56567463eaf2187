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

// copyJUnit honours the user's own --junitxml: workers wrote elsewhere. The
// path comes from a worker, so what the user did not type must be a local .xml.
func (r *run) copyJUnit() error {
	if r.settings == nil || r.settings.JUnit == "" {
		return nil
	}
	to := r.settings.JUnit
	if r.typed(to) == "" && (!filepath.IsLocal(to) || filepath.Ext(to) != ".xml") {
		r.note(report.Warning, "--junitxml %s, from the project's own options, is not a .xml file below the project: left out", to)
		return nil
	}
	if err := r.copyResult("junit.xml", to); err != nil {
		return fmt.Errorf("write --junitxml %s: %w", r.settings.JUnit, err)
	}
	return nil
}

// reportsDir is where the finisher leaves what plugins wrote.
const reportsDir = "out/reports"

// copyReports puts what plugins wrote where the arguments have it. What only
// the project's own options name stays in the run's directory: its path comes
// from a worker.
func (r *run) copyReports(files []string) error {
	for _, name := range files {
		rel, ok := cutDir(name, reportsDir)
		if !ok {
			continue
		}
		to := r.typed(rel)
		if to == "" {
			if !strings.HasPrefix(rel, "assets/") && !strings.Contains(rel, "/assets/") {
				r.note(report.Info, "%s is in the run's results, in reports/", rel)
			}
			continue
		}
		if err := r.copyResult(path.Join("reports", rel), to); err != nil {
			return fmt.Errorf("write %s: %w", to, err)
		}
	}
	return nil
}

// typed is the path in the arguments that name is: the path itself, as itself
// or as an option's value, or one outside the project with that base name; ""
// when there is none.
func (r *run) typed(name string) string {
	for _, a := range r.req.Args {
		if _, value, ok := strings.Cut(a, "="); ok && strings.HasPrefix(a, "-") {
			a = value
		}
		if filepath.Clean(a) == filepath.Clean(name) || !filepath.IsLocal(a) && filepath.Base(a) == name {
			return a
		}
	}
	return ""
}

// copyResult copies a file of the run's directory to where the user wants it.
func (r *run) copyResult(name, to string) error {
	if !filepath.IsAbs(to) {
		to = filepath.Join(r.req.Project, to)
	}
	data, err := os.ReadFile(filepath.Join(r.req.Out, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

func (r *run) tmp() string { return filepath.Join(r.req.Out, "tmp") }

// resultPath is where a result file goes: below the run's directory, whatever
// the finisher calls it.
func (r *run) resultPath(name string) (string, error) {
	rel := filepath.FromSlash(name)
	if trimmed, ok := cutDir(name, "out"); ok {
		rel = filepath.FromSlash(trimmed)
	}
	if !filepath.IsLocal(rel) {
		return "", fmt.Errorf("the finisher names a result file %q: not a path below its directory", name)
	}
	return filepath.Join(r.req.Out, rel), nil
}

func cutDir(name, dir string) (string, bool) {
	rel, err := filepath.Rel(dir, filepath.FromSlash(name))
	return filepath.ToSlash(rel), err == nil && filepath.IsLocal(rel)
}

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
