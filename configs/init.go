package configs

import (
	"fmt"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// Init returns the text of a shardyard.yaml for a project: what was detected,
// written out, and the rest of the screen as comments.
func Init(d *framework.Detected) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# shardyard: every line is optional; see docs/config.md of shardyard.")
	line("version: 1")
	line("image: auto                 # or the name of an image, or host")
	line("")
	switch {
	case d.Unsupported != nil:
		line("# %s: this project installs with %s, which shardyard does not detect.", d.Unsupported.File, d.Unsupported.Tool)
		line("# Check these lines:")
		for _, l := range d.Unsupported.Config {
			line("%s", l)
		}
	default:
		if len(d.Evidence) > 0 {
			line("# Detected from:")
		}
		for _, e := range d.Evidence {
			line("#   %s", e)
		}
		for _, n := range d.Notes {
			line("# Note: %s", n)
		}
		list := func(key string, items []string, meaning string) {
			if len(items) == 0 {
				return
			}
			line("%s:%s# %s", key, strings.Repeat(" ", max(1, 27-len(key))), meaning)
			for _, item := range items {
				line("  - %s", scalar(item))
			}
		}
		list("setup", d.Setup, "installs the dependencies; sees only the key files")
		list("prepare", d.Prepare, "installs the project itself; sees the whole tree")
		list("key", d.Key, "when one of these changes, setup runs again")
	}
	b.WriteString(`
# suites:                   # without names, there is one suite: all tests
#   unit: { args: [-m, "not db"] }
#   db:   { paths: [tests/db], workers: 2 }
# workers: auto             # or a number
# schedule: dynamic         # or static: the plan stays fixed
# split_by: time            # or file, or directory
# collection: auto          # or full: every worker collects the whole suite; or lazy
# retries: 0                # failed tests again, on a fresh worker; then they are flaky
# coverage: { fail_under: 85 }
# env: { set: { TZ: UTC }, pass: [DATABASE_URL] }
# limits: { memory: 2g, test: 5m, run: 1h }
`)
	return b.String()
}
