package shards

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

// A journal writes events that did not happen in a run, and folds them.
type journal struct {
	out   *runs.Run
	seq   int64
	state *report.State
	log   *report.Writer
	err   error // the first one of the log
}

func newJournal(out *runs.Run) (*journal, error) {
	f, err := os.Create(out.Path(runs.Log))
	if err != nil {
		return nil, fmt.Errorf("write results: %w", err)
	}
	return &journal{out: out, state: report.NewState(), log: report.NewWriter(f)}, nil
}

func (j *journal) emit(body report.Body) {
	j.seq++
	ev := report.Event{Seq: j.seq, Body: body}
	if err := j.log.Write(ev); err != nil && j.err == nil {
		j.err = fmt.Errorf("write %s: %w", j.out.Path(runs.Log), err)
	}
	j.state.Apply(ev)
}

func (j *journal) fault(text string) {
	j.emit(report.Fault{Kind: report.Infrastructure, Text: text})
}

// end closes the journal with the exit code that the events come to.
func (j *journal) end(took time.Duration) (*report.Report, error) {
	code, reasons := j.state.Exit()
	j.emit(report.RunFinished{Exit: code, Reasons: reasons, Duration: report.Duration(took)})
	return j.state.Report(), j.close()
}

func (j *journal) close() error {
	if err := j.log.Close(); err != nil {
		return errors.Join(j.err, fmt.Errorf("write %s: %w", j.out.Path(runs.Log), err))
	}
	return j.err
}
