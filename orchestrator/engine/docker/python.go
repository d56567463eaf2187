package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A python is an interpreter of this machine, as it tells of itself.
type python struct {
	Version    string   `json:"version"`    // "3.11.7"
	Executable string   `json:"executable"` // the file itself, no link
	Prefix     string   `json:"prefix"`     // the real one, of no virtual environment
	Real       string   `json:"real"`       // the prefix without links
	Libraries  []string `json:"libraries"`  // folders of loaded libraries
}

// Prefixes are the folders that the interpreter needs, besides the system's.
func (p python) Prefixes() []string {
	all := append([]string{p.Prefix, p.Real}, p.Libraries...)
	if !covered([]string{p.Prefix, p.Real}, p.Executable) {
		all = append(all, filepath.Dir(p.Executable))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tellPython is asked of an interpreter. It must run on every version.
const tellPython = `
import json, os, sys
exe = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
prefix = getattr(sys, "base_prefix", sys.prefix)
libs = set()
try:
    import ssl, ctypes, zlib
except ImportError:
    pass
try:
    for line in open("/proc/self/maps"):
        name = line.split(None, 5)[5:]
        if name and ".so" in name[0] and name[0].startswith("/"):
            libs.add(os.path.dirname(name[0].strip()))
except (IOError, OSError):
    pass
system = ("/usr/", "/lib/", "/lib64/", "/lib32/", os.path.realpath(prefix) + "/")
libs = sorted(d for d in libs if not (d + "/").startswith(system))
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "executable": exe,
    "prefix": prefix, "real": os.path.realpath(prefix), "libraries": libs}))
`

// askFor bounds how long an interpreter may think.
const askFor = 20 * time.Second

// inspectPython asks an interpreter what it is. A shim (of pyenv, uv or asdf)
// answers with what is behind it.
func inspectPython(ctx context.Context, command string) (python, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, "-I", "-c", tellPython)
	out, err := cmd.Output()
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // not "signal: killed"
	}
	if err != nil {
		return python{}, fmt.Errorf("ask %s what it is: %w", command, err)
	}
	var p python
	if err := json.Unmarshal(out, &p); err != nil {
		return python{}, fmt.Errorf("ask %s what it is: %w", command, err)
	}
	return p, nil
}

// findPython finds an interpreter of this machine for a wanted version ("3.12",
// "3.12.1", "" for any of 3). What `python3` names comes first.
func findPython(ctx context.Context, want string) (python, error) {
	var seen []string
	for _, c := range pythonCandidates(want) {
		p, err := inspectPython(ctx, c)
		if err != nil {
			continue // a shim without a version behind it, or no python
		}
		if matches(p.Version, want) {
			return p, nil
		}
		seen = append(seen, p.Version)
	}
	if err := ctx.Err(); err != nil {
		return python{}, err
	}
	if want == "" {
		return python{}, errors.New("this machine has no python3: install it, or name an image")
	}
	slices.Sort(seen)
	return python{}, fmt.Errorf("python %s is wanted and this machine has %s: install it (`uv python install %s`, or pyenv), or name an image",
		want, orNone(slices.Compact(seen)), want)
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// matches says whether a version is of the wanted series.
func matches(version, want string) bool {
	if want == "" {
		return strings.HasPrefix(version, "3.")
	}
	return version == want || strings.HasPrefix(version, want+".")
}

// pythonCandidates are commands to ask, the most likely first.
func pythonCandidates(want string) []string {
	list := []string{"python3", "python"}
	minor := minorOf(want)
	if minor != "" {
		list = append(list, "python"+minor)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/nonexistent"
	}
	pyenv := os.Getenv("PYENV_ROOT")
	if pyenv == "" {
		pyenv = filepath.Join(home, ".pyenv")
	}
	data := os.Getenv("XDG_DATA_HOME")
	if data == "" {
		data = filepath.Join(home, ".local", "share")
	}
	version := want + "*"
	for _, pattern := range []string{
		filepath.Join(pyenv, "versions", version, "bin", "python3"),
		filepath.Join(data, "uv", "python", "cpython-"+version, "bin", "python3"),
		"/usr/local/bin/python3." + strings.TrimPrefix(minor, "3."),
		"/usr/bin/python3." + strings.TrimPrefix(minor, "3."),
		filepath.Join(pyenv, "versions", "3.*", "bin", "python3"), // to name them when none fits
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // a version that is no pattern
		}
		slices.SortFunc(found, newestFirst)
		list = append(list, found...)
	}
	return unique(list)
}

// minorOf is "3.12" of "3.12.1", or "" when there is no such part.
func minorOf(want string) string {
	parts := strings.Split(want, ".")
	if len(parts) < 2 {
		return ""
	}
	return parts[0] + "." + parts[1]
}

// newestFirst orders paths by the numbers in them.
func newestFirst(a, b string) int {
	return slices.Compare(numbers(b), numbers(a))
}

func numbers(s string) []int {
	var list []int
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		n, err := strconv.Atoi(f)
		if err != nil {
			n = 0 // too long to be part of a version
		}
		list = append(list, n)
	}
	return list
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
