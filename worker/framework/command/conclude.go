package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/cases"
	"github.com/shardyard/shardyard/worker/framework/output"
)

// Summary is what Concluded.Summary holds.
type Summary struct {
	cases.Summary
	Coverage *Coverage `json:"coverage,omitempty"` // nil: it was not asked for
}

// Coverage is how the combination of coverage went.
type Coverage struct {
	Files   int      `json:"files"`             // that were combined
	Missing []string `json:"missing,omitempty"` // why there should be more
}

// Conclude implements [worker.Framework]. Conclude.Dir is as cases.Conclude has
// it, and holds besides
//
//	run.json               {"missing_coverage": ["worker-2: reason"]}
//	data/<worker>/<file>   every worker's Closed.Files
//
// The results are below Dir/out: junit.xml, and in coverage what
// coverage_combine has left in the directory that it was given. That it fails is
// told in Concluded.Error.
func (*Framework) Conclude(ctx context.Context, c worker.Conclude, emit func(worker.Event)) (worker.Concluded, error) {
	options, err := parseOptions(c.Options)
	if err != nil {
		return worker.Concluded{}, err
	}
	done, err := cases.Conclude(ctx, c, cases.Dialect{Suite: Name}, emit)
	if err != nil {
		return done, err
	}
	var sum Summary
	if err := json.Unmarshal(done.Summary, &sum.Summary); err != nil {
		return done, fmt.Errorf("conclude: %w", err)
	}
	if options.Combine != "" {
		var failed error
		sum.Coverage, failed = combine(ctx, options, c, emit)
		if ctx.Err() != nil {
			return done, fmt.Errorf("conclude: %w", ctx.Err())
		}
		if failed != nil {
			done.Error = failed.Error()
		}
		made, err := matching(c.Dir, []string{"out/coverage"})
		if err != nil {
			return done, err
		}
		done.Files = append(done.Files, made...)
	}
	done.Summary = worker.Raw(sum)
	return done, nil
}

// combine runs coverage_combine over the files of all workers.
func combine(ctx context.Context, o Options, c worker.Conclude, emit func(worker.Event)) (*Coverage, error) {
	sum := &Coverage{Missing: missing(c.Dir)}
	files, err := layOut(c.Dir)
	sum.Files = len(files)
	if err != nil {
		return sum, err
	}
	if len(files) == 0 {
		sum.Missing = append(sum.Missing, "no worker left a coverage file")
		return sum, nil
	}
	out, list := filepath.Join(c.Dir, "out", "coverage"), filepath.Join(c.Dir, "files")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return sum, fmt.Errorf("combine coverage: %w", err)
	}
	if err := os.WriteFile(list, []byte(strings.Join(files, "\n")+"\n"), 0o644); err != nil {
		return sum, fmt.Errorf("combine coverage: %w", err)
	}
	t, err := parse(o.Combine, filesWord, outWord)
	if err != nil {
		return sum, fmt.Errorf("coverage_combine: %w", err)
	}
	printed := output.New(0, emit)
	defer printed.Close()
	ended, err := shell{c.Source, c.Env}.run(ctx, t.fill(map[string][]string{filesWord: files, outWord: {out}}),
		map[string]string{"SHARDYARD_FILES": list, "SHARDYARD_OUT": out}, 0, printed.Pass)
	if err != nil {
		return sum, fmt.Errorf("coverage_combine: %w", err)
	}
	if ended.code != 0 {
		return sum, fmt.Errorf("coverage_combine ended %s%s", ended, colon(cases.Line(printed.Stderr())))
	}
	return sum, nil
}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

// layOut gives every worker's files the paths that they had, below a directory
// of the worker's own, and returns them in order.
func layOut(dir string) (files []string, err error) {
	data := filepath.Join(dir, "data")
	err = filepath.WalkDir(data, func(full string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // no worker has left any
		case err != nil || !e.Type().IsRegular():
			return err
		}
		rel, err := url.PathUnescape(e.Name())
		if err != nil || !filepath.IsLocal(rel) {
			return fmt.Errorf("%s is not the name of a coverage file", e.Name())
		}
		to := filepath.Join(dir, "coverage", filepath.Base(filepath.Dir(full)), rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		files = append(files, to)
		return os.Rename(full, to)
	})
	if err != nil {
		return files, fmt.Errorf("lay out the coverage files: %w", err)
	}
	return files, nil
}

// missing is why files are missing, as the coordinator knows it.
func missing(dir string) []string {
	var run struct {
		Missing []string `json:"missing_coverage"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil || json.Unmarshal(data, &run) != nil {
		return []string{"the coordinator does not say which files are missing"}
	}
	return run.Missing
}
