package process

import (
	"encoding/binary"
	"fmt"
	"syscall"
)

const supported = true

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
