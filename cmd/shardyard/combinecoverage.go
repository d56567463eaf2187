package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/shards"
	"github.com/shardyard/shardyard/worker/framework/pytest"
)

// pythonCoverage combines coverage data for shards, with the project's own
// coverage.py.
type pythonCoverage struct {
	project string
	python  string    // --python
	say     io.Writer // what coverage.py prints
}

// Holds knows data files by their names: .coverage, .coverage.HOST.PID.
func (c pythonCoverage) Holds(name string) bool {
	if slices.ContainsFunc([]string{"-journal", "-wal", "-shm"}, func(s string) bool { return strings.HasSuffix(name, s) }) {
		return false
	}
	return name == ".coverage" || strings.HasPrefix(name, ".coverage.")
}

// Combine runs coverage.py on the data of all shards.
func (c pythonCoverage) Combine(ctx context.Context, data shards.Coverage, emit func(report.Body)) error {
	python, err := c.interpreter()
	if err != nil {
		return err
	}
	how := pytest.Combination{
		Python: python, Source: c.project, Out: data.Out, Names: data.Files, Missing: data.Missing, FailUnder: data.Limit,
	}
	for _, path := range data.Files {
		abs, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		how.Files = append(how.Files, abs)
	}
	// What coverage.py says besides the data is no result.
	summary, err := pytest.Combine(ctx, how, func(p []byte) { _, _ = c.say.Write(p) })
	if errors.Is(err, pytest.ErrNoCoverage) {
		return fmt.Errorf("combine coverage: %s has no coverage.py: install it (%s -m pip install coverage), "+
			"or name the interpreter that has the project's with --python", python, python)
	}
	if err != nil {
		return err
	}
	ev := report.Covered{Percent: summary.Percent, Complete: summary.Complete, Reason: summary.Reason}
	if summary.FailUnder != nil {
		ev.FailUnder = *summary.FailUnder
	}
	emit(ev)
	if !summary.RelativeFiles {
		emit(report.Note{Text: "for `coverage report` to find the sources of the combined data, the project's coverage configuration needs relative_files = true"})
	}
	return nil
}

// interpreter is the Python whose coverage.py combines.
func (c pythonCoverage) interpreter() (string, error) {
	if c.python == "" {
		if venv := os.Getenv("VIRTUAL_ENV"); venv != "" {
			if runtime.GOOS == "windows" {
				return filepath.Join(venv, "Scripts", "python.exe"), nil
			}
			return filepath.Join(venv, "bin", "python"), nil
		}
		return "python3", nil
	}
	if filepath.Base(c.python) != c.python {
		return filepath.Abs(c.python)
	}
	return c.python, nil
}
