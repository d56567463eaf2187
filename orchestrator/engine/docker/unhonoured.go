package docker

import "github.com/shardyard/shardyard/orchestrator/engine"

// Unhonoured implements [engine.Starter]: what the engine's kernel or its
// configuration (rootless, without delegated control groups) cannot bound.
func (e *Engine) Unhonoured(spec engine.Spec) []string { return unhonoured(spec.Limits, e.traits) }

func unhonoured(l engine.Limits, t traits) (keys []string) {
	if l.Memory > 0 && !t.Memory {
		keys = append(keys, "limits.memory")
	}
	if l.PIDs > 0 && !t.PIDs {
		keys = append(keys, "limits.pids")
	}
	return keys
}
