package doctor

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Git checks that git can be run, and answers for the repository that the
// directory is in.
type Git struct{ Dir string }

// Examine asks git for its version and for the repository.
func (g Git) Examine(ctx context.Context) []Check {
	out, err := exec.CommandContext(ctx, "git", "--version").Output()
	if err != nil {
		return []Check{Warn("git", "install git: outside a repository it is not needed", "git cannot be run: %v", err)}
	}
	version := strings.TrimSpace(string(out))
	root, err := exec.CommandContext(ctx, "git", "-C", g.Dir, "rev-parse", "--show-toplevel").CombinedOutput()
	switch text := strings.TrimSpace(string(root)); {
	case err == nil:
		return []Check{Good("git", "%s; the repository is %s", version, text)}
	case strings.Contains(text, "dubious ownership"):
		return []Check{Fail("git", "git config --global --add safe.directory "+g.Dir, "the repository belongs to another user, so that git refuses it")}
	}
	return []Check{Good("git", "%s; %s is in no repository: every file is part of the source", version, g.Dir)}
}

// Writable checks that files can be written in a directory, or in the nearest
// one above it that is there.
type Writable struct{ Name, Dir, Fix string }

// Examine writes a file and removes it.
func (w Writable) Examine(context.Context) []Check {
	at := w.Dir
	for {
		if _, err := os.Stat(at); err == nil || filepath.Dir(at) == at {
			break
		}
		at = filepath.Dir(at)
	}
	f, err := os.CreateTemp(at, ".shardyard-doctor-")
	if err == nil {
		_, err = f.WriteString("x")
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return []Check{Fail(w.Name, w.Fix, "%s cannot be written: %v", w.Dir, err)}
	}
	return []Check{Good(w.Name, "%s can be written", w.Dir)}
}
