package worker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

const prSetChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of prctl(2)

// followParent has the kernel kill a child when the thread that started it
// ends. Go ends a thread only with a goroutine that locked it, which the agent
// has none of, so that is when the agent ends, also by SIGKILL.
func followParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// adopt makes this process the parent of all orphans among its descendants, so
// that reap finds those that left their process group too.
func adopt(log hclog.Logger) {
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		log.Warn("cannot adopt orphaned processes", "error", errno)
	}
}

// reap kills all descendants, and collects those that became children.
func reap(log hclog.Logger) {
	const tries, pause = 200, 10 * time.Millisecond
	for range tries {
		pids := children(os.Getpid())
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			killTree(pid)
			// One that is still dying is seen again in the next round.
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		}
		time.Sleep(pause)
	}
	log.Warn("processes did not end", "pids", fmt.Sprint(children(os.Getpid())))
}

// killTree kills a process and its descendants, which come up as orphans if
// they were missed.
func killTree(pid int) {
	for _, child := range children(pid) {
		killTree(child)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL) // gone, or seen again
}

// children lists the processes whose parent is pid, from /proc.
func children(pid int) (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if parent, err := parentOf(child); err == nil && parent == pid {
			pids = append(pids, child)
		}
	}
	return pids
}

// parentOf reads the fourth field of /proc/PID/stat, which follows the name in
// parentheses and the state; see proc_pid_stat(5).
func parentOf(pid int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, ok := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	if !ok || len(after) < 2 {
		return 0, fmt.Errorf("unexpected content of /proc/%d/stat", pid)
	}
	field, _, _ := bytes.Cut(after[2:], []byte(" "))
	return strconv.Atoi(string(field))
}
