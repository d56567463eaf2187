package orchestrator

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/advice"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// advise emits what to do about the things that failures say are not there.
func advise(deps Deps, rec *recorder) {
	base := rec.state.Base()
	desk := deps.Desk
	desk.Host, desk.Isolated = base.Host, base.Isolated
	first, _ := deps.Framework.(framework.Adviser) // not every framework advises
	for _, l := range rec.state.Lacking() {
		if a := advice.On(l.Lack, desk, first); a.Do != "" {
			l.What, l.Do = a.What, a.Do
			rec.emit(l)
		}
	}
	h, t := desk.Hint, rec.state.Totals()
	if h != nil && t.Failed+t.CollectErrors > 0 && len(h.Args)+len(h.Env)+len(h.Services) > 0 { // paths alone explain no failure
		rec.emit(hinted(desk, t))
	}
}

// adviseOfBuild emits what to do about the things that a failed build says are not
// there; where it says none that is known, about the command that failed.
func adviseOfBuild(failed error, g *ground, deps Deps, rec *recorder) {
	desk := deps.Desk
	desk.Host, desk.Isolated = g.base.Host, g.info.Isolated
	known := false
	for _, l := range advice.OfBuild(failed.Error()) {
		if a := advice.On(l, desk, nil); a.Do != "" {
			rec.emit(report.Advised{Lack: l, What: a.What, Do: a.Do})
			known = true
		}
	}
	if command, ok := errors.AsType[*CommandError](failed); ok && !known && command.Setting != "" {
		rec.emit(report.Advised{
			Lack: worker.Lack{Kind: LackCommand, Name: command.Line}, What: "a command of " + command.Setting + " failed",
			Do: fmt.Sprintf("mend what it says above, or write another one to %s in %s: `shardyard init` writes those that were tried", command.Setting, desk.Config),
		})
	}
}

// LackCommand is the kind of a command of the config that did not succeed.
const LackCommand worker.LackKind = "command"

// LackSetting is the kind of what the project's CI system sets and this run did not.
const LackSetting worker.LackKind = "setting"

// hinted says how the project's CI system runs tests that have failed here.
func hinted(desk framework.Desk, t report.Totals) report.Advised {
	h := desk.Hint
	return report.Advised{
		Lack: worker.Lack{Kind: LackSetting, Name: fmt.Sprintf("%s:%d", h.File, h.Line)}, Tests: t.Failed, Files: t.CollectErrors,
		What: "tests are run otherwise elsewhere", Do: fmt.Sprintf("%s; if that is why, write `%s` to %s", h, strings.Join(h.Config(), "`, `"), desk.Config),
	}
}
