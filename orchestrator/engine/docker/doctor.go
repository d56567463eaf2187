package docker

import (
	"context"
	"slices"
	"time"

	"github.com/shardyard/shardyard/orchestrator/doctor"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Check reports the engine's address, whether there is an agent for its workers, and
// how they get their source.
func (e *Engine) Check(ctx context.Context, info engine.Info) []doctor.Check {
	checks := []doctor.Check{doctor.Good("address", "%s", e.cli.DaemonHost())}
	if agent, err := BesideExecutable(info.Platform); err != nil {
		checks = append(checks, doctor.Fail("agent", "put the release's binary for "+info.Platform+" beside this program", "%v", err))
	} else {
		checks = append(checks, doctor.Good("agent", "%s runs in %s workers", agent, info.Platform))
	}
	if waiting, err := e.free(e.memberPrefix()); err != nil {
		checks = append(checks, doctor.Warn("pool", "`shardyard cache clear` removes it", "%v", err))
	} else if len(waiting) > 0 {
		last := slices.MaxFunc(waiting, func(a, b member) int { return a.Until.Compare(b.Until) })
		checks = append(checks, doctor.Good("pool", "places that wait for the next run: %d, until %s", len(waiting), last.Until.Local().Format(time.TimeOnly)))
	}
	switch way, err := e.way(ctx); {
	case err != nil:
		return append(checks, doctor.Fail("source", "look at the engine's own log (journalctl -u docker)", "%v", err))
	case way == Overlay:
		return append(checks, doctor.Good("source", "workers share the tree by overlay volumes"))
	}
	return append(checks, doctor.Warn("source", "a local engine on overlay2 starts workers faster",
		"workers get the tree as an image layer: it works, and is slower for large trees"))
}

// way returns how workers get their source on this engine.
func (e *Engine) way(ctx context.Context) (TreeWay, error) {
	if e.opts.Trees != "" {
		return e.opts.Trees, nil
	}
	p, err := e.probe(ctx)
	if err != nil || !p.Overlay {
		return ImageLayer, err
	}
	return Overlay, nil
}
