package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
)

// Run runs one suite from its source to its verdict, and leaves results in
// req.Out. The report is complete as far as the run got; when machinery broke,
// it says so, with the exit code that follows: an error means only that the
// results could not be written. When ctx ends, tests are no longer handed out, what runs gets a few seconds,
// and what is known is reported. Nothing of the run is left behind.
func Run(ctx context.Context, req Request, deps Deps) (*report.Report, error) {
	r, err := newRun(req, deps)
	if err != nil {
		return nil, err
	}
	if err := r.straight(ctx); err != nil {
		r.fault(ctx, err)
	}
	return r.end()
}

func newRun(req Request, deps Deps) (*run, error) {
	rec, err := newRecorder(req.Out, deps)
	if err != nil {
		return nil, err
	}
	r := &run{
		Deps: deps, recorder: rec, req: req, inbox: make(chan message, 256),
		members: map[dispatch.WorkerID]*member{}, finish: newFinisher(),
	}
	r.failures, r.told, r.openers = map[worker.TestID]bool{}, map[string]bool{}, map[attempt]bool{}
	r.before = map[attempt]worker.TestID{}
	started := report.RunStarted{
		Run: req.RunID, Version: req.Version, Suite: req.Suite, Project: req.Project, Framework: req.Framework, Args: req.Args, StartedAt: deps.Now(),
	}
	if req.FailOnFlaky {
		started.FailOn = []string{"flaky"}
	}
	r.emit(started)
	for _, n := range deps.Notes {
		r.note(report.Info, "%s", n)
	}
	return r, nil
}

// A run is the state of one run. Its fields are set by one step of the line
// and only read by later ones; what the loop owns is marked.
type run struct {
	Deps
	*recorder
	req Request

	info   engine.Info
	base   engine.Base
	src    *source.Source
	envKey string
	sealed engine.Layer
	built  time.Duration // spent on building layers, which a warm run does not
	tree   engine.Tree
	// compiled is an archive of what was compiled of these very sources; "" for none.
	compiled string

	// Owned by the loop.
	inbox   chan message
	members map[dispatch.WorkerID]*member
	lists   confirmation
	finish  *finisher
	// removals are of workers that are gone and not yet removed.
	removals sync.WaitGroup
	loopState
}

// straight is the straight line of a run.
func (r *run) straight(ctx context.Context) (err error) {
	if err := r.prologue(ctx); err != nil {
		return errors.Join(err, r.clear(context.WithoutCancel(ctx)))
	}
	if err := r.dispatch(ctx); err != nil {
		return err
	}
	r.judge()
	late := context.WithoutCancel(ctx)
	return errors.Join(r.conclude(late), r.clear(late), r.remember(late))
}

// prologue is the line up to where tests could be handed out.
func (r *run) prologue(ctx context.Context) (err error) {
	if r.info, err = r.Engine.Info(ctx); err != nil {
		return err
	}
	if err := r.sweep(ctx); err != nil {
		return err
	}
	if err := r.survey(ctx); err != nil {
		return err
	}
	if err := r.place(ctx); err != nil {
		return err
	}
	if err := r.forecast(ctx); err != nil {
		return err
	}
	if err := r.recallCompiled(); err != nil {
		r.note(report.Warning, "what was compiled of the sources cannot be read, and is compiled again: %v", err)
	}
	return nil
}

// clear removes what only this run needed.
func (r *run) clear(ctx context.Context) error {
	var err error
	if r.spool != nil {
		err = r.spool.finish()
	}
	err = errors.Join(err, r.finish.remove(ctx))
	r.removals.Wait()
	if r.spool != nil {
		err = errors.Join(err, r.spool.remove())
	}
	if r.src != nil {
		err = errors.Join(err, r.src.Close())
	}
	return errors.Join(err, os.RemoveAll(r.conclusion()), os.RemoveAll(r.scratch()))
}

// sweep removes what dead runs left behind. It is not worth failing for.
func (r *run) sweep(ctx context.Context) error {
	removed, err := r.Engine.Sweep(ctx)
	if len(removed) > 0 {
		r.note(report.Info, "removed %d things that an earlier run left behind", len(removed))
		r.Logger.Info("swept", "removed", removed)
	}
	if err != nil {
		r.note(report.Warning, "what earlier runs left behind could not all be removed: %v", err)
	}
	return ctx.Err()
}

func (r *run) snapshot(ctx context.Context) (err error) {
	step := r.step("snapshot")
	defer func() { step.end(err) }()
	if r.src, err = source.Snapshot(ctx, r.req.Project, r.req.Source); err != nil {
		if errors.As(err, new(*source.RevisionError)) {
			return &UsageError{err.Error()}
		}
		return err
	}
	step.detail = r.src.String()
	r.emit(report.RunStarted{Tree: r.src.ID, Commit: r.src.Commit, Dirty: r.src.Dirty, Root: r.src.Sub})
	for _, n := range r.src.Notes {
		r.note(report.Warning, "%s", n)
	}
	return nil
}

// survey finds the sources and the image that everything starts from. Neither
// waits for the other; but an image is not pulled to its end for sources that
// cannot be had.
func (r *run) survey(ctx context.Context) error {
	both, sound := errgroup.WithContext(ctx)
	both.Go(func() error { return r.snapshot(ctx) })
	both.Go(func() error { return r.findBase(sound) })
	return both.Wait()
}

func (r *run) findBase(ctx context.Context) (err error) {
	r.base, err = r.Engine.Base(ctx, r.req.Image, r.req.Python, func(s string) { r.note(report.Info, "%s", s) })
	return err
}

// place makes the layer and the tree that every worker starts from.
func (r *run) place(ctx context.Context) (err error) {
	r.emit(report.RunStarted{
		Engine: r.info.Name + " " + r.info.Version, Image: r.base.Image, ImageNote: r.base.Note,
	})
	env, err := r.environment(ctx)
	if err != nil {
		return err
	}
	if r.tree, err = r.Engine.Load(ctx, r.src.ID, func(w io.Writer) error { return r.src.WriteTar(ctx, w) }); err != nil {
		return fmt.Errorf("load the source: %w", err)
	}
	r.sealed, err = r.prepared(ctx, env, r.tree)
	return err
}

// spec is a place of work of this run.
func (r *run) spec(role engine.Role, name string) engine.Spec {
	s := engine.Spec{
		Run: r.req.RunID, Name: name, Role: role, Base: r.base, TreeName: r.treeName(), Limits: r.req.Limits,
	}
	if role != engine.Builder {
		s.User = r.req.User // what prepare writes belongs to whom the tests run as
	}
	if role == engine.Worker || role == engine.Finisher {
		s.Layer, s.Tree, s.Harden = r.sealed, r.tree, r.req.Harden
	}
	if role == engine.Worker {
		s.Network = r.req.Network
	}
	return s
}

// treeName is the tree's directory inside: the same name as here.
func (r *run) treeName() string {
	name := filepath.Base(r.src.Root)
	if !filepath.IsLocal(name) || name == "." {
		return "source"
	}
	return name
}

func (r *run) dataDir() string { return filepath.Join(r.conclusion(), "data") }

// open is the session of a worker.
func (r *run) open(mode worker.Mode) func(engine.Layout) worker.Open {
	return func(l engine.Layout) worker.Open {
		return worker.Open{
			Framework: r.req.Framework, Mode: mode, Dir: filepath.ToSlash(filepath.Join(l.Source, r.src.Sub)),
			Args: r.req.Args, Env: r.testEnv(l), Results: l.Temp + "/results",
			TestTimeoutMS: r.req.TestTimeout.Milliseconds(), OutputLimit: r.req.OutputLimit,
			Options: r.req.Options(r.interpreter(l)),
		}
	}
}

// interpreter is the environment's own where there is one.
func (r *run) interpreter(l engine.Layout) string {
	if r.sealed == "" {
		return r.base.Python
	}
	return l.Env + "/bin/python"
}

// testEnv is the whole environment that tests see.
func (r *run) testEnv(l engine.Layout) map[string]string {
	env := map[string]string{
		"HOME": l.Home, "TMPDIR": l.Temp, "LANG": "C.UTF-8", "PATH": l.Path,
		// Ids may depend on the hash seed, and must not differ between workers.
		"PYTHONHASHSEED": "0",
	}
	if r.sealed != "" {
		env["PATH"] = l.Env + "/bin:" + l.Path
		env["VIRTUAL_ENV"] = l.Env
	}
	for k, v := range r.req.Env {
		env[k] = v
	}
	return env
}

// fault ends a run that could not go on.
func (r *run) fault(ctx context.Context, err error) {
	kind := report.Infrastructure
	if errors.As(err, new(*UsageError)) {
		kind = report.Usage
	}
	if ctx.Err() != nil {
		r.emit(report.Stopped{Reason: "interrupted", Signal: signalOf(ctx)})
		return
	}
	r.emit(report.Fault{Kind: kind, Text: err.Error()})
}

// A UsageError is the user's to mend: exit code 2.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

// NewRunID makes an id that is unique and sorts by time.
func NewRunID(now time.Time) string {
	return fmt.Sprintf("%s-%05x", now.UTC().Format("20060102-150405"), (now.UnixNano()^int64(os.Getpid()))&0xfffff)
}
