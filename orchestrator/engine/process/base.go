package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// describe prints what identifies an interpreter. A virtual environment is
// seen through: its base is what outlives it.
const describe = `import os, sys
base = sys.base_prefix != sys.prefix and getattr(sys, "_base_executable", "") or sys.executable
print(os.path.abspath(base), "%d.%d" % sys.version_info[:2], sys.base_prefix, sys.version.replace("\n", " "), sep="\n")`

// Base implements engine.Bases: there is only this machine.
func (e *Engine) Base(ctx context.Context, image, python string, _ func(string)) (engine.Base, error) {
	switch image {
	case "", "auto", "host":
	default:
		return engine.Base{}, fmt.Errorf("image %q: the process engine has no images; set `image: host`, or start Docker and use --engine docker", image)
	}
	base := engine.Base{Image: "host", Host: true}
	var other *interpreter
	for _, candidate := range candidates(python) {
		found, err := inspect(ctx, candidate)
		if err != nil {
			if ctx.Err() != nil {
				return engine.Base{}, fmt.Errorf("look for Python: %w", ctx.Err())
			}
			continue // it is not there, or a shim for one that is not
		}
		if python == "" || found.version == python || strings.HasPrefix(python, found.version+".") {
			base.Python, base.ID = found.path, found.id()
			return base, nil
		}
		if other == nil {
			other = &found
		}
	}
	base.ID = fmt.Sprintf("host-%s-%s", runtime.GOOS, runtime.GOARCH)
	if other != nil {
		base.Python, base.ID = other.path, other.id()
		base.Note = fmt.Sprintf("Python %s (%s) instead of %s, which this machine does not have", other.version, other.path, python)
	}
	return base, nil
}

// An interpreter is a Python of this machine.
type interpreter struct {
	path, version, prefix, full string
}

func (i interpreter) id() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{i.path, i.prefix, i.full, runtime.GOOS, runtime.GOARCH}, "\x00")))
	return "host-" + hex.EncodeToString(sum[:8])
}

// candidates are where a Python may be, the likeliest first: the PATH, and
// where pyenv and uv keep theirs.
func candidates(python string) (names []string) {
	home, err := os.UserHomeDir()
	minor := python
	if parts := strings.SplitN(python, ".", 3); len(parts) == 3 {
		minor = parts[0] + "." + parts[1]
	}
	if python != "" {
		names = append(names, "python"+minor)
	}
	names = append(names, "python3", "python")
	if python == "" || err != nil {
		return names
	}
	pyenv := os.Getenv("PYENV_ROOT")
	if pyenv == "" {
		pyenv = filepath.Join(home, ".pyenv")
	}
	for _, pattern := range []string{
		filepath.Join(pyenv, "versions", minor+".*", "bin", "python"+minor),
		filepath.Join(home, ".local", "share", "uv", "python", "cpython-"+minor+".*", "bin", "python"+minor),
	} {
		// The pattern is well formed; a name in it that is not matches nothing.
		matches, _ := filepath.Glob(pattern)
		slices.Reverse(matches)
		names = append(names, matches...)
	}
	return names
}

func inspect(ctx context.Context, name string) (interpreter, error) {
	out, err := exec.CommandContext(ctx, name, "-I", "-c", describe).Output()
	if err != nil {
		return interpreter{}, err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 4 {
		return interpreter{}, fmt.Errorf("%s does not describe itself: %q", name, out)
	}
	return interpreter{lines[0], lines[1], lines[2], lines[3]}, nil
}
