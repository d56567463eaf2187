//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package main

import (
	"os"
	"syscall"
)

// statusSignals ask what each worker is at. Ctrl-T sends the second.
var statusSignals = []os.Signal{syscall.SIGUSR1, syscall.SIGINFO}
