package framework

import (
	"strings"
	"testing"
)

// Only commands and lockfiles that make an environment the same, whatever it was before,
// carry it over.
func TestSyncs(t *testing.T) {
	const project = "pyproject.toml"
	block := func(name, version, source, files string) string {
		return "\n[[package]]\nname = \"" + name + "\"\nversion = \"" + version + "\"\nsource = { " + source + " }\n" + files
	}
	const index, wheel = `registry = "https://x/simple"`, "wheels = [\n    { url = \"https://x/a.whl\", hash = \"sha256:1\" },\n]\n"
	lockOf := func(blocks ...string) string { return "version = 1\nrevision = 3\n" + strings.Join(blocks, "") }
	own := block("me", "1", `editable = "."`, "dependencies = [\n    { name = \"a\" },\n]\n")
	before := lockOf(block("a", "1", index, wheel), block("b", "1", index, wheel), own)
	sync := []string{"uv sync --frozen --no-install-project --all-extras --dev"}
	for name, x := range map[string]struct {
		commands []string
		was, now string // "" for before
		uv       string // of pyproject.toml, afterwards
		differ   int    // -1 where the environment is begun with nothing
	}{
		"a version":                      {now: lockOf(block("a", "2", index, wheel), block("b", "1", index, wheel), own), differ: 1},
		"a new one, and one is gone":     {now: lockOf(block("a", "1", index, wheel), block("c", "1", index, wheel), own), differ: 2},
		"what only chooses":              {now: lockOf(block("a", "1", index, "dependencies = [\n    { name = \"b\" },\n]\n"+wheel), block("b", "1", index, wheel), own)},
		"another file of one version":    {now: lockOf(block("a", "1", index, strings.Replace(wheel, ":1", ":2", 1)), block("b", "1", index, wheel), own), differ: -1},
		"another index of one version":   {now: lockOf(block("a", "1", `registry = "https://y/simple"`, wheel), block("b", "1", index, wheel), own), differ: -1},
		"one that is in the tree now":    {now: lockOf(block("a", "1", `virtual = "a"`, ""), block("b", "1", index, wheel), own), differ: -1},
		"a seed":                         {now: lockOf(block("a", "1", index, wheel), block("b", "1", index, wheel), block("pip", "1", index, wheel), own), differ: -1},
		"another resolution":             {now: strings.Replace(before, "revision = 3\n", "revision = 3\nrequires-python = \">=3.9\"\n", 1), differ: -1},
		"uv's settings":                  {uv: "[tool.uv]\nno-binary = true\n", differ: -1},
		"uv's settings in a table":       {uv: "[tool]\nuv = { no-binary = true }\n", differ: -1},
		"another tool's settings":        {uv: "[tool.ruff]\nline-length = 1\n"},
		"of two versions one":            {was: lockOf(block("a", "1", index, wheel), block("a", "2", index, wheel), own), now: lockOf(block("a", "1", index, wheel), block("a", "3", index, wheel), own), differ: 1},
		"fewer extras where some fail":   {commands: []string{sync[0] + ` || { echo "not every extra" >>"$SHARDYARD_NOTES"; uv sync --frozen --no-install-project --dev; }`}},
		"the project is installed too":   {commands: []string{"uv sync --frozen"}, differ: -1},
		"uv sync that locks":             {commands: []string{"uv sync --no-install-project"}, differ: -1},
		"uv sync that leaves what it is": {commands: []string{sync[0] + " --inexact"}, differ: -1},
		"another command besides":        {commands: []string{sync[0], "uv pip install c"}, differ: -1},
		"another command behind":         {commands: []string{sync[0] + " && make"}, differ: -1},
		"a command in a note":            {commands: []string{sync[0] + ` || echo "$(make)" >>"$SHARDYARD_NOTES"`}, differ: -1},
		"pip install":                    {commands: []string{"uv pip install -r uv.lock"}, differ: -1},
		"a wheel of the tree":            {now: lockOf(block("a", "2", `path = "a.whl"`, ""), own), differ: -1},
		"a lockfile of another kind":     {now: "[metadata]\nlock-version = \"2.1\"\n\n[[package]]\nname = \"a\"\n", differ: -1},
	} {
		t.Run(name, func(t *testing.T) {
			commands := sync
			if x.commands != nil {
				commands = x.commands
			}
			of := func(lock, uv string) *Sync {
				if lock == "" {
					lock = before
				}
				return Syncs(commands, map[string][]byte{"uv.lock": []byte(lock), project: []byte("[project]\nname = \"me\"\n" + uv)})
			}
			was, now := of(x.was, ""), of(x.now, x.uv)
			differ := -1
			if was != nil && now != nil && string(was.Fixed["uv.lock"])+string(was.Fixed[project]) == string(now.Fixed["uv.lock"])+string(now.Fixed[project]) {
				if n, ok := Carries(was.Packages, now.Packages); ok {
					differ = n
				}
			}
			if differ != x.differ {
				t.Errorf("%d packages differ, want %d: %+v %+v", differ, x.differ, was, now)
			}
		})
	}
}
