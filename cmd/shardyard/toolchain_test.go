package main

import (
	"os"
	"testing"
)

// A suite of a framework without a toolchain has the one of the commands that were
// detected, and none where the config says how to install.
func TestToolchainOfASuite(t *testing.T) {
	for name, test := range map[string]struct{ setup, want string }{
		"detected": {"", "python"}, "the config's": {"setup: [make deps]\nprepare: []\n", ""}, "nothing": {"setup: []\nprepare: []\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for file, text := range map[string]string{
				"requirements.txt": "x\n", "shardyard.yaml": test.setup + "suites: {s: {framework: command, list: ls, run: \"echo {units}\"}}\n",
			} {
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			p, err := loadProject(t.Context(), ".", "")
			if err != nil {
				t.Fatal(err)
			}
			f := runFlags{}
			f.changed = func(string) bool { return false }
			req, err := f.request(t.Context(), p, "s")
			if err != nil || req.Session.Toolchain.Name != test.want || req.Session.Framework != "command" {
				t.Errorf("%s with toolchain %q, %v; want %q", req.Session.Framework, req.Session.Toolchain.Name, err, test.want)
			}
		})
	}
}
