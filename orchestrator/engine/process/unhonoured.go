package process

import (
	"context"
	"os"
	"strconv"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Unhonoured implements engine.Starter: a worker is a process of this user, and
// nothing bounds it.
func (e *Engine) Unhonoured(spec engine.Spec) (keys []string) {
	for _, asked := range []struct {
		key string
		is  bool
	}{
		{"limits.memory", spec.Limits.Memory > 0},
		{"limits.pids", spec.Limits.PIDs > 0},
		{"network", spec.Network != ""},
		{"user", !ownUser(spec.User)},
		{"cap_add", len(spec.Harden.CapAdd) > 0},
		{engine.ProfileKey, spec.Harden.Strict},
	} {
		if asked.is {
			keys = append(keys, asked.key)
		}
	}
	return keys
}

// User implements engine.Bases: whoever is asked for, it is this user.
func (e *Engine) User(_ context.Context, _ engine.Base, user string) (string, error) {
	return user, nil
}

// ownUser reports whether a spec's user is the one that this process runs as.
func ownUser(user string) bool {
	if user == "" {
		return true
	}
	if user == "root" {
		user = "0"
	}
	uid, gid, both := strings.Cut(user, ":")
	return uid == strconv.Itoa(os.Getuid()) && (!both || gid == strconv.Itoa(os.Getgid()))
}
