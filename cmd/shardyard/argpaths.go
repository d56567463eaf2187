package main

import (
	"os"
	"path/filepath"
	"strings"
)

// inTree gives arguments that name files of the checkout the paths that these
// have in the tree that is tested, relative to the project: workers have their
// own copy, at another place and perhaps of another commit. A path may be an
// argument, what follows the = of an option, or stand before "::". Paths
// relative to cwd, which is in the project, are made relative to the project
// when such a file is there, and none relative to the project.
func inTree(args []string, project, cwd string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		option, path := "", arg
		if strings.HasPrefix(arg, "-") {
			name, value, ok := strings.Cut(arg, "=")
			if !ok {
				out[i] = arg
				continue
			}
			option, path = name+"=", value
		}
		file, rest, cut := strings.Cut(path, "::")
		if cut {
			rest = "::" + rest
		}
		out[i] = option + relative(file, project, cwd) + rest
	}
	return out
}

// relative returns the path of a file of the project relative to it; any other
// path is returned as it is.
func relative(file, project, cwd string) string {
	from := file
	switch {
	case filepath.IsAbs(file):
	case file == "" || exists(filepath.Join(project, file)) || !exists(filepath.Join(cwd, file)):
		return file
	default:
		from = filepath.Join(cwd, file)
	}
	for _, root := range []string{project, unlinked(project)} {
		for _, path := range []string{filepath.Clean(from), unlinked(from)} {
			if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
				return filepath.ToSlash(rel)
			}
		}
	}
	return file
}

// unlinked returns a path without links, as far as it exists.
func unlinked(path string) string {
	if found, err := filepath.EvalSymlinks(path); err == nil {
		return found
	}
	dir, name := filepath.Split(filepath.Clean(path))
	if dir == "" || dir == path {
		return path
	}
	return filepath.Join(unlinked(filepath.Clean(dir)), name)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
