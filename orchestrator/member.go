package orchestrator

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
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
	mode   worker.Mode        // asked for
	late   bool               // tests had been handed out before it came
	shared bool               // its tree is, as those of others are
	client *worker.Client     // nil until attached
	budget *budget            // likewise
	host   string             // where it runs, once attached
	trip   time.Duration      // to it and back, as the dispatcher was told
	cancel context.CancelFunc // gives up starting it
	ready  bool
	// released members get no more tests; draining ones have been told.
	released, draining bool
	abandoned          atomic.Bool // nobody waits for it any more: it has run nothing
	closed             *worker.Closed
	began              report.Duration // of its last test, by its own clock
	gone               bool
	short              bool   // a lazy session that could not go on: another worker takes its place
	died               bool   // a process of its session ended before its time
	settings           []byte // of its session, as far as they have come
}

func (m *member) name() string { return report.WorkerName(int(m.id)) }

// A message goes from a member's goroutine to the loop. One field besides from is
// set.
type message struct {
	from     *member
	attached *place
	events   []worker.Event // in their order
	gone     *departure
}

// A departure is the end of a member.
type departure struct {
	ending
	// missing says which of its files could not be fetched, and why.
	missing string
	// compiled is an archive of what it compiled; "" for none.
	compiled string
}

// hire starts one more worker.
func (l *loop) hire(ctx context.Context, id dispatch.WorkerID, full bool) {
	m := &member{id: id, mode: l.census.Hire(id, full), late: int(id) > l.workers}
	ctx, m.cancel = context.WithCancel(ctx)
	l.members[m.id] = m
	l.started++
	l.removals.Add(1)
	turn := l.starts.Next(l.site.engine) // the one hired first discovers the tests
	go l.tend(ctx, m, turn)
}

// measure tells the dispatcher the round trip times to the workers.
func (l *loop) measure(ctx context.Context) {
	for _, id := range slices.Sorted(maps.Keys(l.members)) {
		m := l.members[id]
		if m.client == nil || m.gone {
			continue
		}
		if trip := m.client.RTT(); trip != m.trip {
			m.trip = trip
			l.input(ctx, dispatch.RoundTripped{Worker: id, Took: trip})
		}
	}
}

// send sends a message to a worker. It drops the error: the worker's departure
// reports it.
func (l *loop) send(id dispatch.WorkerID, req worker.Request) {
	m := l.members[id]
	if m.client == nil || m.gone {
		return
	}
	if err := m.client.Send(req); err != nil {
		l.log.Debug("send", "worker", m.name(), "error", err)
	}
}

// release drains a worker. It cancels the start of one that is not attached yet.
func (l *loop) release(m *member) {
	m.released = true
	switch {
	case m.gone || m.draining:
	case m.client == nil:
		m.cancel()
	default:
		m.draining = true
		l.send(m.id, worker.Request{Drain: &worker.Drain{}})
	}
}

// tend runs one worker from its start to its removal.
func (l *loop) tend(ctx context.Context, m *member, turn engine.Starter) {
	defer l.removals.Done()
	p, err := l.begin(ctx, turn, m)
	if err != nil {
		l.inbox <- message{from: m, gone: &departure{ending: notStarted(err)}}
		return
	}
	d := l.work(ctx, m, p)
	l.inbox <- message{from: m, gone: &d} // nobody waits for what follows but the end of the run
	if d.compiled != "" {
		if err := l.compiled.keep(d.compiled); err != nil {
			l.note(report.Warning, "the bytecode cannot be kept, so the next run compiles the sources again: %v", err)
		}
	}
	if err := p.end(ctx); err != nil {
		l.note(report.Warning, "%s could not be removed: %v", m.name(), err)
	}
}

// begin returns the place of a worker: one that has waited, or else a new one.
func (l *loop) begin(ctx context.Context, turn engine.Starter, m *member) (*place, error) {
	if p := l.pool.begin(ctx, m.name()); p != nil {
		engine.Pass(turn)
		return p, nil
	}
	return l.site.begin(ctx, turn, engine.Worker, m.name(), m.late)
}

func (l *loop) work(ctx context.Context, m *member, p *place) (d departure) {
	defer p.client.Close()
	defer context.AfterFunc(ctx, p.client.Close)()
	session := l.site.open(m.mode, p.layout, int(m.id), l.workers)
	l.pool.seen(session, p.layout)
	session.Compiled, session.Compile = l.compiled.bring(ctx, p), l.compiled.key != "" && m.id == 1
	session.Foresee = l.manner.foresees
	since := worker.Moment()
	if err := p.client.Send(worker.Request{Open: &session}); err != nil {
		return departure{ending: p.autopsy(ctx, err)}
	}
	l.inbox <- message{from: m, attached: p} // from now on the loop may talk to it
	var closed *worker.Closed
	for events := range p.client.Events() {
		l.inbox <- message{from: m, events: events}
		if closed = events[len(events)-1].Closed; closed != nil {
			break
		}
	}
	if closed == nil {
		d.ending = p.autopsy(ctx, p.client.Err())
		if !m.abandoned.Load() {
			l.gathered.salvage(ctx, p, since)
		}
		return d
	}
	d.missing = l.fetch(ctx, p, closed)
	d.compiled = l.compiled.fetch(ctx, p, closed)
	l.gathered.gather(ctx, p)
	if err := p.client.Quit(ctx); err != nil && ctx.Err() == nil {
		l.log.Debug("worker did not quit", "worker", p.name, "error", err)
	}
	return d
}

// fetch copies a worker's files (coverage data) to the run's directory. It returns
// why files are missing, as a sentence; "" if none are.
func (l *loop) fetch(ctx context.Context, p *place, closed *worker.Closed) string {
	if closed.Missing != "" {
		return closed.Missing
	}
	room := allowance{maxFiles, maxFileBytes}
	for _, path := range closed.Files {
		local := filepath.Join(l.dir.data(), p.name, filepath.Base(path))
		if err := room.fetch(ctx, p, path, local); err != nil {
			return fmt.Sprintf("%s could not be fetched: %v", filepath.Base(path), err)
		}
	}
	return ""
}
