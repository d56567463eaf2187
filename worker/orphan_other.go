//go:build !linux

package worker

import (
	"context"
	"syscall"

	"github.com/hashicorp/go-hclog"
)

// Elsewhere process groups are all there is: a process that leaves its group
// outlives the agent.

func followParent(*syscall.SysProcAttr) {}

func conceal(hclog.Logger) {}

func adopt(hclog.Logger) {}

func collect(context.Context) {}

func reap(hclog.Logger) {}
