package orchestrator

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// remember leaves to later runs what this one learned.
func remember(ctx context.Context, to History, rec *recorder, at *site, known *past, out *outcome) {
	if to == nil || !out.known {
		return
	}
	err := to.Record(ctx, lessons(rec, at, known, out))
	remembered := facts{to, known.suite}
	if after := known.trust.After(out.sight); err == nil && after != known.trust {
		err = remembered.setTrust(ctx, after)
	}
	if err == nil && !out.stopped && out.lastTest > out.firstTest {
		err = rememberTimes(ctx, remembered, rec.elapsed(), at, known, out)
	}
	if err != nil {
		rec.note(report.Warning, "the history cannot be written; the next run is planned without this one: %v", err)
	}
}

// lessons is the run as the history records it.
func lessons(rec *recorder, at *site, known *past, out *outcome) history.Run {
	rep := rec.state.Report()
	return history.Run{
		ID: at.req.RunID, Suite: known.suite, Tree: at.src.ID, Workers: out.workers, Host: out.host(), StartedAt: rec.began,
		Duration: rec.elapsed(), Exit: rep.Exit, PerTest: rep.Times.PerTest.Std(), Attempts: out.attempts(), Selection: known.selection,
		Inventory: out.inventory(),
	}
}

// rememberTimes keeps what the run took besides its tests. Where nobody knew
// the tests beforehand, all waited for discovery, and the next run will not.
func rememberTimes(ctx context.Context, to facts, wall time.Duration, at *site, known *past, out *outcome) error {
	start := out.firstTest - at.built
	if len(known.hinted) == 0 && out.mode == worker.Lazy && out.workers > 1 {
		start -= out.collecting
	}
	start = max(start, time.Millisecond)
	err := errors.Join(to.setTime(ctx, factStart, start), to.setTime(ctx, factOverhead, start+wall-out.lastTest))
	if out.workers == 1 {
		err = errors.Join(err, to.setTime(ctx, factSerial, wall-at.built))
	}
	return err
}

// host is where the first of the workers ran that came at all.
func (o *outcome) host() string {
	for _, id := range slices.Sorted(maps.Keys(o.hosts)) {
		if host := o.hosts[id]; host != "" {
			return host
		}
	}
	return ""
}

// attempts are the run's attempts, as the history wants them.
func (o *outcome) attempts() []history.Attempt {
	var out []history.Attempt
	for _, res := range o.results {
		n := 0
		for _, a := range res.Attempts {
			if a.Void != "" || a.Outcome == "" {
				continue
			}
			n++
			out = append(out, history.Attempt{
				Test: res.Test.ID, File: res.Test.File, Index: res.Test.Index, Worker: int(a.Worker), Host: o.hosts[a.Worker], Attempt: n, Outcome: a.Outcome,
				Setup: a.Setup, Call: a.Call, Teardown: a.Teardown, Tentative: a.Tentative,
				First: a.First,
			})
		}
	}
	return out
}

// inventory is the discovered suite, the next run's hint.
func (o *outcome) inventory() []history.File {
	files := make([]history.File, len(o.files))
	for i, f := range o.files {
		files[i].Path = f.File
		for _, it := range f.Items {
			files[i].Tests = append(files[i].Tests, history.Test{ID: it.ID, Group: it.Group})
		}
	}
	return files
}
