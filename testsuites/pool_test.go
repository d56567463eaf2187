package testsuites

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A run whose workers have waited for it has the verdicts of plain pytest, also of a
// tree that has changed since they were started.
func TestPool(t *testing.T) {
	s := suite{name: "itsdangerous", version: "2.2.0", cov: "itsdangerous"}
	y := yard{t: t, bin: build(t), dir: s.fetch(t), suite: s, state: t.TempDir()}
	defer y.clear()
	place := []string{"--engine", "docker", "--image", "host", "--pool", "2"}
	y.at(t, 2, place...)
	for _, change := range []func() error{
		func() error { return nil },
		func() error {
			return os.WriteFile(filepath.Join(y.dir, "tests/test_itsdangerous/test_encoding.py"), []byte("import itsdangerous\n\ndef test_new():\n    assert itsdangerous.__file__\n"), 0o644)
		},
	} {
		y.waiting(t, 2)
		if err := change(); err != nil {
			t.Fatal(err)
		}
		plain, got := y.plain(), y.at(t, 2, place...)
		got.differs(t, plain, plain.outcomes.differences(got.outcomes), plain.coverage.differences(got.coverage))
		log, err := os.ReadFile(filepath.Join(y.dir, ".shardyard/runs/latest/events.jsonl"))
		if err != nil || !strings.Contains(string(log), `"waited":2`) {
			t.Errorf("no two workers had waited: %v", err)
		}
	}
	y.waiting(t, 2)
	y.at(t, 2, "--engine", "docker", "--image", "host", "--pool", "0") // which leaves alone what waits
	y.waiting(t, 2)
}

// waiting waits until so many places wait for a run.
func (y *yard) waiting(t *testing.T, n int) {
	t.Helper()
	for range 300 {
		there, err := filepath.Glob(filepath.Join(y.state, "shardyard", "docker", "pool-*.free"))
		if err != nil {
			t.Fatal(err)
		}
		if len(there) == n {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("there are no %d places that wait", n)
}
