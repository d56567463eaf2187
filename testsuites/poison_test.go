package testsuites

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// poison has each builder leave a file in the package cache, and a test that
// fails when its environment's builder found any.
const poison = `
version: 1
image: host
setup: ["ls {cache} > {env}/saw", "touch {cache}/poison"]
prepare: []
suites: {all: {framework: command, list: "echo one", run: "test ! -s {env}/saw"}}
`

// What a run of untrusted code leaves in the package cache, as an environment or
// in the history, no trusted run sees; and it reads what trusted runs have made.
func TestUntrustedRunsPoisonNothing(t *testing.T) {
	bin := build(t)
	dir := project(t, "")
	config := strings.NewReplacer("{cache}", "/shardyard/cache", "{env}", "/shardyard/env").Replace(poison)
	write(t, filepath.Join(dir, "shardyard.yaml"), config)
	for i, c := range []struct {
		says string
		exit int
		args []string
	}{
		{"the first for this suite", 0, []string{"--untrusted"}},
		{"the first for this suite", 0, nil}, // and nothing in the cache
		{"environment    0.0s  cached", 0, []string{"--untrusted"}},
		{"environment    0.0s  cached", 0, nil},
		{"setup command 3 is new", 1, []string{"--untrusted"}}, // what an untrusted run left
		{"setup command 3 is new", 1, nil},                     // what the second run left
	} {
		if i == 4 {
			write(t, filepath.Join(dir, "shardyard.yaml"), strings.Replace(config, `poison"]`, `poison", "true"]`, 1))
		}
		finish(t, start(t, bin, dir, append(c.args, "--engine", "docker", "-w", "1")...), c.exit)
		screen, err := os.ReadFile(filepath.Join(dir, "..", "out"))
		if err != nil || !strings.Contains(string(screen), c.says) {
			t.Errorf("run %d does not say %q, %v:\n%s", i+1, c.says, err, screen)
		}
	}
	finish(t, start(t, bin, dir, "--untrusted", "--engine", "process", "-w", "1"), 2)
}
