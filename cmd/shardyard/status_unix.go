//go:build unix && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly

package main

import (
	"os"
	"syscall"
)

// statusSignals ask what each worker is at.
var statusSignals = []os.Signal{syscall.SIGUSR1}
