package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// isAgent reports whether a process is an agent of the worker, or the run, with this
// directory. An agent hides its environment from all but root; its name is in sight.
func isAgent(pid, dir string) bool {
	line, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	name, _, _ := bytes.Cut(line, []byte{0})
	return err == nil && strings.HasPrefix(string(name), dir+"/")
}

// killMarked ends every process whose environment says that it belongs to the
// worker, or the run, with this directory. The mark is inherited, so that it
// finds a daemon that left the agent's tree; only one that clears its
// environment escapes.
func killMarked(ctx context.Context, dir string) error {
	const tries, pause = 100, 20 * time.Millisecond
	for range tries {
		pids, err := marked(dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			// It may have ended already; the next round tells.
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	pids, err := marked(dir)
	if err == nil && len(pids) > 0 {
		err = fmt.Errorf("processes %v do not end", pids)
	}
	return err
}

// marked lists the live processes with the mark. Those of other users cannot be
// read, and are not ours.
func marked(dir string) (pids []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ")) // empty for a zombie
		if errors.Is(err, fs.ErrPermission) {
			if isAgent(entry.Name(), dir) {
				pids = append(pids, pid)
			}
			continue
		}
		if err != nil {
			continue
		}
		for kv := range bytes.SplitSeq(environ, []byte{0}) {
			value, ok := strings.CutPrefix(string(kv), markVariable+"=")
			if ok && (value == dir || strings.HasPrefix(value, dir+"/")) {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids, nil
}
