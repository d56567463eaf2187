package process

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

const supported = true

// changed is when an inode was changed last.
func changed(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctim.Unix())
	}
	return time.Now()
}

// memory is this machine's, in bytes.
func memory() (int64, error) {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("read size of memory: %w", err)
	}
	return int64(info.Totalram * uint64(info.Unit)), nil
}
