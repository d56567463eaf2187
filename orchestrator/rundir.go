package orchestrator

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/orchestrator/runs"
)

// A runDir is the directory that a run leaves its results in.
type runDir string

// path is the path of one of its files.
func (d runDir) path(elem ...string) string {
	return filepath.Join(append([]string{string(d)}, elem...)...)
}

// conclusion has all that the finisher is given, besides the reports.
func (d runDir) conclusion() string { return d.path(runs.Conclusion) }

// data has the files of workers (coverage), for the finisher.
func (d runDir) data() string { return filepath.Join(d.conclusion(), "data") }

// scratch returns what only this machine needs during the run.
func (d runDir) scratch() string { return d.path(runs.Scratch) }

// make makes the directories that exist only during the run; clear removes them.
func (d runDir) make() error {
	return errors.Join(os.MkdirAll(d.data(), 0o755), os.MkdirAll(d.scratch(), 0o755))
}

func (d runDir) clear() error {
	return errors.Join(os.RemoveAll(d.conclusion()), os.RemoveAll(d.scratch()))
}
