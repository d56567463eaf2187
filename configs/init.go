package configs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
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
	unknown := cmp.Or(d.Unsupported, d.Suggested)
	if unknown == nil || !slices.ContainsFunc(unknown.Config, func(l string) bool { return strings.HasPrefix(l, "image:") }) {
		line("image: auto                 # or the name of an image, or host")
	}
	line("")
	switch {
	case unknown != nil:
		line("# %s", framework.Because(unknown.File, unknown.Line, unknown.Reason()))
		line("# Check these lines:")
		for _, l := range unknown.Config {
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
		if len(d.Args)+len(d.Paths) > 0 {
			line("suites:")
			line("  tests: { args: %s, paths: %s }", flow(d.Args), flow(d.Paths))
		}
		pattern := func(name string) bool { return !variableName.MatchString(name) }
		names := slices.DeleteFunc(slices.Clone(d.Pass), pattern)
		if len(d.Env)+len(names) > 0 {
			line("env:                       # what tests see")
			if len(d.Env) > 0 {
				line("  set:")
			}
			for _, name := range slices.Sorted(maps.Keys(d.Env)) {
				line("    %s: %s", scalar(name), scalar(d.Env[name]))
			}
			if len(names) > 0 {
				line("  pass: %s", flow(names))
			}
		}
		for _, name := range d.Pass {
			if pattern(name) {
				line("# The project's own tool lets %s through too: name under env.pass those that tests need.", name)
			}
		}
	}
	if h := d.Hint; h != nil && unknown == nil {
		line("")
		line("# Not taken: %s.", h)
		for _, l := range h.Config() {
			line("# %s", l)
		}
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

// flow writes a list in one line.
func flow(items []string) string {
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = strconv.Quote(item)
	}
	return "[" + strings.Join(words, ", ") + "]"
}
