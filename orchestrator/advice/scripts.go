package advice

import (
	"os"
	"path/filepath"
	"strings"
)

// A script is a file of a project that people or a CI system run.
type script struct {
	name, text string
}

func (s script) lines() []string { return strings.Split(s.text, "\n") }

// submoduleOf returns the submodule of a project that a path is in, when that is
// not checked out; "" for none.
func submoduleOf(name, project string) string {
	text, err := os.ReadFile(filepath.Join(project, ".gitmodules"))
	if err != nil {
		return ""
	}
	for _, line := range strings.Split(string(text), "\n") {
		key, value, ok := strings.Cut(line, "=")
		module := filepath.Clean(strings.TrimSpace(value))
		if !ok || strings.TrimSpace(key) != "path" || !filepath.IsLocal(module) || !strings.HasPrefix(filepath.Clean(name)+"/", module+"/") {
			continue
		}
		if entries, err := os.ReadDir(filepath.Join(project, module)); err != nil || len(entries) == 0 {
			return module
		}
	}
	return ""
}

// maxScript bounds a file that is read, in bytes.
const maxScript = 1 << 20

// scripts returns the files of a project that say what else it runs around its
// tests. What cannot be read says nothing.
func scripts(project string) (found []script) {
	for _, pattern := range []string{
		"Makefile", "makefile", "GNUmakefile", "justfile", "Justfile", "Taskfile.yml", "tox.ini", "tox.toml", "noxfile.py", "pyproject.toml",
		".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml", ".circleci/config.yml", ".travis.yml", "appveyor.yml", "azure-pipelines.yml", "scripts/*.sh", "*.sh",
	} {
		names, err := filepath.Glob(filepath.Join(project, pattern))
		if err != nil {
			continue
		}
		for _, full := range names {
			info, err := os.Stat(full)
			if err != nil || !info.Mode().IsRegular() || info.Size() > maxScript {
				continue
			}
			text, err := os.ReadFile(full)
			rel, relErr := filepath.Rel(project, full)
			if err == nil && relErr == nil {
				found = append(found, script{filepath.ToSlash(rel), string(text)})
			}
		}
	}
	return found
}
