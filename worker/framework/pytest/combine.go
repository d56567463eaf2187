package pytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// A Combiner implements [framework.Combiner] for data files of coverage.py.
type Combiner struct{}

// Holds knows data files by their names: .coverage, .coverage.HOST.PID.
func (Combiner) Holds(name string) bool {
	if slices.ContainsFunc([]string{"-journal", "-wal", "-shm"}, func(s string) bool { return strings.HasSuffix(name, s) }) {
		return false
	}
	return name == ".coverage" || strings.HasPrefix(name, ".coverage.")
}

// noCoverage is the exit status of relocate.py when there is no coverage.py.
const noCoverage = 3

// Combine implements [framework.Combiner] with the project's own coverage.py:
// Out/.coverage, with paths relative to the project wherever the data was
// measured, coverage.xml and total.json.
func (Combiner) Combine(ctx context.Context, c framework.Combination) (framework.Covered, error) {
	python, err := interpreterOf(c.Program)
	if err != nil {
		return framework.Covered{}, err
	}
	how := combination{python: python, Combination: c}
	for _, path := range c.Files {
		abs, err := filepath.Abs(path)
		if err != nil {
			return framework.Covered{}, err
		}
		how.files = append(how.files, abs)
	}
	summary, err := combine(ctx, how)
	if err != nil {
		return framework.Covered{}, err
	}
	if !summary.RelativeFiles {
		c.Note("for `coverage report` to find the sources of the combined data, the project's coverage configuration needs relative_files = true")
	}
	return *summary.covered(), nil
}

// interpreterOf returns the Python whose coverage.py combines: the one that is
// named, or that of the virtual environment, or of the PATH.
func interpreterOf(named string) (string, error) {
	if named == "" {
		if venv := os.Getenv("VIRTUAL_ENV"); venv != "" {
			if runtime.GOOS == "windows" {
				return filepath.Join(venv, "Scripts", "python.exe"), nil
			}
			return filepath.Join(venv, "bin", "python"), nil
		}
		return "python3", nil
	}
	if filepath.Base(named) != named {
		return filepath.Abs(named)
	}
	return named, nil
}

// A combination is coverage data with absolute paths, and the interpreter that
// puts it together.
type combination struct {
	framework.Combination
	python string
	files  []string
}

// combine has coverage.py make one of all.
func combine(ctx context.Context, c combination) (_ *CoverageSummary, err error) {
	dir, err := os.MkdirTemp("", "shardyard-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for coverage data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	py, err := unpack(dir)
	if err != nil {
		return nil, err
	}
	f := finish{
		Conclude: worker.Conclude{Source: c.Project, Dir: dir}, py: py,
		options: ConcludeOptions{Python: c.python, Coverage: &CoverageOptions{FailUnder: c.FailUnder}},
		emit:    func(e worker.Event) { c.Say(e.Output.Data) },
	}
	request := map[string]any{"dir": dir, "files": c.files, "names": c.Files, "missing": c.Missing}
	how, err := f.python(ctx, "relocate.py", request, writer(c.Say))
	switch {
	case err != nil:
		return nil, fmt.Errorf("combine coverage: %w", err)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("combine coverage: %w", context.Cause(ctx))
	case how == ended{code: noCoverage}:
		return nil, fmt.Errorf("combine coverage: %s has no coverage.py: install it (%s -m pip install coverage), "+
			"or name the interpreter that has the project's with --python", c.python, c.python)
	case how != ended{}:
		return nil, fmt.Errorf("combine coverage: %s ended %s", c.python, how)
	}
	summary, table, err := f.combine(ctx)
	if err != nil {
		return nil, err
	}
	c.Say(table)
	return summary, os.CopyFS(c.Out, os.DirFS(filepath.Join(dir, "out", "coverage")))
}
