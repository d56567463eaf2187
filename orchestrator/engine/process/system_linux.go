package process

import (
	"fmt"
	"syscall"
)

const supported = true

// memory is this machine's, in bytes.
func memory() (int64, error) {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("read size of memory: %w", err)
	}
	return int64(info.Totalram * uint64(info.Unit)), nil
}
