package orchestrator

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/census"
	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// input gives the dispatcher an input and carries out its answer.
func (l *loop) input(ctx context.Context, in dispatch.Input) { l.follow(ctx, l.tell(in)) }

// tell gives the dispatcher an input and returns its answer, for callers that emit
// an event before they follow it.
func (l *loop) tell(in dispatch.Input) dispatch.Answer { return l.d.Handle(l.elapsed(), in) }

// follow emits the verdicts of an answer, and obeys its commands.
func (l *loop) follow(ctx context.Context, answer dispatch.Answer) {
	if len(answer.Judged) > 0 { // a verdict is not known before the reports that it rests on
		if err := l.spool.flush(); err != nil {
			l.spoolBroke(ctx, err)
		}
	}
	for _, id := range answer.Judged {
		if res, ok := l.d.Result(id); ok {
			v := judged(res, l.census.Broken())
			if last, ok := res.Last(); ok {
				v.Reports = extents(l.spool.of[attempt{id, last.Token}])
			}
			l.emit(v)
		}
	}
	for _, t := range answer.Thefts {
		l.emit(report.Stolen{From: int(t.From), To: int(t.To), Tests: t.Tests})
	}
	for _, c := range answer.Commands {
		l.command(ctx, c)
	}
}

// judged returns the verdict on a test as it stands. Where the suite is broken no
// test counts, as in the framework itself, also not one that a hint had run.
func judged(res dispatch.Result, broken string) report.Judged {
	v := report.Judged{Test: string(res.Test.ID), Verdict: report.Verdict(res.Verdict), Reason: res.Reason, Attempts: len(res.Attempts)}
	switch {
	case broken != "":
		v.Verdict, v.Reason = report.NotRun, broken
	case !res.Final:
		v.Verdict, v.Reason = "", ""
	}
	return v
}

func leased(h dispatch.Hand) report.Leased {
	ids := make([]string, len(h.Tests))
	for i, t := range h.Tests {
		ids[i] = string(t.ID)
	}
	return report.Leased{Worker: int(h.Worker), Token: int64(h.Token), Tests: ids}
}

func rejected(in dispatch.TestsRejected) report.Rejected {
	ids := make([]string, len(in.Tests))
	for i, id := range in.Tests {
		ids[i] = string(id)
	}
	return report.Rejected{Worker: int(in.Worker), Tests: ids}
}

func (l *loop) command(ctx context.Context, c dispatch.Command) {
	switch c := c.(type) {
	case dispatch.Hand:
		if l.leased == 0 {
			l.leased = l.elapsed()
		}
		l.ran.handed(c)
		l.emit(leased(c))
		if m := l.members[c.Worker]; m.budget != nil {
			m.budget.handed(c.Tests)
		}
		l.send(c.Worker, worker.Request{Lease: &worker.Lease{Token: c.Token, Tests: c.Tests}})
	case dispatch.TakeBack:
		l.send(c.Worker, worker.Request{Revoke: &worker.Revoke{Tests: c.Tests}})
	case dispatch.Release:
		l.release(l.members[c.Worker])
	case dispatch.Replace:
		l.hire(ctx, c.Worker, c.Full)
	case dispatch.Done:
		l.done = true
		l.tardy = time.After(silence)
		for _, id := range slices.Sorted(maps.Keys(l.members)) {
			l.release(l.members[id])
		}
	}
}

// obey carries out a ruling on a worker's session.
func (l *loop) obey(ctx context.Context, m *member, r census.Ruling) {
	for _, act := range r {
		switch a := act.(type) {
		case census.Tell:
			if d, ok := a.Body.(report.Discovered); ok {
				a.Body = l.narrow(d)
			}
			l.emit(a.Body)
		case census.Input:
			if in, ok := a.Input.(dispatch.TestsAdded); ok && l.carried != nil {
				var err error
				if in.Tests, err = l.rest(in.Tests); err != nil {
					l.spoolBroke(ctx, err)
				}
				a.Input = in
			}
			if in, ok := a.Input.(dispatch.TestsRejected); ok {
				l.emit(rejected(in))
			}
			l.input(ctx, a.Input)
		case census.Begun:
			l.emit(report.WorkerStarted{Worker: int(m.id), Mode: string(a.Mode), Framework: a.Framework, Runtime: a.Runtime, Host: m.host})
		case census.Ready:
			l.ready(ctx, m, a)
		case census.Dismissed:
			l.release(m)
		case census.Known:
			l.known(ctx, m, a.Reports)
		case census.Planned:
			if p, ok := l.d.Plan(); ok {
				l.emit(l.past.planned(p, l.d.PlanWorkers(), l.census.Tests(), l.carried != nil))
			}
		case census.Stop:
			l.stop(ctx, report.Stopped{Reason: a.Reason})
		}
	}
}

// ready handles a worker that takes tests. Once the last one does, it starts the
// finisher, which would only keep workers from starting before.
func (l *loop) ready(ctx context.Context, m *member, r census.Ready) {
	m.ready = true
	l.emit(report.WorkerReady{Worker: int(m.id), Collected: r.Took})
	l.input(ctx, dispatch.WorkerReady{Worker: m.id, Host: m.host, Full: r.Full})
	for _, m := range l.members {
		if !m.ready && !m.gone {
			return
		}
	}
	l.finish.start(ctx, l.spool)
}

// known ends discovery, and keeps the list of the tests and the framework's
// reports of it.
func (l *loop) known(ctx context.Context, m *member, reports []json.RawMessage) {
	l.discovering.end(nil)
	l.collecting = l.elapsed() - l.discovering.began
	if err := writeInventory(l.dir, inventoryOf(l.census.Files())); err != nil {
		l.spoolBroke(ctx, err)
	}
	l.emit(report.Inventoried{File: inventoryFile, Tests: len(l.census.Tests())})
	for _, rep := range reports {
		l.keep(ctx, m, 0, worker.Reported{Kind: "collect", Data: rep})
	}
}
