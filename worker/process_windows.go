package worker

import (
	"os"
	"os/exec"
	"syscall"
)

// Group makes a command the leader of a process group. Its cancellation ends
// only the command itself: Windows keeps no tree of processes.
func Group(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.CreationFlags |= syscall.CREATE_NEW_PROCESS_GROUP
}

// Separate makes a command the leader of a process group, which the console's
// signals do not reach.
func Separate(cmd *exec.Cmd) { Group(cmd) }

// KillGroup ends a started command of Group.
func KillGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// become does nothing: the agent has no say in who runs a command here.
func become(*exec.Cmd, *int, *int) error { return nil }

// ExitStatus returns how a process ended. Windows has no signals.
func ExitStatus(state *os.ProcessState) (code int, signal string) {
	return state.ExitCode(), ""
}
