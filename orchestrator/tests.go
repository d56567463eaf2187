package orchestrator

import (
	"context"
	"fmt"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

func (l *loop) testStarted(ctx context.Context, m *member, s worker.Started) {
	m.running[s.Test] = s.Token
	m.before, m.last = m.last, s.Test
	file := m.leases[s.Test].file
	if !m.opened[file] {
		m.opened[file] = true
		l.openers[attempt{s.Test, s.Token}] = true
	}
	if l.firstTest == 0 {
		l.firstTest = l.elapsed()
	}
	l.emit(report.TestStarted{
		Worker: int(m.id), Test: string(s.Test), Attempt: l.attempts(s.Test) + 1, File: file, Collected: report.Duration(m.collected),
	})
	m.collected = 0
	l.input(ctx, dispatch.TestStarted{Worker: m.id, Token: s.Token, Test: s.Test})
}

// attempts is how many attempts at a test have ended.
func (l *loop) attempts(id worker.TestID) int {
	res, ok := l.d.Result(id)
	if !ok {
		return 0
	}
	return len(res.Attempts)
}

func (l *loop) testFinished(ctx context.Context, m *member, f worker.Finished) {
	_, first := m.running[f.Test]
	delete(m.running, f.Test)
	l.lastTest = l.elapsed()
	bad := f.Outcome == worker.Failing || f.Outcome == worker.Errored
	tentative := bad && !m.exact && f.Cause == ""
	l.lazily = l.lazily || !m.exact
	if tentative && first && f.Test == m.last {
		l.before[attempt{f.Test, f.Token}] = m.before
	}
	n := l.attempts(f.Test)
	if first {
		n++
	}
	fin := report.TestFinished{
		Worker: int(m.id), Test: string(f.Test), Attempt: max(n, 1), Outcome: f.Outcome, Message: f.Message,
		Setup: report.Millis(f.SetupMS), Call: report.Millis(f.CallMS), Teardown: report.Millis(f.TeardownMS),
		Cause: f.Cause, Code: f.Code, Tentative: tentative, File: f.File, Line: f.Line,
	}
	if res, ok := l.d.Result(f.Test); ok {
		fin.Expected = l.past.expected(res.Test, f, l.openers[attempt{f.Test, f.Token}], l.host)
	}
	l.emit(fin)
	l.input(ctx, dispatch.TestFinished{
		Worker: m.id, Token: f.Token, Test: f.Test, Outcome: f.Outcome, Tentative: tentative,
		Setup: fin.Setup.Std(), Call: fin.Call.Std(), Teardown: fin.Teardown.Std(),
	})
	if bad && !tentative {
		l.failures[f.Test] = true
		l.maxfail(ctx)
	}
}

// maxfail stops the run after so many failures, counted over all workers.
func (l *loop) maxfail(ctx context.Context) {
	if s := l.settings; s != nil && s.MaxFail > 0 && len(l.failures) >= s.MaxFail {
		l.stop(ctx, report.Stopped{Reason: fmt.Sprintf("stopping after %d failures", len(l.failures))})
	}
}

func (l *loop) returned(ctx context.Context, m *member, ret worker.Returned) {
	if len(ret.Tests) > 0 {
		l.input(ctx, dispatch.TestsReturned{Worker: m.id, Tests: ret.Tests})
	}
	if len(ret.Unknown) > 0 {
		l.unknown = append(l.unknown, ret.Unknown...)
		l.settleUnknown()
		l.input(ctx, dispatch.TestsRejected{Worker: m.id, Tests: ret.Unknown})
	}
}

// settleUnknown looks at the tests that lazy workers did not find. One that
// the full collection has not either was only a hint.
func (l *loop) settleUnknown() {
	if l.lists.full == nil {
		return
	}
	for _, id := range l.unknown {
		if _, ok := l.d.Result(id); ok {
			l.distrust(fmt.Sprintf("a worker that collects lazily did not find %s", id))
		}
	}
	l.unknown = nil
}

func (l *loop) sessionClosed(ctx context.Context, m *member, c worker.Closed) {
	m.closed = &c
	if c.Finished < c.Started {
		l.note(report.Warning, "%s started %d tests and finished %d", m.name(), c.Started, c.Finished)
	}
	if c.Stop != "" {
		l.stop(ctx, report.Stopped{Reason: c.Stop})
	}
	if !m.released {
		l.input(ctx, dispatch.WorkerLost{Worker: m.id, Cause: "its session ended by itself" + colon(c.Stop)})
	}
}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}
