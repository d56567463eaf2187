package runs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/moby/sys/atomicwriter"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// Names of a run's files.
const (
	// Log has the events, as they happened.
	Log = "events.jsonl"
	// Record is the run as it ended. A run that was cut off has none.
	Record = "run.json"
	// JUnit has every test's verdict, and the text of failures.
	JUnit = "junit.xml"
	// Texts has what the framework says of each failed attempt, where it does.
	Texts = "failures.jsonl"
	// Conclusion and Scratch are directories that a run has while it lives: what the
	// finisher is given, and what only this machine needs.
	Conclusion = "conclusion"
	Scratch    = "scratch"
)

// A Run is the directory of one run.
type Run struct {
	Dir   string
	store *Store // nil for a directory that a user named
}

// Elsewhere makes a directory for results that a user named. What is in it
// stays; latest of no store is touched.
func Elsewhere(dir string) (*Run, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a place for results: %w", err)
	}
	return &Run{Dir: dir}, nil
}

// ID returns the run's name in its store.
func (r *Run) ID() string { return filepath.Base(r.Dir) }

// Path returns the path of one of the run's files.
func (r *Run) Path(elem ...string) string {
	return filepath.Join(append([]string{r.Dir}, elem...)...)
}

// Place returns where a user finds the results: below the project's directory, or
// where the user said that they go.
func (r *Run) Place() string {
	switch {
	case r.store == nil:
		return r.Dir
	case runtime.GOOS == "windows":
		return filepath.Join(own, "runs", r.ID())
	}
	return filepath.Join(own, "runs", latest)
}

// Finish writes run.json, and makes latest name this run. A reader finds
// run.json whole or not at all.
func (r *Run) Finish(rep *report.Report) error {
	if err := r.write(rep); err != nil {
		return err
	}
	if r.store == nil {
		return nil
	}
	if err := r.store.point(r.ID()); err != nil {
		return fmt.Errorf("make latest name this run: %w", err)
	}
	return nil
}

// write writes run.json.
func (r *Run) write(rep *report.Report) error {
	var record bytes.Buffer
	if err := rep.WriteJSON(&record); err != nil {
		return fmt.Errorf("write %s: %w", r.Path(Record), err)
	}
	if err := replace(r.Path(Record), record.Bytes()); err != nil {
		return fmt.Errorf("write %s: %w", r.Path(Record), err)
	}
	return nil
}

// Read reads run.json. Where there is none, the run was cut off, or still
// runs: the log tells how far it got. The report is never green then.
func (r *Run) Read() (*report.Report, error) {
	data, err := os.ReadFile(r.Path(Record))
	if errors.Is(err, fs.ErrNotExist) {
		return r.replay()
	}
	if err != nil {
		return nil, fmt.Errorf("read the run: %w", err)
	}
	var rep report.Report
	if err := json.Unmarshal(data, &rep); err != nil {
		return nil, fmt.Errorf("read %s: %w", r.Path(Record), err)
	}
	return &rep, nil
}

func (r *Run) replay() (*report.Report, error) {
	state, _, err := report.ReadState(r.Path(Log))
	if err != nil {
		return nil, fmt.Errorf("read the run: %w", err)
	}
	rep := state.Report()
	cut := report.Reason{Code: report.ReasonCutOff, Exit: report.ExitInfrastructure, Text: "the run was cut off"}
	if rep.Finished {
		cut.Text = "the run was cut off before " + Record + " was written"
	}
	if rep.Exit == report.ExitGreen || rep.Exit == report.ExitEmpty {
		rep.Exit, rep.Reasons = cut.Exit, nil
	}
	rep.Reasons = append(rep.Reasons, cut)
	return rep, nil
}

// replace writes a file that readers find whole, old or new.
func replace(path string, data []byte) error { return atomicwriter.WriteFile(path, data, 0o644) }
