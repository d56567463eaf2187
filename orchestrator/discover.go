package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// opened: a session takes tests. A worker that collects everything is ready
// once it has; a lazy one is ready now.
func (l *loop) opened(ctx context.Context, m *member, o worker.Opened) {
	again := m.ready // another process of the same session
	m.mode = o.Mode
	if o.Reason != "" && !l.told[o.Reason] {
		l.told[o.Reason] = true
		l.note(report.Info, "every worker collects the whole suite: %s", o.Reason)
	}
	if again {
		return
	}
	l.emit(report.WorkerStarted{Worker: int(m.id), Mode: string(o.Mode), Framework: o.Framework, Runtime: o.Runtime, Host: l.host})
	if o.Mode == worker.Full {
		m.exact = true
		m.collecting = newCollection()
		return
	}
	l.ready(ctx, m)
}

// ready: a worker takes tests. When the last one does, and everybody is busy
// with tests, it is time to get ready for the end; before, a finisher would
// only keep workers from starting.
func (l *loop) ready(ctx context.Context, m *member) {
	m.ready = true
	l.emit(report.WorkerReady{Worker: int(m.id)})
	l.input(ctx, dispatch.WorkerReady{Worker: m.id, Host: l.host, Exact: m.exact})
	for _, m := range l.members {
		if !m.ready && !m.gone {
			return
		}
	}
	l.finish.start(context.WithoutCancel(ctx), l.spool)
}

// discovered: a file's tests, from a full collection or a lazy expansion.
func (l *loop) discovered(ctx context.Context, m *member, d worker.Discovered) {
	if m.collecting != nil {
		m.collecting.add(d)
		return
	}
	if m.mode == worker.Full {
		return // a later process of the session; its ids are checked one by one
	}
	m.collected += report.Millis(d.DurationMS).Std()
	if !l.lists.claim(m, d) {
		l.reject(ctx, claim{m, d.File, d.Items})
	}
}

// reject voids what a lazy worker ran in a file that it found other tests in.
func (l *loop) reject(ctx context.Context, c claim) {
	l.distrust(fmt.Sprintf("%s found other tests in %s than a full collection", c.by.name(), c.file))
	var ids []worker.TestID
	for _, it := range l.lists.full.items(c.file) {
		ids = append(ids, it.ID)
	}
	l.input(ctx, dispatch.TestsRejected{Worker: c.by.id, Tests: ids})
}

// collected ends a full collection. The first one is the run's discovery; a
// later one must equal it.
func (l *loop) collected(ctx context.Context, m *member, c worker.Collected) {
	mine := m.collecting
	if mine == nil {
		return // a later process of the session
	}
	m.collecting = nil
	if l.lists.full != nil {
		if diff := l.lists.full.difference(mine); diff != "" {
			if !l.told["other tests"] {
				l.told["other tests"] = true
				l.note(report.Warning, "%s collected other tests than the run's discovery, and does not run any: %s. Do ids depend on time, chance or the machine?", m.name(), diff)
			}
			l.release(m)
			l.input(ctx, dispatch.WorkerLost{Worker: m.id, Cause: "it collected other tests: " + diff})
			return
		}
		l.ready(ctx, m)
		return
	}
	l.discovering.end(nil)
	l.collecting = l.elapsed() - l.discovering.began
	for _, rep := range c.Reports {
		l.keep(ctx, 0, record{Worker: m.name(), Kind: "collect", Data: rep})
	}
	for _, f := range mine.files {
		for _, rep := range f.Reports {
			l.keep(ctx, 0, record{Worker: m.name(), Kind: "collect", Data: rep})
		}
	}
	l.deselected = c.Deselected
	l.emit(report.Discovered{
		Tests: c.Tests, Deselected: c.Deselected, Errors: c.Errors, Stop: c.Stop, Duration: report.Millis(c.DurationMS),
	})
	wrong := l.lists.settle(mine)
	if c.Stop {
		l.broken = report.Count(c.Errors, "file", "files") + " could not be collected"
	}
	if l.discoverOnly {
		l.input(ctx, dispatch.InventoryComplete{})
		l.ready(ctx, m)
		return
	}
	if c.Stop { // before the tests are known to the dispatcher, which would hand them out
		l.stop(ctx, report.Stopped{Reason: l.broken})
	}
	l.inventory(ctx, mine)
	for _, w := range wrong {
		l.reject(ctx, w)
	}
	l.ready(ctx, m)
}

// inventory tells the dispatcher what there really is, after the hint.
func (l *loop) inventory(ctx context.Context, c *collection) {
	var ids []worker.TestID
	tests := l.past.tests(c.files)
	known := map[worker.TestID]bool{}
	for _, t := range tests {
		known[t.ID] = true
	}
	for _, t := range l.past.hinted {
		if !known[t.ID] {
			ids = append(ids, t.ID)
		}
	}
	if len(ids) > 0 {
		l.input(ctx, dispatch.TestsDropped{Tests: ids})
	}
	l.input(ctx, dispatch.TestsAdded{Tests: tests})
	l.input(ctx, dispatch.InventoryComplete{})
	l.settleUnknown()
	if p, ok := l.d.Plan(); ok {
		l.emit(l.past.planned(p, l.d.PlanWorkers(), len(tests)))
	}
}

// recollect: the worker that was to discover the tests is gone.
func (l *loop) recollect(ctx context.Context, cause string) {
	if l.lists.full != nil || l.stopped {
		return
	}
	l.stop(ctx, report.Stopped{Reason: "the tests could not be discovered: " + cause})
	l.emit(report.Fault{Kind: report.Infrastructure, Text: "the tests could not be discovered: " + cause})
}

// difference says in words where two collections differ; "" when they do not.
func (c *collection) difference(other *collection) string {
	for i, f := range c.files {
		if i >= len(other.files) {
			return "it did not find " + f.File
		}
		if other.files[i].File != f.File {
			return fmt.Sprintf("%s where %s was expected", other.files[i].File, f.File)
		}
		theirs := other.files[i].Items
		for j, it := range f.Items {
			if j >= len(theirs) {
				return fmt.Sprintf("it did not find %s", it.ID)
			}
			if theirs[j].ID != it.ID {
				return fmt.Sprintf("%s where %s was expected", theirs[j].ID, it.ID)
			}
		}
		if len(theirs) > len(f.Items) {
			return fmt.Sprintf("it found %s besides", theirs[len(f.Items)].ID)
		}
	}
	if len(other.files) > len(c.files) {
		return "it found " + other.files[len(c.files)].File + " besides"
	}
	return ""
}

// settings is what the framework found in the project's and the user's
// options and made a matter of the whole run.
type settings struct {
	Notes   []string `json:"notes"`
	MaxFail int      `json:"maxfail"`
	JUnit   string   `json:"junitxml"`
}

// reported keeps one of the framework's reports for the conclusion.
func (l *loop) reported(ctx context.Context, m *member, rep worker.Reported) {
	l.emit(report.Reported{Worker: int(m.id), Test: string(rep.Test), Kind: rep.Kind, Data: rep.Data})
	if rep.Kind == "settings" && l.settings == nil {
		l.settings = &settings{}
		if err := json.Unmarshal(rep.Data, l.settings); err != nil {
			l.note(report.Warning, "%s sent settings that cannot be read: %v", m.name(), err)
		}
		for _, n := range l.settings.Notes {
			l.note(report.Info, "%s", n)
		}
	}
	rec := record{Worker: m.name(), Test: rep.Test, Kind: rep.Kind, Data: rep.Data}
	token := worker.Token(0)
	if rep.Test != "" {
		var ok bool
		if token, ok = m.running[rep.Test]; !ok {
			token = m.leases[rep.Test].token
		}
		if token == 0 {
			return // of a lease that this worker never had
		}
	}
	l.keep(ctx, token, rec)
}

func (l *loop) keep(ctx context.Context, token worker.Token, rec record) {
	if err := l.spool.add(token, rec); err != nil {
		l.unkept(ctx, err)
	}
}

// unkept ends a run whose reports cannot be kept.
func (l *loop) unkept(ctx context.Context, err error) {
	if l.unkeptTold {
		return
	}
	l.unkeptTold = true
	l.emit(report.Fault{Kind: report.Infrastructure, Text: err.Error()})
	l.stop(ctx, report.Stopped{Reason: err.Error()})
}
