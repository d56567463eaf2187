// Package venv makes Python environments for tests, once for each machine.
package venv

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
)

// Make returns the interpreter of an environment with these packages. It is
// made from the package index when this machine has none yet. It may be called
// concurrently, also by several processes.
func Make(packages ...string) (python string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	version, err := exec.Command("python3", "--version").Output() //nolint:noctx // ends at once
	if err != nil {
		return "", fmt.Errorf("python3: %w", err)
	}
	packages = slices.Sorted(slices.Values(packages))
	key := sha256.Sum256([]byte(string(version) + strings.Join(packages, "\n")))
	dir := filepath.Join(cache, "shardyard-test", fmt.Sprintf("%x", key[:8]))
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	lock := flock.New(dir + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	python = filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return python, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	install := append([]string{python, "-m", "pip", "install", "-q", "--disable-pip-version-check"}, packages...)
	for _, argv := range [][]string{{"python3", "-m", "venv", dir}, install} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil { //nolint:noctx // tests have a time limit of their own
			return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
		}
	}
	return python, os.WriteFile(filepath.Join(dir, "complete"), nil, 0o644)
}
