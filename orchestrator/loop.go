package orchestrator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// grace is how long running tests get to end when the run is stopped.
const grace = 3 * time.Second

// loopState is what only the loop touches.
type loopState struct {
	d        *dispatch.Dispatcher
	spool    *spool
	hired    time.Duration // when workers were asked for
	mode     worker.Mode   // of workers that need not be exact
	workers  int           // how many were asked for
	host     string
	past     past
	hinted   []plan.Test // what the last run discovered
	started  int         // members that are not gone
	done     bool
	stopped  bool
	killed   bool
	timer    <-chan time.Time // ends the grace period
	failures map[worker.TestID]bool
	settings *settings

	sessionError string   // of the last exact worker whose session failed
	unkeptTold   bool     // that reports cannot be kept
	missing      []string // coverage that is not there, in words

	starting            *stepping
	discovery           *stepping
	tests               []plan.Test // discovered, in the suite's order
	deselected          int
	broken              string                    // files could not be collected, in words: no test counts
	told                map[string]bool           // notes that were made
	seen                sight                     // of lazy collection
	lazily              bool                      // a test ran on a worker that collects lazily
	before              map[attempt]worker.TestID // what ran before a tentative failure
	unknown             []worker.TestID           // hinted tests that a lazy worker did not find
	openers             map[attempt]bool          // attempts that were their file's first on their worker
	firstTest, lastTest time.Duration
	collecting          time.Duration // what discovery took
}

// dispatch starts the workers and runs the loop until every test has its
// verdict and every worker is gone.
func (r *run) dispatch(ctx context.Context) (err error) {
	// Workers outlive ctx for the grace period.
	hard, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	if r.spool, err = newSpool(filepath.Join(r.scratch(), "reports.jsonl")); err != nil {
		return err
	}
	r.hired = r.elapsed()
	r.starting = r.step("start")
	for i := range r.workers {
		r.hire(hard, dispatch.WorkerID(i+1), i == 0)
	}
	if len(r.hinted) > 0 {
		r.input(hard, dispatch.TestsAdded{Tests: r.hinted, Hinted: true})
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var deadline <-chan time.Time
	if r.req.RunTimeout > 0 {
		t := time.NewTimer(r.req.RunTimeout)
		defer t.Stop()
		deadline = t.C
	}
	interrupt := ctx.Done()
	for r.started > 0 || !r.done {
		select {
		case m := <-r.inbox:
			r.take(hard, m)
		case <-interrupt:
			interrupt = nil
			r.stop(hard, report.Stopped{Reason: "interrupted", Signal: signalOf(ctx)})
			r.hurry()
		case <-deadline:
			deadline = nil
			r.stop(hard, report.Stopped{Reason: fmt.Sprintf("the run took longer than --run-timeout %s", r.req.RunTimeout)})
			r.hurry()
		case <-second.C:
			r.input(hard, dispatch.Ticked{})
			if err := r.spool.flush(); err != nil {
				r.unkept(hard, err)
			}
		case <-r.timer:
			r.timer, r.killed = nil, true
			kill()
		}
	}
	return nil
}

// hurry gives what runs its last seconds.
func (r *run) hurry() {
	if r.timer == nil && !r.killed {
		r.timer = time.After(grace)
	}
}

// hire starts one more worker.
func (r *run) hire(ctx context.Context, id dispatch.WorkerID, exact bool) {
	mode := r.mode
	if exact {
		mode = worker.Full
	}
	m := &member{
		id: id, mode: mode, exact: mode == worker.Full,
		running: map[worker.TestID]worker.Token{}, leases: map[worker.TestID]lease{}, opened: map[string]bool{},
	}
	ctx, m.cancel = context.WithCancel(ctx)
	r.members[m.id] = m
	r.started++
	r.removals.Add(1)
	// An engine starts only a few at once: first come the ones hired first, of
	// which the very first discovers the tests.
	begun := make(chan struct{})
	go func() {
		close(begun)
		r.tend(ctx, m, r.open(mode))
	}()
	<-begun
}

// stop ends handing out.
func (r *run) stop(ctx context.Context, s report.Stopped) {
	if r.stopped {
		return
	}
	r.stopped = true
	r.emit(s)
	r.input(ctx, dispatch.Stopped{Reason: s.Reason})
}

// input tells the dispatcher what happened and does what it says.
func (r *run) input(ctx context.Context, in dispatch.Input) {
	r.apply(ctx, r.d.Handle(r.elapsed(), in).Commands)
}

func (r *run) apply(ctx context.Context, commands []dispatch.Command) {
	for _, c := range commands {
		switch c := c.(type) {
		case dispatch.Hand:
			for _, t := range c.Tests {
				r.members[c.Worker].leases[t.ID] = lease{c.Token, t.File}
			}
			r.send(c.Worker, worker.Request{Lease: &worker.Lease{Token: c.Token, Tests: c.Tests}})
		case dispatch.TakeBack:
			r.send(c.Worker, worker.Request{Revoke: &worker.Revoke{Tests: c.Tests}})
		case dispatch.Release:
			r.release(r.members[c.Worker])
		case dispatch.Replace:
			r.hire(ctx, c.Worker, c.Exact || r.lists.full == nil && r.exactLeft() == 0)
		case dispatch.Done:
			r.done = true
			for _, id := range slices.Sorted(maps.Keys(r.members)) {
				r.release(r.members[id])
			}
		}
	}
}

// send talks to a worker. That it fails is told by the worker's departure.
func (r *run) send(id dispatch.WorkerID, req worker.Request) {
	m := r.members[id]
	if m.client == nil || m.gone {
		return
	}
	if err := m.client.Send(req); err != nil {
		r.Logger.Debug("send", "worker", m.name(), "error", err)
	}
}

// release drains a worker; one that is not there yet is given up.
func (r *run) release(m *member) {
	m.released = true
	switch {
	case m.gone || m.draining:
	case m.client == nil:
		m.cancel()
	default:
		m.draining = true
		r.send(m.id, worker.Request{Drain: &worker.Drain{}})
	}
}

// take handles a message of a member.
func (r *run) take(ctx context.Context, msg message) {
	m := msg.from
	switch {
	case msg.attached != nil:
		m.client = msg.attached
		if m.released {
			r.release(m)
		}
		if r.discovery == nil {
			r.starting.end(nil)
			r.discovery = r.step("discover")
		}
	case msg.gone != nil:
		r.leave(ctx, m, *msg.gone)
	default:
		r.event(ctx, m, msg.event)
	}
}

// leave ends a member.
func (r *run) leave(ctx context.Context, m *member, d departure) {
	m.gone = true
	m.cancel()
	r.started--
	if m.closed != nil {
		if d.missing != "" || m.died {
			r.missing = append(r.missing, m.name()+": "+cmp.Or(d.missing, "a process of its session ended before its time"))
		}
		r.emit(report.WorkerClosed{Worker: int(m.id), Code: m.closed.Code})
		return
	}
	lost := report.WorkerLost{Worker: int(m.id), Cause: d.cause, Code: d.exit.Code, OOM: d.exit.OOMKilled}
	for t := range m.running {
		lost.Test = string(t)
	}
	if m.client != nil {
		r.missing = append(r.missing, m.name()+": it was lost: "+d.cause)
	}
	if unwanted := m.released && m.client == nil; !unwanted && !r.killed {
		r.emit(lost)
	}
	r.input(ctx, dispatch.WorkerLost{Worker: m.id, Cause: d.cause})
	if r.lists.full == nil && r.exactLeft() == 0 {
		r.recollect(ctx, d.cause)
	}
}

// event folds one event of a worker.
func (r *run) event(ctx context.Context, m *member, ev *worker.Event) {
	switch {
	case ev.Opened != nil:
		r.opened(ctx, m, *ev.Opened)
	case ev.Discovered != nil:
		r.discovered(ctx, m, *ev.Discovered)
	case ev.Collected != nil:
		r.collected(ctx, m, *ev.Collected)
	case ev.Started != nil:
		r.testStarted(ctx, m, *ev.Started)
	case ev.Reported != nil:
		r.reported(ctx, m, *ev.Reported)
	case ev.Finished != nil:
		r.testFinished(ctx, m, *ev.Finished)
	case ev.Returned != nil:
		r.returned(ctx, m, *ev.Returned)
	case ev.Died != nil:
		m.died = true
		r.note(report.Warning, "%s: the test process ended before its time (%s, exit status %d)%s", m.name(), ev.Died.Cause, ev.Died.Code,
			map[bool]string{true: "; another one goes on", false: ""}[ev.Died.Again])
	case ev.Closed != nil:
		r.sessionClosed(ctx, m, *ev.Closed)
	case ev.Output != nil:
		r.emit(report.Output{Worker: int(m.id), Text: string(ev.Output.Data), Dropped: ev.Output.Dropped})
	case ev.Failed != nil:
		r.failed(ctx, m, *ev.Failed)
	}
}

// failed: the agent could not do what was asked. A mistake of the user's ends
// the run, and so does what a second exact worker says in the same words: an
// internal error of the framework's would meet all others too. Anything else
// costs this worker; the one that comes for a lazy one collects everything.
func (r *run) failed(ctx context.Context, m *member, f worker.Failed) {
	switch {
	case r.stopped:
		r.Logger.Debug("failed", "worker", m.name(), "error", f.Error)
	case f.Usage:
		r.emit(report.Fault{Kind: report.Usage, Text: f.Error})
		r.stop(ctx, report.Stopped{Reason: "the suite cannot be run as asked"})
	case m.exact && m.failed == "" && f.Error == r.sessionError:
		r.emit(report.Fault{Kind: report.Infrastructure, Text: f.Error})
		r.stop(ctx, report.Stopped{Reason: "two workers failed in the same way"})
	default:
		if m.exact {
			r.sessionError = f.Error
		}
		r.emit(report.WorkerLost{Worker: int(m.id), Cause: f.Error})
		if !m.exact {
			r.mode = worker.Full
			r.distrust(m.name() + " could not collect lazily")
		}
	}
	m.failed = f.Error
	r.input(ctx, dispatch.WorkerLost{Worker: m.id, Cause: f.Error})
	r.release(m)
	if r.lists.full == nil && r.exactLeft() == 0 {
		r.recollect(ctx, f.Error)
	}
}

// exactLeft counts the workers that may still discover the suite.
func (r *run) exactLeft() int {
	n := 0
	for _, m := range r.members {
		if m.exact && !m.gone && m.failed == "" {
			n++
		}
	}
	return n
}
