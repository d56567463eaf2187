package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/trace"
)

// traceUsage is the help text of --trace.
const traceUsage = "write a trace to this file, for Perfetto, chrome://tracing or speedscope; packed where it ends in .gz"

// A traceFile is --trace: "" for none.
type traceFile string

// check returns an error if the file cannot be written, before a run is spent on it.
func (t traceFile) check() error {
	if t == "" {
		return nil
	}
	if info, err := os.Stat(filepath.Dir(string(t))); err != nil || !info.IsDir() {
		return usageError{fmt.Errorf("--trace %s: there is no directory %s: make it first", t, filepath.Dir(string(t)))}
	}
	return nil
}

// write writes the trace of runs, if there are any.
func (t traceFile) write(reports ...*report.Report) error {
	if t == "" || len(reports) == 0 {
		return nil
	}
	return broken(trace.Save(string(t), reports...))
}
