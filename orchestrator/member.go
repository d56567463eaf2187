package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// A member is one worker of the run. The loop owns it; its own goroutine only
// posts messages.
type member struct {
	id     dispatch.WorkerID
	mode   worker.Mode        // asked for, and once opened the one in use
	client *worker.Client     // nil until attached
	cancel context.CancelFunc // gives up starting it
	ready  bool
	// released: it gets no more tests. draining: it has been told so.
	released, draining bool
	closed             *worker.Closed
	gone               bool
	failed             string // why its session could not go on
	died               bool   // a process of its session ended before its time
	running            map[worker.TestID]worker.Token
	leases             map[worker.TestID]lease // the latest of each test
	opened             map[string]bool         // files of which a test has run here
	last, before       worker.TestID           // the test that was started last, and the one before
	collected          time.Duration           // files, since its last test
	// exact: it collects the whole suite; collecting, while it does.
	exact      bool
	collecting *collection
}

func (m *member) name() string { return report.WorkerName(int(m.id)) }

// A lease is what a test was handed out under.
type lease struct {
	token worker.Token
	file  string
}

// A message is what a member's goroutine tells the loop. One field besides
// from is set.
type message struct {
	from     *member
	attached *worker.Client
	event    *worker.Event
	gone     *departure
}

// A departure is the end of a member.
type departure struct {
	exit  engine.Exit
	cause string // why it is not a clean end; "" when it is
	// missing says which of its files could not be fetched, and why.
	missing string
	// compiled is an archive of what it compiled; "" for none.
	compiled string
}

// tend runs one worker from its start to its removal.
func (r *run) tend(ctx context.Context, m *member, open func(engine.Layout) worker.Open) {
	defer r.removals.Done()
	inst, err := r.Engine.Start(ctx, r.spec(engine.Worker, m.name()))
	if err != nil {
		r.inbox <- message{from: m, gone: &departure{cause: fmt.Sprintf("it could not be started: %v", err)}}
		return
	}
	d := r.work(ctx, m, inst, open)
	r.inbox <- message{from: m, gone: &d} // nobody waits for what follows but the end of the run
	if d.compiled != "" {
		if err := r.keepCompiled(d.compiled); err != nil {
			r.note(report.Warning, "what was compiled of the sources cannot be kept, the next run compiles it again: %v", err)
		}
	}
	if err := inst.Remove(context.WithoutCancel(ctx)); err != nil {
		r.note(report.Warning, "%s could not be removed: %v", m.name(), err)
	}
}

func (r *run) work(ctx context.Context, m *member, inst engine.Instance, open func(engine.Layout) worker.Open) (d departure) {
	client, err := dial(ctx, inst, m.name())
	if err != nil {
		d.exit, d.cause = r.autopsy(ctx, inst, err)
		return d
	}
	defer client.Close()
	defer context.AfterFunc(ctx, client.Close)()
	session := open(inst.Layout())
	session.Compiled, session.Compile = r.bringCompiled(ctx, m, client, inst.Layout().Temp), r.req.Compiled.Dir != "" && m.id == 1
	if err := client.Send(worker.Request{Open: &session}); err != nil {
		d.exit, d.cause = r.autopsy(ctx, inst, err)
		return d
	}
	r.inbox <- message{from: m, attached: client} // from now on the loop may talk to it
	var closed *worker.Closed
	for ev := range client.Events() {
		r.inbox <- message{from: m, event: &ev}
		if ev.Closed != nil {
			closed = ev.Closed
			break
		}
	}
	if closed == nil {
		d.exit, d.cause = r.autopsy(ctx, inst, client.Err())
		return d
	}
	d.missing = r.fetch(ctx, client, m.name(), closed)
	d.compiled = r.fetchCompiled(ctx, m, client, closed)
	if err := client.Quit(ctx); err != nil && ctx.Err() == nil {
		r.Logger.Debug("worker did not quit", "worker", m.name(), "error", err)
	}
	return d
}

// autopsy finds out why a worker's stream ended: the engine's own state is
// asked before anything is removed.
func (r *run) autopsy(ctx context.Context, inst engine.Instance, err error) (engine.Exit, string) {
	if ctx.Err() != nil {
		return engine.Exit{}, "the run was stopped"
	}
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	exit, waitErr := inst.Wait(wait)
	switch {
	case waitErr != nil:
		return exit, fmt.Sprintf("its stream broke: %v%s", err, quoted(inst.Stderr()))
	case exit.OOMKilled:
		return exit, "it ran out of memory: raise limits.memory"
	case exit.Code > 128:
		return exit, fmt.Sprintf("it was killed from outside (exit status %d)", exit.Code)
	default:
		return exit, fmt.Sprintf("its agent ended with exit status %d: %v%s", exit.Code, err, quoted(inst.Stderr()))
	}
}

func quoted(stderr string) string {
	if stderr == "" {
		return ""
	}
	return "; it said: " + stderr
}

// fetch brings a worker's files (coverage data) to the run's directory. It
// returns what is missing, in words.
func (r *run) fetch(ctx context.Context, client *worker.Client, name string, closed *worker.Closed) string {
	if closed.Missing != "" {
		return closed.Missing
	}
	for _, path := range closed.Files {
		local := filepath.Join(r.dataDir(), name, filepath.Base(path))
		if err := fetchFile(ctx, client, path, local, maxFetched); err != nil {
			return fmt.Sprintf("%s could not be fetched: %v", filepath.Base(path), err)
		}
	}
	return ""
}

// maxFetched bounds a file that a worker sends, in bytes: the worker says how
// long it is.
const maxFetched = 8 << 30

func fetchFile(ctx context.Context, client *worker.Client, remote, local string, most int64) (err error) {
	if err := os.MkdirAll(filepath.Dir(local), 0o755); err != nil {
		return err
	}
	f, err := os.Create(local)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return client.GetFile(ctx, remote, &bounded{f, most})
}

// bounded is a writer that takes so many bytes.
type bounded struct {
	io.Writer
	left int64
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errors.New("it is longer than any such file should be")
	}
	return b.Writer.Write(p)
}

// dial greets the agent of a place of work.
func dial(ctx context.Context, inst engine.Instance, name string) (*worker.Client, error) {
	client := worker.NewClient(inst.Stream(), worker.ClientOptions{})
	if _, err := client.Hello(ctx, worker.Greeting{Version: worker.Version, Worker: name}); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}
