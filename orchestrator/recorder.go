package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A recorder gives events their number and time, and hands them to the log, the fold
// and the sinks. It may be used concurrently.
type recorder struct {
	mu    sync.Mutex
	now   func() time.Time
	began time.Time
	seq   int64
	state *report.State
	log   *report.Writer
	sinks []Sink
	err   error // the first one of the log
}

func newRecorder(out string, deps Deps) (*recorder, error) {
	f, err := os.Create(filepath.Join(out, "events.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("write results: %w", err)
	}
	return &recorder{
		now: deps.Now, began: deps.Now(), state: report.NewState(), log: report.NewWriter(f), sinks: deps.Sinks,
	}, nil
}

// elapsed returns the time since the start of the run, to the microsecond, as the
// log has it.
func (c *recorder) elapsed() time.Duration { return c.now().Sub(c.began).Round(time.Microsecond) }

func (c *recorder) emit(body report.Body) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	ev := report.Event{Seq: c.seq, At: c.elapsed(), Body: body}
	if err := c.log.Write(ev); err != nil && c.err == nil {
		c.err = fmt.Errorf("write events.jsonl: %w", err)
	}
	c.state.Apply(ev)
	for _, s := range c.sinks {
		s.Handle(ev)
	}
}

func (c *recorder) note(level report.Level, format string, args ...any) {
	c.emit(report.Note{Text: fmt.Sprintf(format, args...), Level: level})
}

// finished returns what the events come to.
func (c *recorder) finished() report.RunFinished {
	exit, reasons := c.state.Exit()
	return report.RunFinished{Exit: exit, Reasons: reasons, Duration: report.Duration(c.elapsed())}
}

// end closes the log.
func (c *recorder) end(fin report.RunFinished) (*report.Report, error) {
	c.emit(fin)
	if err := c.log.Close(); err != nil {
		c.err = errors.Join(c.err, fmt.Errorf("write events.jsonl: %w", err))
	}
	return c.state.Report(), c.err
}

// A step is a step of the line while it runs.
type step struct {
	rec    *recorder
	name   string
	began  time.Duration
	cached bool
	saved  time.Duration // what it took when it was not cached
	detail string
}

func (c *recorder) step(name string) *step {
	c.emit(report.StepStarted{Name: name})
	return &step{rec: c, name: name, began: c.elapsed()}
}

func (s *step) say(text string) { s.rec.emit(report.StepProgress{Name: s.name, Text: text}) }

func (s *step) end(err error) {
	fin := report.StepFinished{
		Name: s.name, Cached: s.cached, Duration: report.Duration(s.rec.elapsed() - s.began),
		Saved: report.Duration(s.saved), Detail: s.detail,
	}
	if err != nil {
		fin.Error = err.Error()
	}
	s.rec.emit(fin)
}

// A Signal is the cause of a context that ended because somebody asked:
// "interrupt" or "terminated".
type Signal struct{ Name string }

func (s Signal) Error() string { return s.Name }

// signalOf returns the name of the signal that ended ctx: "interrupt" unless its
// cause says otherwise.
func signalOf(ctx context.Context) string {
	var s Signal
	if errors.As(context.Cause(ctx), &s) {
		return s.Name
	}
	return "interrupt"
}
