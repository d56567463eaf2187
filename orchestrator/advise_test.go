package orchestrator

import (
	"testing"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// What a CI system sets is told when tests fail, and not when it only names other paths.
func TestAFailureIsToldHowOthersRunTheTests(t *testing.T) {
	for name, x := range map[string]struct {
		hint *framework.Hint
		want string
	}{
		"variables": {&framework.Hint{File: "ci.yml", Line: 3, Call: "pytest", Env: map[string]string{"MODE": "ci"}, Services: []string{"redis:7"}},
			"ci.yml:3 runs `pytest`, with MODE=ci, beside redis:7; if that is why, write `env: { set: { MODE: \"ci\" } }`, `network: host` to x.yaml"},
		"paths":  {&framework.Hint{File: "ci.yml", Line: 3, Call: "pytest tests", Paths: []string{"tests"}}, ""},
		"no one": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := two()
			s.on("a2", fate{outcome: worker.Failing, message: "1 != 2"})
			ran := try(t, s, func(r *trial) { r.deps.Desk = framework.Desk{Config: "x.yaml", Hint: x.hint} })
			ran.ends(t, report.ExitFailed, "a1 passed, a2 failed, b1 passed, b2 passed")
			got := ""
			for _, a := range ran.rep.Advice {
				got += a.Do
			}
			if got != x.want {
				t.Errorf("got %q, want %q", got, x.want)
			}
		})
	}
}
