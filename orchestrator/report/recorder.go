package report

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A Sink takes events: a Log.
type Sink interface {
	Event(Event) error
	Close() error
}

// Recorder numbers and dates events, folds them, and passes them on. It may
// be used concurrently: it owns the State, and calls its sinks and its
// console one at a time.
type Recorder struct {
	mu      sync.Mutex
	now     func() time.Time
	start   time.Time
	seq     int64
	state   State
	console Console
	sinks   []Sink
	err     error
	closed  bool
}

// NewRecorder starts a run's clock. now is time.Now but in tests; console may
// be nil.
func NewRecorder(now func() time.Time, console Console, sinks ...Sink) *Recorder {
	return &Recorder{now: now, start: now(), console: console, sinks: sinks}
}

// Record takes what happened now. After Close it does nothing.
func (r *Recorder) Record(b Body) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.seq++
	e := Event{Seq: r.seq, At: r.now().Sub(r.start), Body: b}
	r.state.Apply(e)
	for _, s := range r.sinks {
		if err := s.Event(e); err != nil && r.err == nil {
			r.err = err
		}
	}
	if r.console != nil {
		r.console.Event(&r.state, e)
	}
}

// Report is the run as known now.
func (r *Recorder) Report() *Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Report()
}

// Totals are the counts as known now; cheaper than Report.
func (r *Recorder) Totals() Totals {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Totals()
}

// Elapsed is the time since the start.
func (r *Recorder) Elapsed() time.Duration { return r.now().Sub(r.start) }

// Finish records RunFinished with the exit code and the reasons that the
// events so far come to, and returns the report.
func (r *Recorder) Finish() *Report {
	code, reasons := ExitCode(r.Report())
	r.Record(RunFinished{Exit: code, Reasons: reasons, Duration: Duration(r.Elapsed())})
	return r.Report()
}

// Watch repaints the console until ctx is done. It is for a console that
// shows a running clock; others do nothing then.
func (r *Recorder) Watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.mu.Lock()
			if r.console != nil && !r.closed {
				r.console.Tick(&r.state, r.now().Sub(r.start))
			}
			r.mu.Unlock()
		}
	}
}

// Close ends the console's live part and closes the sinks. The error is also
// that of any earlier write.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	errs := []error{r.err}
	for _, s := range r.sinks {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
