package orchestrator

import (
	"context"
	"fmt"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

func (r *run) testStarted(ctx context.Context, m *member, s worker.Started) {
	m.running[s.Test] = s.Token
	m.before, m.last = m.last, s.Test
	file := m.leases[s.Test].file
	if !m.opened[file] {
		m.opened[file] = true
		r.openers[attempt{s.Test, s.Token}] = true
	}
	if r.firstTest == 0 {
		r.firstTest = r.elapsed()
	}
	r.emit(report.TestStarted{
		Worker: int(m.id), Test: string(s.Test), Attempt: r.attempts(s.Test) + 1, File: file, Collected: report.Duration(m.collected),
	})
	m.collected = 0
	r.input(ctx, dispatch.TestStarted{Worker: m.id, Token: s.Token, Test: s.Test})
}

// attempts is how many attempts at a test have ended.
func (r *run) attempts(id worker.TestID) int {
	res, ok := r.d.Result(id)
	if !ok {
		return 0
	}
	return len(res.Attempts)
}

func (r *run) testFinished(ctx context.Context, m *member, f worker.Finished) {
	_, first := m.running[f.Test]
	delete(m.running, f.Test)
	r.lastTest = r.elapsed()
	bad := f.Outcome == worker.Failing || f.Outcome == worker.Errored
	tentative := bad && !m.exact && f.Cause == ""
	r.lazily = r.lazily || !m.exact
	if tentative && first && f.Test == m.last {
		r.before[attempt{f.Test, f.Token}] = m.before
	}
	n := r.attempts(f.Test)
	if first {
		n++
	}
	fin := report.TestFinished{
		Worker: int(m.id), Test: string(f.Test), Attempt: max(n, 1), Outcome: f.Outcome, Message: f.Message,
		Setup: report.Millis(f.SetupMS), Call: report.Millis(f.CallMS), Teardown: report.Millis(f.TeardownMS),
		Cause: f.Cause, Code: f.Code, Tentative: tentative, File: f.File, Line: f.Line,
	}
	fin.Expected = r.expected(f)
	r.emit(fin)
	r.input(ctx, dispatch.TestFinished{
		Worker: m.id, Token: f.Token, Test: f.Test, Outcome: f.Outcome, Tentative: tentative,
		Setup: fin.Setup.Std(), Call: fin.Call.Std(), Teardown: fin.Teardown.Std(),
	})
	if bad && !tentative {
		r.failures[f.Test] = true
		r.maxfail(ctx)
	}
}

// maxfail stops the run after so many failures, counted over all workers.
func (r *run) maxfail(ctx context.Context) {
	if s := r.settings; s != nil && s.MaxFail > 0 && len(r.failures) >= s.MaxFail {
		r.stop(ctx, report.Stopped{Reason: fmt.Sprintf("stopping after %d failures", len(r.failures))})
	}
}

func (r *run) returned(ctx context.Context, m *member, ret worker.Returned) {
	if len(ret.Tests) > 0 {
		r.input(ctx, dispatch.TestsReturned{Worker: m.id, Tests: ret.Tests})
	}
	if len(ret.Unknown) > 0 {
		r.unknown = append(r.unknown, ret.Unknown...)
		r.settleUnknown()
		r.input(ctx, dispatch.TestsRejected{Worker: m.id, Tests: ret.Unknown})
	}
}

// settleUnknown looks at the tests that lazy workers did not find. One that
// the full collection has not either was only a hint.
func (r *run) settleUnknown() {
	if r.lists.full == nil {
		return
	}
	for _, id := range r.unknown {
		if _, ok := r.d.Result(id); ok {
			r.distrust(fmt.Sprintf("a worker that collects lazily did not find %s", id))
		}
	}
	r.unknown = nil
}

func (r *run) sessionClosed(ctx context.Context, m *member, c worker.Closed) {
	m.closed = &c
	if c.Finished < c.Started {
		r.note(report.Warning, "%s started %d tests and finished %d", m.name(), c.Started, c.Finished)
	}
	if c.Stop != "" {
		r.stop(ctx, report.Stopped{Reason: c.Stop})
	}
	if !m.released {
		r.input(ctx, dispatch.WorkerLost{Worker: m.id, Cause: "its session ended by itself" + colon(c.Stop)})
	}
}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

// judge gives every test its verdict in the log.
func (r *run) judge() {
	var disproved []dispatch.Result
	for _, res := range r.results() {
		verdict := report.Judged{
			Test: string(res.Test.ID), Verdict: report.Verdict(res.Verdict), Reason: res.Reason, Attempts: len(res.Attempts),
		}
		if r.broken != "" { // as in plain pytest no test counts, also not one that a hint had run before
			verdict.Verdict, verdict.Reason = report.NotRun, r.broken
		}
		r.emit(verdict)
		if r.broken != "" {
			continue
		}
		if res.Disproved {
			disproved = append(disproved, res)
		}
	}
	r.doubt(disproved)
}
