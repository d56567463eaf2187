package orchestrator

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// take handles a message of a member.
func (l *loop) take(ctx context.Context, msg message) {
	m := msg.from
	switch {
	case msg.attached != nil:
		p := msg.attached
		m.client, m.budget, m.host = p.client, p.budget, p.inst.Host()
		m.shared = p.layout.Here && !m.late && !l.req.Session.OwnTree && l.workers > 1
		l.emit(report.WorkerAttached{
			Worker: int(m.id), Asked: l.since(p.asked), Created: l.since(p.created), Greeted: l.since(p.greeted),
		})
		if m.released {
			l.release(m)
		}
		if l.discovering == nil {
			l.starting.end(nil)
			l.discovering = l.step("discover")
		}
	case msg.gone != nil:
		l.leave(ctx, m, *msg.gone)
	default:
		for i := range msg.events {
			l.event(ctx, m, &msg.events[i])
		}
	}
}

// event folds one event of a worker.
func (l *loop) event(ctx context.Context, m *member, ev *worker.Event) {
	switch {
	case ev.Opened != nil:
		l.obey(ctx, m, l.census.Opened(m.id, *ev.Opened))
		l.obey(ctx, m, l.census.Orphaned(m.name()+" does not collect the whole suite, as it was asked to"))
	case ev.Discovered != nil:
		l.discovered(ctx, m, *ev.Discovered)
	case ev.Collected != nil:
		l.collectedAll(ctx, m, *ev.Collected)
	case ev.Started != nil:
		l.testStarted(ctx, m, *ev.Started)
	case ev.Reported != nil:
		l.reported(ctx, m, *ev.Reported)
	case ev.Finished != nil:
		l.testFinished(ctx, m, *ev.Finished)
	case ev.Returned != nil:
		l.returned(ctx, m, *ev.Returned)
	case ev.Died != nil:
		l.processDied(m, *ev.Died)
	case ev.Closed != nil:
		l.sessionClosed(ctx, m, *ev.Closed)
	case ev.Output != nil && len(ev.Output.Data)+int(ev.Output.Dropped) > 0:
		l.emit(report.Output{Worker: int(m.id), Text: string(ev.Output.Data), Dropped: ev.Output.Dropped})
	case ev.Failed != nil:
		l.failed(ctx, m, *ev.Failed)
	}
}

// collectedAll handles the end of a full collection. One of sources that tests had
// written to is no plain one's: a worker with a tree of its own collects again.
func (l *loop) collectedAll(ctx context.Context, m *member, c worker.Collected) {
	if m.shared && l.leased != 0 && c.Changed != "" && l.since(time.UnixMicro(int64(1000*c.ChangedMS))).Std()+tick >= l.leased {
		cause := fmt.Sprintf("tests had changed %s before it had collected them all", report.Clean(c.Changed))
		l.obey(ctx, m, l.census.Stale(m.id, cause))
		l.obey(ctx, m, l.census.Orphaned(cause))
		return
	}
	if !l.census.Known() {
		l.collected = report.Millis(c.DurationMS).Std()
	}
	l.obey(ctx, m, l.census.Collected(m.id, c))
}

// tick is how far the clock of a file system may be behind the machine's.
const tick = 20 * time.Millisecond

func (l *loop) discovered(ctx context.Context, m *member, d worker.Discovered) {
	if !l.census.Full(m.id) {
		l.ran.expanded(m.id, report.Millis(d.DurationMS).Std())
	}
	l.obey(ctx, m, l.census.Discovered(m.id, d))
}

func (l *loop) processDied(m *member, d worker.Died) {
	m.died = true
	if d.Cause == worker.Hung {
		l.hung = append(l.hung, m.id)
	}
	l.emit(report.Died{Worker: int(m.id), Test: string(d.Test), Cause: d.Cause, Code: d.Code, Again: d.Again})
}

// failed handles an agent that could not do what the coordinator asked.
func (l *loop) failed(ctx context.Context, m *member, f worker.Failed) {
	if l.stopped {
		l.log.Debug("failed", "worker", m.name(), "error", f.Error)
	}
	m.short = !l.census.Full(m.id)
	before := l.stopped
	l.obey(ctx, m, l.census.Failed(m.id, f))
	if l.stopped && !before {
		log := l.dir.path("workers", m.name()+".log")
		if rel, inside := l.req.within(log); inside {
			log = rel
		}
		l.note(report.Info, "all that %s printed is in %s", m.name(), log)
	}
	l.obey(ctx, m, l.census.Orphaned(f.Error))
}

func (l *loop) sessionClosed(ctx context.Context, m *member, c worker.Closed) {
	m.closed = &c
	l.census.Gone(m.id)
	if c.Finished < c.Started {
		l.note(report.Warning, "%s started %d tests and finished %d", m.name(), c.Started, c.Finished)
	}
	if c.Stop != "" {
		l.stop(ctx, report.Stopped{Reason: c.Stop})
	}
	if m.released {
		return
	}
	cause := "its session ended by itself"
	if c.Stop != "" {
		cause += ": " + c.Stop
	}
	l.input(ctx, dispatch.WorkerLost{Worker: m.id, Cause: cause})
	l.obey(ctx, m, l.census.Orphaned(cause))
}

// maxClosing bounds what a session says at its end, in bytes; maxNotes how many
// sentences it may have for the user.
const maxClosing, maxNotes = 16 << 10, 4

// ended emits how a member's session ended.
func (l *loop) ended(m *member) {
	closed := report.WorkerClosed{Worker: int(m.id), Code: m.closed.Code, Unexplained: m.closed.Unexplained && !m.short, PeakMemory: max(m.closed.PeakMemory, 0)}
	if closed.Unexplained {
		closed.Closing = strings.ToValidUTF8(m.closed.Closing[:min(len(m.closed.Closing), maxClosing)], "")
		l.unexplained = append(l.unexplained, closed)
	}
	l.emit(closed)
	for _, file := range m.closed.Suspects {
		l.suspects[file] = true
	}
	if l.workers == 1 {
		return // it saw the whole
	}
	for _, n := range m.closed.Notes[:min(len(m.closed.Notes), maxNotes)] {
		if !l.noted[n] && len(l.noted) < maxNotes {
			l.noted[n] = true
			l.note(report.Info, "%s", n)
		}
	}
}

// leave ends a member.
func (l *loop) leave(ctx context.Context, m *member, d departure) {
	m.gone = true
	m.cancel()
	if m.budget != nil && m.budget.cut() > 0 {
		l.emit(report.Output{Worker: int(m.id), Dropped: m.budget.cut()})
	}
	l.started--
	l.census.Gone(m.id)
	if m.closed != nil {
		if d.missing != "" || m.died {
			l.missing = append(l.missing, missing{m.id, cmp.Or(d.missing, "a process of its session ended before its time")})
		}
		l.ended(m)
		return
	}
	if m.client != nil && !m.abandoned.Load() {
		l.missing = append(l.missing, missing{m.id, "it was lost: " + d.cause})
	}
	answer := l.tell(dispatch.WorkerLost{Worker: m.id, Cause: d.cause})
	if unwanted := m.abandoned.Load() || m.released && m.client == nil; !unwanted && !l.killed {
		l.emit(report.WorkerLost{
			Worker: int(m.id), Cause: d.cause, Code: d.exit.Code, OOM: d.exit.OOMKilled, Test: string(answer.Test.ID),
		})
	}
	l.follow(ctx, answer)
	l.obey(ctx, m, l.census.Orphaned(d.cause))
}
