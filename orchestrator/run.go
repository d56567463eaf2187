package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// Run runs one suite from its source to its verdict, and leaves results in
// req.Out. The report is complete as far as the run got. Broken machinery is a fault
// in the report, with its exit code; an error means only that the log could not be
// begun. When ctx ends, no more tests are handed out, running tests get a few
// seconds, and the report holds what is known. Nothing of the run is left behind.
func Run(ctx context.Context, req Request, deps Deps) (*report.Report, error) {
	rec, err := openLog(&req, deps)
	if err != nil {
		return nil, err
	}
	if req.Scope == cache.Untrusted && deps.History != nil {
		deps.History = unlearning{deps.History}
	}
	learned, err := straight(ctx, &req, deps, rec)
	if err != nil {
		rec.fault(ctx, err)
	}
	if err := rec.keepJUnit(req.Out); err != nil {
		rec.emit(report.Fault{Kind: report.Infrastructure, Text: err.Error()})
	}
	advise(deps, rec)
	end := rec.finished()
	learned.remember(context.WithoutCancel(ctx), rec, end)
	return rec.end(end), nil
}

// straight returns the straight line of a run: what each stage takes, and what it
// hands on. The lesson is nil when no worker was asked for.
func straight(ctx context.Context, req *Request, deps Deps, rec *recorder) (*lesson, error) {
	at, err := prepare(ctx, req, deps, rec)
	if err != nil {
		return nil, err
	}
	late := context.WithoutCancel(ctx)
	known := recall(ctx, req, deps.History, rec)
	again, err := carry(req, at, rec)
	if err != nil {
		return nil, errors.Join(err, at.close())
	}
	l, err := newLoop(ctx, req, deps, rec, at, known, again)
	if err != nil {
		return nil, errors.Join(err, at.close())
	}
	out := l.dispatch(ctx)
	c := l.conclusion(out, deps)
	curved := make(chan []report.Point, 1)
	go func() { curved <- curve(req, &known, out) }() // beside what the finisher does
	err = c.conclude(ctx)
	if points := <-curved; len(points) > 0 {
		rec.emit(report.Curved{Points: points})
	}
	l.gathered.finish(late, c.delivered)
	if ctx.Err() == nil && deps.Leave != nil {
		l.bequeath(deps.Leave)
	}
	err = errors.Join(err, l.clear(late), at.close())
	return &lesson{to: deps.History, built: at.built, known: known, out: out}, err
}

// bequeath hands on what the next run is likely to start with.
func (l *loop) bequeath(to func(Reserve)) {
	switch r, ok, err := l.pool.reserve(l.workers); {
	case err != nil:
		l.log.Warn("no places are left for the next run", "error", err)
	case ok:
		to(r)
	}
}

// openLog opens the log of a run.
func openLog(req *Request, deps Deps) (*recorder, error) {
	rec, err := newRecorder(req.Out, deps)
	if err != nil {
		return nil, err
	}
	started := report.RunStarted{
		Run: req.RunID, Version: req.Version, Suite: req.Suite, Project: req.Project, ProjectID: req.ProjectID, Args: req.Session.Args, Selection: selection(req.Session.Args),
		Framework: req.Session.Framework, StartedAt: rec.began, Variables: variables(req), Invocation: req.Invocation,
		Untrusted: req.Scope == cache.Untrusted,
	}
	if req.Again != "" {
		started.Again = filepath.Base(req.Again)
	}
	if req.FailOnFlaky {
		started.FailOn = []string{"flaky"}
	}
	rec.emit(started)
	for _, n := range deps.Notes {
		rec.note(report.Info, "%s", n)
	}
	return rec, nil
}

// fault ends the log of a run that could not go on.
func (c *recorder) fault(ctx context.Context, err error) {
	kind := report.Infrastructure
	if errors.As(err, new(*UsageError)) {
		kind = report.Usage
	}
	if ctx.Err() != nil {
		c.emit(report.Stopped{Reason: "interrupted", Signal: signalOf(ctx)})
		return
	}
	c.emit(report.Fault{Kind: kind, Text: err.Error()})
}

// A UsageError is the user's to mend: exit code 2.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

// NewRunID makes an id that is unique and sorts by time, to a thousandth of a
// second: scripts start several runs in one.
func NewRunID(now time.Time) string {
	fraction, chance := now.Nanosecond()*1024/int(time.Second), (now.Nanosecond()^os.Getpid())&0x3ff
	return fmt.Sprintf("%s-%05x", now.UTC().Format("20060102-150405"), fraction<<10|chance)
}
