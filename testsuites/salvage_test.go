package testsuites

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// doomed has its first worker's agent killed after tests have written files.
const doomed = `
import os, signal, time
import pytest

@pytest.mark.parametrize("n", range(5))
def test_writes(n):
    os.makedirs("made", exist_ok=True)
    with open("made/%d.txt" % n, "w") as f:
        f.write("of worker %s" % os.environ["SHARDYARD_WORKER"])

def test_last():
    if os.environ["SHARDYARD_WORKER"] == "1":
        time.sleep(2)  # the results before this test have left the agent
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
`

// TestArtifactsOfALostWorker has a worker lost that wrote artifacts: where its
// tree is on this machine they are brought home, and elsewhere it is said that
// they are lost.
func TestArtifactsOfALostWorker(t *testing.T) {
	bin := build(t)
	for engine, salvaged := range map[string]bool{"process": true, "docker": false} {
		t.Run(engine, func(t *testing.T) {
			dir := project(t, doomed)
			write(t, filepath.Join(dir, "shardyard.yaml"), hostConfig+"artifacts: ['made/*.txt']\n")
			r := finish(t, start(t, bin, dir, "--engine", engine, "-w", "1"), 0)
			if r.Totals.Passed != 6 {
				t.Errorf("%+v, want 6 passed", r.Totals)
			}
			for n := range 5 {
				name := fmt.Sprintf("%d.txt", n)
				text, err := os.ReadFile(filepath.Join(dir, ".shardyard", "runs", "latest", "artifacts", "made", name))
				if got := err == nil && string(text) == "of worker 1"; got != salvaged {
					t.Errorf("%s: %q, %v; salvaged should be %t", name, text, err, salvaged)
				}
			}
			screen, err := os.ReadFile(filepath.Join(dir, "..", "out"))
			if told := strings.Contains(string(screen), "not all artifacts are there: those of worker-1 were lost with it"); err != nil || told == salvaged {
				t.Errorf("that they are lost is said: %t, %v", told, err)
			}
		})
	}
}
