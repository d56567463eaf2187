package process

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestAnAgentIsKnownByItsName: nobody but root reads its environment.
func TestAnAgentIsKnownByItsName(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("sleep", "100")
	cmd.Args[0] = filepath.Join(dir, "worker-1", "shardyard")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	pid := strconv.Itoa(cmd.Process.Pid)
	// Its arguments are not there yet at the moment at which it has started.
	for range 500 {
		if isAgent(pid, dir) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !isAgent(pid, dir) || !isAgent(pid, filepath.Join(dir, "worker-1")) || isAgent(pid, filepath.Join(dir, "worker")) {
		t.Error("a process is not known by its name")
	}
}
