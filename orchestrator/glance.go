package orchestrator

import (
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// A Watcher is a Sink that also wants to know, once a second, what the events do
// not say. It is told in turn with the events.
type Watcher interface {
	Watch(report.Glance)
}

// look tells the watchers of the run how it stands.
func (l *loop) look() {
	if !l.watched() {
		return
	}
	now := l.elapsed()
	l.recorder.look(glance(l.d.Snapshot(now), now, l.past.tail()))
}

// glance returns how the run stands; tail is what a run takes behind its last test.
func glance(s dispatch.Snapshot, now, tail time.Duration) report.Glance {
	g := report.Glance{
		At: report.Duration(now), End: report.Duration(s.End + tail), Work: report.Duration(s.Work), Worked: report.Duration(s.Worked),
		Tests: s.Tests, Unknown: s.Unknown, Workers: make([]report.Standing, len(s.Workers)),
	}
	for i, w := range s.Workers {
		g.Workers[i] = report.Standing{
			Worker: int(w.Worker), Expected: w.State == dispatch.Expected, Released: w.State == dispatch.Released, Test: string(w.Running), Usually: report.Duration(w.Estimate),
			Next: w.Next, Taken: w.Taken, TakenAt: report.Duration(w.TakenAt), Replacement: int(w.Replacement),
		}
	}
	return g
}

// watched reports whether anybody watches the run.
func (c *recorder) watched() bool {
	for _, s := range c.sinks {
		if _, ok := s.(Watcher); ok {
			return true
		}
	}
	return false
}

func (c *recorder) look(g report.Glance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sinks {
		if w, ok := s.(Watcher); ok {
			w.Watch(g)
		}
	}
}
