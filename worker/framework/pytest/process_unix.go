//go:build unix

package pytest

import (
	"fmt"
	"os"
	"syscall"
)

// socketpair returns two ends of a socket: ours, which has deadlines, and the
// child's. Both are closed on exec.
func socketpair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket for pytest: %w", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "pytest")
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return nil, nil, fmt.Errorf("make a socket for pytest: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "agent"), theirs, nil
}

// nudge sends the signal by which the plugin dumps its stacks.
func nudge(p *os.Process, number int) error { return p.Signal(syscall.Signal(number)) }

// signalName is "SIGSEGV" for an exit status of 128 + 11, or "".
func signalName(code int) string {
	names := map[syscall.Signal]string{
		syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE", syscall.SIGHUP: "SIGHUP",
		syscall.SIGILL: "SIGILL", syscall.SIGINT: "SIGINT", syscall.SIGKILL: "SIGKILL", syscall.SIGPIPE: "SIGPIPE",
		syscall.SIGQUIT: "SIGQUIT", syscall.SIGSEGV: "SIGSEGV", syscall.SIGTERM: "SIGTERM", syscall.SIGTRAP: "SIGTRAP",
		syscall.SIGUSR1: "SIGUSR1", syscall.SIGUSR2: "SIGUSR2", syscall.SIGALRM: "SIGALRM", syscall.SIGXCPU: "SIGXCPU",
		syscall.SIGSYS: "SIGSYS",
	}
	return names[syscall.Signal(code-128)]
}
