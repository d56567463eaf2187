//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// detach has a command live on when this program and its terminal are gone.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
