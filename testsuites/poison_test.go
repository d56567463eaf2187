package testsuites

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// poison has each builder change a tool in the package cache that later ones execute, and
// a test that wants its environment's builder to have seen that changed so many times.
const poison = `
version: 1
image: host
setup: ["cat {cache}/tool > {env}/saw || true", "echo changed >> {cache}/tool"]
prepare: []
suites: {all: {framework: command, list: "echo one", run: "test $(wc -l < {env}/saw) -eq {times}"}}
`

// What a run of untrusted code leaves in the package cache, as an environment or
// in the history, no trusted run sees; and it reads what trusted runs have made.
func TestUntrustedRunsPoisonNothing(t *testing.T) {
	bin := build(t)
	dir := project(t, "")
	config := func(times, more string) {
		places := strings.NewReplacer("{cache}", "/shardyard/cache/all", "{env}", "/shardyard/env", "{times}", times, `tool"]`, `tool"`+more+`]`)
		write(t, filepath.Join(dir, "shardyard.yaml"), places.Replace(poison))
	}
	config("0", "")
	for i, c := range []struct {
		says string
		args []string
	}{
		{"the first for this suite", []string{"--untrusted"}},
		{"the first for this suite", nil}, // and nothing in the cache
		{"s  cached", []string{"--untrusted"}},
		{"s  cached", nil},
		{"setup command 3 is new", []string{"--untrusted"}}, // which sees what the second run left
		{"setup command 3 is new", nil},                     // and so does this one
	} {
		if i == 4 {
			config("1", `, "true"`)
		}
		finish(t, start(t, bin, dir, append(c.args, "--engine", "docker", "-w", "1")...), 0)
		screen, err := os.ReadFile(filepath.Join(dir, "..", "out"))
		if err != nil || !strings.Contains(string(screen), c.says) {
			t.Errorf("run %d does not say %q, %v:\n%s", i+1, c.says, err, screen)
		}
	}
	finish(t, start(t, bin, dir, "--untrusted", "--engine", "process", "-w", "1"), 2)
}
