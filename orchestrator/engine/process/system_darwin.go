package process

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

const supported = true

// changed is when an inode was changed last.
func changed(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctimespec.Unix())
	}
	return time.Now()
}

// memory is this machine's, in bytes.
func memory() (int64, error) {
	raw, err := syscall.Sysctl("hw.memsize")
	if err != nil {
		return 0, fmt.Errorf("read size of memory: %w", err)
	}
	var size [8]byte
	copy(size[:], raw) // Sysctl cuts one trailing zero off
	return int64(binary.LittleEndian.Uint64(size[:])), nil
}
