//go:build unix

package worker

import (
	"runtime"
	"syscall"
)

// peakMemory returns the most memory, in bytes, that one of the processes has held
// that this one has waited for; 0 when that is not known.
func peakMemory() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		return 0
	}
	if runtime.GOOS == "darwin" { // which counts in bytes, and not in kilobytes
		return int64(u.Maxrss) //nolint:unconvert // not 64 bits wide everywhere
	}
	return int64(u.Maxrss) << 10 //nolint:unconvert // likewise
}
