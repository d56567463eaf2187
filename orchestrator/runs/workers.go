package runs

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// WorkerLogs takes the events of a run and keeps, for each worker, what it
// printed (workers/worker-3.log) and the tests that it started, in that order
// (workers/worker-3.tests): what is needed to run them again like that.
type WorkerLogs struct {
	dir   string
	files map[string]*bufio.Writer
	open  []*os.File
	err   error
}

// WorkerLogs returns the logs of the run's workers. Files are made when there is
// something to write.
func (r *Run) WorkerLogs() *WorkerLogs {
	return &WorkerLogs{dir: r.Path("workers"), files: map[string]*bufio.Writer{}}
}

// Handle takes the next event of the run.
func (w *WorkerLogs) Handle(e report.Event) {
	switch b := e.Body.(type) {
	case report.WorkerStarted:
		w.log(b.Worker, "[%s] ready: %s, collects %s\n", report.Clock(e.At), strings.Join([]string{b.Framework, b.Runtime}, ", "), b.Mode)
	case report.TestStarted:
		w.write(report.WorkerName(b.Worker)+".tests", "%s\n", b.Test)
	case report.Output:
		w.log(b.Worker, "%s", b.Text)
		if b.Dropped > 0 {
			w.log(b.Worker, "[%s] %s more were printed, beyond limits.output, and are left out\n", report.Clock(e.At), report.Bytes(b.Dropped))
		}
	case report.WorkerLost:
		w.log(b.Worker, "[%s] lost: %s\n", report.Clock(e.At), b.Cause)
	case report.WorkerClosed:
		if b.Unexplained {
			w.log(b.Worker, "[%s] ended with status %d, which no test explains; at its end it said:\n%s\n", report.Clock(e.At), b.Code, strings.TrimSpace(b.Closing))
			return
		}
		w.log(b.Worker, "[%s] ended with status %d\n", report.Clock(e.At), b.Code)
	}
}

func (w *WorkerLogs) log(worker int, format string, args ...any) {
	w.write(report.WorkerName(worker)+".log", format, args...)
}

func (w *WorkerLogs) write(name, format string, args ...any) {
	to := w.files[name]
	if to == nil {
		if err := os.MkdirAll(w.dir, 0o755); err != nil {
			w.err = errors.Join(w.err, err)
			return
		}
		f, err := os.Create(filepath.Join(w.dir, name))
		if err != nil {
			w.err = errors.Join(w.err, err)
			return
		}
		to = bufio.NewWriter(f)
		w.files[name], w.open = to, append(w.open, f)
	}
	if _, err := fmt.Fprintf(to, format, args...); err != nil {
		w.err = errors.Join(w.err, err)
	}
}

// Close flushes and closes the files; the error is the first of any write.
func (w *WorkerLogs) Close() error {
	for _, f := range w.files {
		w.err = errors.Join(w.err, f.Flush())
	}
	for _, f := range w.open {
		w.err = errors.Join(w.err, f.Close())
	}
	w.files, w.open = map[string]*bufio.Writer{}, nil
	if w.err != nil {
		return fmt.Errorf("write workers' logs: %w", w.err)
	}
	return nil
}
