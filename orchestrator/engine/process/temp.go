package process

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// A worker's directory for temporary files has a short path of its own, below
// the system's, as it would be without us: tests put sockets there, whose paths
// may not be longer than about a hundred bytes.

// shortPrefix begins the name of each such directory.
const shortPrefix = "sy-"

// tempLink is a link in an instance's directory to its directory for temporary
// files. It is there before that directory is, and so names it to Sweep.
const tempLink = "tmp"

// makeTemp makes the directory for temporary files of the instance whose own
// directory is dir.
func makeTemp(dir string) (string, error) {
	temp := filepath.Join(os.TempDir(), shortPrefix+strings.ToLower(rand.Text()[:8]))
	if err := os.Symlink(temp, filepath.Join(dir, tempLink)); err != nil {
		return "", err
	}
	return temp, os.Mkdir(temp, 0o700)
}

// removeTemp removes the directory for temporary files of an instance. A link
// that leads elsewhere, which only a test can have made, is passed over.
func removeTemp(dir string) error {
	temp, err := os.Readlink(filepath.Join(dir, tempLink))
	if err != nil {
		return nil //nolint:nilerr // it was not made
	}
	if filepath.Dir(temp) != filepath.Clean(os.TempDir()) || !strings.HasPrefix(filepath.Base(temp), shortPrefix) {
		return nil
	}
	return removeAll(temp)
}

// removeRun removes the directory of a run, with its instances' directories
// for temporary files.
func removeRun(dir string) error {
	instances, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, i := range instances {
		errs = append(errs, removeTemp(filepath.Join(dir, i.Name())))
	}
	return errors.Join(append(errs, removeAll(dir))...)
}
