package worker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

// followParent has the kernel kill a child when the thread that started it
// ends. Go ends a thread only with a goroutine that locked it, which the agent
// has none of, so that is when the agent ends, also by SIGKILL.
func followParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// adopt makes this process the parent of all orphans among its descendants, so
// that reap finds those that left their process group too.
func adopt(log hclog.Logger) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		log.Warn("cannot adopt orphaned processes", "error", err)
	}
}

// conceal keeps processes of the same user, tests among them, from tracing this
// one, and from reading its memory, environment and descriptors in /proc. What it
// starts is again as usual once it executes its program.
func conceal(log hclog.Logger) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		log.Warn("tests may trace the agent", "error", err)
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

// collect frees the process table of orphans that were adopted and have ended,
// from time to time. A zombie that leads a process group is left: it may be the
// agent's own, for which its starter waits.
func collect(ctx context.Context) {
	const pause = 10 * time.Second
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, pid := range children(os.Getpid()) {
			if p, err := look(pid); err == nil && p.state == 'Z' && p.group != pid {
				// It is ours and has ended: nothing can go wrong that matters.
				_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
			}
		}
	}
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
		if p, err := look(child); err == nil && p.parent == pid {
			pids = append(pids, child)
		}
	}
	return pids
}

// A glance is what is needed of /proc/PID/stat; see proc_pid_stat(5).
type glance struct {
	state         byte
	parent, group int
}

// look reads the fields that follow the process's name, which is in
// parentheses and may itself hold some.
func look(pid int) (g glance, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return g, err
	}
	_, err = fmt.Sscanf(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " %c %d %d", &g.state, &g.parent, &g.group)
	if err != nil {
		return g, fmt.Errorf("unexpected content of /proc/%d/stat: %w", pid, err)
	}
	return g, nil
}
