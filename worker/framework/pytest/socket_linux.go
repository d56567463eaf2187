package pytest

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// A socket is the agent's end of the one that it shares with the plugin. It
// never blocks in the kernel, so the runtime is not told of its calls: that
// would wake a thread of its own, which sees to threads that block, for each of
// them, at the cost of all else that is done for a test.
type socket struct {
	*os.File
	raw syscall.RawConn
}

func newSocket(f *os.File) (socket, error) {
	raw, err := f.SyscallConn()
	return socket{f, raw}, err
}

// Read implements io.Reader.
func (s socket) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	var errno syscall.Errno
	err = s.raw.Read(func(fd uintptr) bool {
		n, errno = call(syscall.SYS_READ, fd, p)
		return errno != syscall.EAGAIN
	})
	switch {
	case err != nil || errno != 0:
		return s.File.Read(p) // which says what it is
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements io.Writer.
func (s socket) Write(p []byte) (n int, err error) {
	for n < len(p) {
		var wrote int
		var errno syscall.Errno
		err := s.raw.Write(func(fd uintptr) bool {
			wrote, errno = call(syscall.SYS_WRITE, fd, p[n:])
			return errno != syscall.EAGAIN
		})
		if err != nil || errno != 0 {
			rest, err := s.File.Write(p[n:])
			return n + rest, err
		}
		n += wrote
	}
	return n, nil
}

func call(trap, fd uintptr, p []byte) (n int, errno syscall.Errno) {
	for {
		r, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		if errno != syscall.EINTR {
			return int(r), errno
		}
	}
}
