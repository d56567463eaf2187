//go:build unix

package worker

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// Group makes a command the leader of a process group, and its cancellation
// the end of that group. On Linux the kernel ends it together with the agent
// as well. It is called between exec.CommandContext and Start; a framework
// uses it for its own processes.
func Group(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	followParent(cmd.SysProcAttr)
	if cmd.Cancel != nil {
		cmd.Cancel = func() error { return KillGroup(cmd) }
	}
}

// Separate makes a command the leader of a process group that neither the
// terminal's signals nor this process's end reach. It is for the agent itself,
// which ends when its stream does.
func Separate(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}

// KillGroup ends a started command of Group, with everything in its group. It
// returns os.ErrProcessDone when nothing is left of it.
func KillGroup(cmd *exec.Cmd) error {
	switch err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err {
	case nil:
		return nil
	case syscall.ESRCH:
		return os.ErrProcessDone
	default:
		return fmt.Errorf("kill process group %d: %w", cmd.Process.Pid, err)
	}
}

// become has a command run as another user, when the agent may do that.
func become(cmd *exec.Cmd, uid, gid *int) error {
	if uid == nil || *uid < 0 || os.Getuid() != 0 {
		return nil
	}
	if gid == nil || *gid < 0 {
		return fmt.Errorf("run as user %d: a group must be given too", *uid)
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(*uid), Gid: uint32(*gid)}
	return nil
}

// ExitStatus returns how a process ended: its status and "", or 128 + the
// number of a signal, and the signal's name.
func ExitStatus(state *os.ProcessState) (code int, signal string) {
	if state == nil {
		return -1, ""
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), status.Signal().String()
	}
	return state.ExitCode(), ""
}
