package orchestrator

import (
	"github.com/shardyard/shardyard/orchestrator/advice"
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
}
