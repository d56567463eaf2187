//go:build !linux

package worker

import (
	"syscall"

	"github.com/hashicorp/go-hclog"
)

// Elsewhere process groups are all there is: a process that leaves its group
// outlives the agent.

func followParent(*syscall.SysProcAttr) {}

func adopt(hclog.Logger) {}

func reap(hclog.Logger) {}
