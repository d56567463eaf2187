package orchestrator

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// Lessons returns what the history records of the run that left its log and its
// list of tests in a directory, also of one that was killed. It is false when
// the run had not discovered its tests, and of one that was not trusted.
func Lessons(dir string) (run history.Run, ok bool, err error) {
	log, _, err := report.ReadState(filepath.Join(dir, logFile))
	if err != nil || !log.Inventoried() || log.Run().Untrusted {
		return run, false, err
	}
	inventory, err := readInventory(runDir(dir))
	if err != nil {
		return run, false, err
	}
	return lessons(log, inventory), true, nil
}

// lessons returns the same, of a log that was folded already.
func lessons(log *report.State, inventory []history.File) history.Run {
	rep, started := log.Report(), log.Run()
	run := history.Run{
		ID: started.Run, Suite: history.Key(started.ProjectID, started.Suite), Tree: rep.Tree, Workers: log.Staff(),
		StartedAt: started.StartedAt.Round(0).UTC(), Duration: rep.Times.Duration.Std(), Exit: rep.Exit, PerTest: rep.Times.PerTest.Std(),
		Selection: started.Selection, Inventory: inventory, Predicted: rep.Times.Predicted.Std(),
		Commit: rep.Commit, Branch: rep.Branch, Flaky: rep.Totals.Flaky,
	}
	if c := rep.Coverage; c != nil && c.Complete {
		run.Coverage = &c.Percent
	}
	hosts := map[int]string{}
	for _, w := range rep.Workers {
		hosts[w.Worker] = w.Host
		if run.Host == "" {
			run.Host = w.Host
		}
	}
	tests := make(map[worker.TestID]*report.Test, len(rep.Tests))
	for i := range rep.Tests {
		tests[worker.TestID(rep.Tests[i].Test)] = &rep.Tests[i]
	}
	index := 0
	for _, file := range inventory {
		for _, t := range file.Tests {
			if found := tests[t.ID]; found != nil {
				run.Attempts = append(run.Attempts, attemptsAt(found, file.Path, index, hosts)...)
			}
			index++
		}
	}
	return run
}

// attemptsAt returns the attempts at a test that say something about it.
func attemptsAt(t *report.Test, file string, index int, hosts map[int]string) (out []history.Attempt) {
	for _, a := range t.Attempts {
		if a.Void || a.Run != "" {
			continue
		}
		out = append(out, history.Attempt{
			Test: worker.TestID(t.Test), File: file, Index: index, Worker: a.Worker, Host: hosts[a.Worker], Attempt: len(out) + 1,
			Outcome: a.Outcome, Setup: a.Setup.Std(), Call: a.Call.Std(), Teardown: a.Teardown.Std(), First: a.First, Tentative: a.Tentative,
		})
	}
	return out
}

// An unlearning history tells a run what it knows, and learns nothing of it.
type unlearning struct{ History }

func (unlearning) Record(context.Context, history.Run) error              { return nil }
func (unlearning) Remember(context.Context, string, string, string) error { return nil }

// A lesson holds the facts of a run that help later ones.
type lesson struct {
	to    History
	built time.Duration // spent on building layers, which a warm run does not
	known past
	out   *outcome
}

// remember leaves to later runs what this one learned; a nil lesson is none. It
// comes behind all else: of the wall clock, the clearing is a part.
func (l *lesson) remember(ctx context.Context, rec *recorder, end report.RunFinished) {
	if l == nil || l.to == nil || !l.out.known {
		return
	}
	run := lessons(rec.state, inventoryOf(l.out.files))
	run.Duration = end.Duration.Std()
	err := l.to.Record(ctx, run)
	remembered := facts{l.to, l.known.suite}
	if after := l.known.trust.After(l.out.observed); err == nil && after != l.known.trust {
		err = remembered.setTrust(ctx, after)
	}
	if err == nil && len(l.out.together) > len(l.known.together) {
		err = remembered.setTogether(ctx, l.out.together)
	}
	if err == nil && !l.out.stopped && !l.out.part && l.out.lastTest > l.out.firstTest {
		err = l.rememberTimes(ctx, remembered, run.Duration)
	}
	if err != nil {
		rec.note(report.Warning, "the history cannot be written, so the next run is planned without this one: %v", err)
	}
}

// rememberTimes keeps what the run took besides its tests. Where nobody knew
// the tests beforehand, all waited for discovery, and the next run will not.
func (l *lesson) rememberTimes(ctx context.Context, to facts, wall time.Duration) error {
	out := l.out
	start := out.firstTest - l.built
	if len(l.known.hinted) == 0 && out.mode == worker.Lazy && out.workers > 1 {
		start -= out.collecting
	}
	start = max(start, time.Millisecond)
	err := errors.Join(
		to.setTime(ctx, factStart, start), to.setTime(ctx, factOverhead, start+wall-out.lastTest),
		to.setTime(ctx, factCollecting+l.known.selection, max(out.collected, time.Millisecond)),
	)
	if out.workers == 1 {
		err = errors.Join(err, to.setSerial(ctx, l.known.selection, wall-l.built, out.tests))
	}
	return err
}
