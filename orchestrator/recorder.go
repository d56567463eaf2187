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
	flush *time.Timer // brings to the disk what has waited long enough
	full  bool        // the log cannot be written any more
}

// logFile is the log in a run's directory.
const logFile = "events.jsonl"

// delay is how long an event may wait before it is in the log.
const delay = 200 * time.Millisecond

func newRecorder(out string, deps Deps) (*recorder, error) {
	f, err := os.Create(filepath.Join(out, logFile))
	if err != nil {
		return nil, fmt.Errorf("write results: %w", err)
	}
	c := &recorder{
		now: deps.Now, began: deps.Now(), state: report.NewState(), log: report.NewWriter(f), sinks: deps.Sinks,
	}
	c.flush = time.AfterFunc(delay, c.sync)
	return c, nil
}

// sync brings the log to the disk as far as it goes.
func (c *recorder) sync() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written(c.log.Flush())
}

// written takes in how a write to the log went. The first one that fails makes
// the run not green: the events go on to all but the log.
func (c *recorder) written(err error) {
	if err == nil || c.full {
		return
	}
	c.full = true
	c.tell(c.event(report.Fault{Kind: report.Infrastructure, Text: fmt.Sprintf("the run's log ends before the run does: write events.jsonl: %v", err)}))
}

// elapsed returns the time since the start of the run, to the microsecond, as the
// log has it.
func (c *recorder) elapsed() time.Duration { return c.now().Sub(c.began).Round(time.Microsecond) }

// since returns the time from the start of the run to a moment, as the log has it.
func (c *recorder) since(t time.Time) report.Duration {
	return report.Duration(max(t.Sub(c.began).Round(time.Microsecond), 0))
}

func (c *recorder) emit(body report.Body) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ev := c.event(body)
	err := c.log.Write(ev) // nobody sees a verdict that a crash could lose
	c.tell(ev)
	c.written(err)
	c.flush.Reset(delay)
}

// event gives what happened its place and time.
func (c *recorder) event(body report.Body) report.Event {
	c.seq++
	return report.Event{Seq: c.seq, At: c.elapsed(), Body: body}
}

// tell tells everybody but the log.
func (c *recorder) tell(ev report.Event) {
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
	c.sync()
	exit, reasons := c.state.Exit()
	return report.RunFinished{Exit: exit, Reasons: reasons, Duration: report.Duration(c.elapsed())}
}

// end closes the log, and returns the report: that not all of the log could be
// written is among its faults.
func (c *recorder) end(fin report.RunFinished) *report.Report {
	c.emit(fin)
	err := c.close()
	rep := c.state.Report()
	if err != nil && !c.full {
		rep.Unwritten(fmt.Errorf("write events.jsonl: %w", err))
	}
	return rep
}

func (c *recorder) close() error {
	c.flush.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Close()
}

// A step is a step of the line while it runs.
type step struct {
	rec    *recorder
	name   string
	began  time.Duration
	cached bool
	saved  time.Duration // what it took when it was not cached
	waited time.Duration // for another run
	detail string
}

func (c *recorder) step(name string) *step {
	c.emit(report.StepStarted{Name: name})
	return &step{rec: c, name: name, began: c.elapsed()}
}

// say shows a line of what the step prints.
func (s *step) say(text string) { s.rec.emit(report.StepProgress{Name: s.name, Text: text}) }

// does shows what the step does from now on.
func (s *step) does(text string) {
	s.rec.emit(report.StepProgress{Name: s.name, Text: text, Doing: true})
}

func (s *step) end(err error) {
	fin := report.StepFinished{
		Name: s.name, Cached: s.cached, Duration: report.Duration(s.rec.elapsed() - s.began),
		Saved: report.Duration(s.saved), Detail: s.detail, Waited: report.Duration(s.waited),
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
