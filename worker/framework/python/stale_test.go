package python

import (
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker/framework"
)

// TestStale: a lockfile that was made of other dependencies is said to be, with what
// to type, and no other is. The hashes are those of Python's json and hashlib.
func TestStale(t *testing.T) {
	const poetry = `[project]
name = "a"
requires-python = ">=3.9"
dependencies = ["x (>=1,<2)"]

[dependency-groups]
test = ["pytest"]

[tool.poetry.group.dev.dependencies]
ruff = { version = "^1", optional = true }

[[tool.poetry.source]]
name = "é \\ ☃ 😀"
url = "https://example.com/simple"
`
	const old = "[tool.poetry.dependencies]\npython = \"^3.9\"\n"
	const project = `[project]
name = "A"
dependencies = ["x>=1, <2", "y ; sys_platform == 'win32'", "z[e]~=1.0", "w"]
[project.optional-dependencies]
more = ["a[more]"]
[dependency-groups]
test = ["Py.Test", { include-group = "dev" }]
dev = []
`
	const uv = `version = 1

[[package]]
name = "a"
source = { editable = "." }

[package.metadata]
requires-dist = [
    { name = "a", extras = ["more"], marker = "extra == 'more'" },
    { name = "w", git = "https://example.com/w" },
    { name = "x", specifier = ">=1,<2" },
    { name = "z", extras = ["e"], specifier = "~=1.0" },
]

[package.metadata.requires-dev]
test = [{ name = "py-test" }]

[[package]]
name = "b"
`
	hash := func(sum string) string { return "[metadata]\ncontent-hash = \"" + sum + "\"\n" }
	for name, x := range map[string]struct{ pyproject, lock, text, want string }{
		"poetry":         {poetry, "poetry.lock", hash("b9ae7e99f3cac67f519f7d6ddcf680e9625c7b1d32a33e70dd32912e4ed967ad"), ""},
		"poetry, before": {old, "poetry.lock", hash("c595a0588c25d58f3e3834ad7169126836d262b925fe6ca9b5d540dcf301d254"), ""},
		"poetry, stale":  {old, "poetry.lock", hash("b9ae7e99f3cac67f519f7d6ddcf680e9625c7b1d32a33e70dd32912e4ed967ad"), "poetry.lock was made of another pyproject.toml, which Poetry refuses to install: `poetry lock` makes it current"},
		"pdm":            {project, "pdm.lock", "[[package]]\nname = \"x\"\n[[package]]\nname = \"z\"\n[[package]]\nname = \"w\"\n[[package]]\nname = \"py-test\"\n[[package]]\nname = \"a\"\n", ""},
		"pdm, stale":     {project, "pdm.lock", "[[package]]\nname = \"x\"\n", "pdm.lock lacks z, which pyproject.toml:3 names: it is installed as it is; `pdm lock` makes it current"},
		"uv":             {project, "uv.lock", uv, ""},
		"uv, lacks":      {project + "new = [\"q\"]\n", "uv.lock", uv, "uv.lock lacks q, which pyproject.toml:9 names: it is installed as it is; `uv lock` makes it current"},
		"uv, versions":   {project + "new = [\"w>=3\"]\n", "uv.lock", uv, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := detectFiles(t, map[string]string{"pyproject.toml": x.pyproject, x.lock: x.text})
			if got := staleNotes(d); got != x.want {
				t.Errorf("got %q, want %q", got, x.want)
			}
		})
	}
	locked := map[string][]string{"x": {">=1,<2"}, "y": {">=1.0rc1"}, "z": {"", ">=2"}, "w": {""}}
	for line, want := range map[string]string{"x >= 1, <3": "x", "x<2,>=1": "", "x": "x", "y>=1.0-rc1": "", "z>=1": "", "w>=2": "w", "w[e]": ""} {
		if got := otherVersions([]string{line}, locked); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func staleNotes(d *framework.Detected) string {
	i := slices.IndexFunc(d.Notes, func(n string) bool { return strings.HasSuffix(n, "makes it current") })
	if i < 0 {
		return ""
	}
	return d.Notes[i]
}
