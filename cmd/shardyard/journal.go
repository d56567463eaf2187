package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A journal writes events that did not happen in a run, and folds them.
type journal struct {
	out   string
	seq   int64
	state *report.State
	log   *report.Writer
	err   error // the first one of the log
}

func newJournal(out string) (*journal, error) {
	f, err := os.Create(filepath.Join(out, "events.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("write results: %w", err)
	}
	return &journal{out: out, state: report.NewState(), log: report.NewWriter(f)}, nil
}

func (j *journal) emit(body report.Body) {
	j.seq++
	ev := report.Event{Seq: j.seq, Body: body}
	if err := j.log.Write(ev); err != nil && j.err == nil {
		j.err = fmt.Errorf("write events.jsonl: %w", err)
	}
	j.state.Apply(ev)
}

// end closes the journal with the exit code that the events come to.
func (j *journal) end(took time.Duration) (*report.Report, error) {
	code, reasons := j.state.Exit()
	j.emit(report.RunFinished{Exit: code, Reasons: reasons, Duration: report.Duration(took)})
	return j.state.Report(), j.close()
}

func (j *journal) close() error {
	if err := j.log.Close(); err != nil {
		return errors.Join(j.err, fmt.Errorf("write events.jsonl: %w", err))
	}
	return j.err
}

func list(words []string) string { return strings.Join(words, ", ") }
