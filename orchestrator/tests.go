package orchestrator

import (
	"context"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

func (l *loop) testStarted(ctx context.Context, m *member, s worker.Started) {
	answer := l.tell(dispatch.TestStarted{Worker: m.id, Token: s.Token, Test: s.Test})
	l.emit(l.ran.started(l.elapsed(), m.id, s, answer, l.began(m, s)))
	l.follow(ctx, answer)
}

// began returns when a test started, by its worker's clock, as far as that can be: not
// after the loop has heard of it, and not before the worker's test before. It is zero
// when it is not known.
func (l *loop) began(m *member, s worker.Started) report.Duration {
	at, ok := m.client.Here(s.AtMS)
	if !ok {
		return 0
	}
	began := min(l.since(at), report.Duration(l.elapsed()))
	if began < m.began {
		return 0
	}
	m.began = began
	return began
}

// testFinished handles a result. Only a failure that the framework itself reports may
// be due to lazy collection; a process that died may not.
func (l *loop) testFinished(ctx context.Context, m *member, f worker.Finished) {
	answer := l.tell(dispatch.TestFinished{
		Worker: m.id, Token: f.Token, Test: f.Test, Outcome: f.Outcome, Tentative: f.Cause == "", Suspect: f.Tentative, Stray: f.Stray,
		Setup: report.Millis(f.SetupMS).Std(), Call: report.Millis(f.CallMS).Std(), Teardown: report.Millis(f.TeardownMS).Std(),
	})
	if answer.Live {
		l.census.Ran(m.id)
	}
	l.emit(l.ran.finished(l.elapsed(), m.id, f, answer, l.past.expected(answer.Test, f, answer.Attempt.First, m.host)))
	l.follow(ctx, answer)
	l.maxfail(ctx)
}

// maxfail stops the run after so many failures, counted over all workers.
func (l *loop) maxfail(ctx context.Context) {
	if n := l.ran.failures(); l.settings != nil && l.settings.MaxFail > 0 && n >= l.settings.MaxFail {
		l.stop(ctx, report.Stopped{Reason: "stopping after " + report.Count(n, "failure", "failures")})
	}
}

func (l *loop) returned(ctx context.Context, m *member, ret worker.Returned) {
	if len(ret.Tests) > 0 {
		l.input(ctx, dispatch.TestsReturned{Worker: m.id, Tests: ret.Tests})
	}
	if len(ret.Unknown) > 0 {
		l.obey(ctx, m, l.census.Unknown(m.id, ret.Unknown))
	}
}
