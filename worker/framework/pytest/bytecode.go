package pytest

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// Python keeps the bytecode of name.py in __pycache__/name.<tag>.pyc, and pytest
// that of a file whose assertions it has rewritten in name.<tag>-pytest-<version>.pyc.
// Both take it for the source's when the source has the size and the time of
// modification that are written in it. In a worker all sources have one time:
// bytecode comes back only to a source with the same content.
//
// Python puts the source's path right when it loads bytecode; pytest leaves it
// as it was when that was made, and tracebacks and coverage would show it. So
// what pytest has rewritten comes back only to the same place.

// pycache is the directory of bytecode beside its sources.
const pycache = "__pycache__"

// restored is the time of modification of bytecode that was brought here. It is
// later than that of any source, and a zip archive can hold it.
var restored = time.Date(2000, 1, 1, 0, 0, 2, 0, time.UTC)

// noBytecode reports whether the session must not write bytecode, and so is not
// brought any.
func noBytecode(env []string) bool {
	set := ""
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, "PYTHONDONTWRITEBYTECODE="); ok {
			set = value
		}
	}
	return set != ""
}

// compiling returns what governs the bytecode of a session: files of the project,
// and of the arguments and the environment what matters. Warnings and errors of
// the compiler come only when something is compiled: bytecode is of use only
// where they would be treated in the same way.
func compiling(args []string, env map[string]string) (files, settings []string) {
	files = []string{"pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"}
	follows := false
	for _, a := range args {
		name, _, whole := strings.Cut(a, "=")
		option := slices.Contains([]string{"--pythonwarnings", "--override-ini", "--assert", "--config-file"}, name) ||
			len(a) > 1 && strings.Contains("Woc", a[1:2]) && a[0] == '-'
		if option || follows {
			settings = append(settings, a)
		}
		if follows {
			files = append(files, a) // it may be -c's
		}
		follows = option && !whole && (len(a) == 2 || strings.HasPrefix(a, "--"))
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if strings.HasPrefix(name, "PYTHON") || strings.HasPrefix(name, "PYTEST") {
			settings = append(settings, name+"="+env[name])
		}
	}
	return files, settings
}

// restoreBytecode unpacks an archive of packBytecode in dir. What is missing
// after an error is compiled again.
func restoreBytecode(dir, archive string) (err error) {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("restore bytecode: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("restore bytecode: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	made := map[string]bool{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("restore bytecode: %w", err)
		}
		if !isBytecode(h.Name, h.PAXRecords[worker.CompiledSource]) || h.PAXRecords[worker.CompiledDir] != dir && strings.Contains(h.Name, "-pytest-") {
			continue
		}
		if err := restoreFile(root, h.Name, r, made); err != nil {
			return fmt.Errorf("restore bytecode: %w", err)
		}
	}
}

// isBytecode reports whether a file may hold the bytecode of a source, both
// relative to the same directory.
func isBytecode(file, source string) bool {
	stem, ok := strings.CutSuffix(path.Base(source), "py") // with its dot
	return ok && path.Dir(file) == path.Join(path.Dir(source), pycache) &&
		strings.HasPrefix(path.Base(file), stem) && strings.HasSuffix(file, ".pyc")
}

// restoreFile leaves bytecode alone that is there already. Other workers of the
// process engine may look at the same file: it appears whole.
func restoreFile(root *os.Root, name string, content io.Reader, made map[string]bool) error {
	folder := path.Dir(name)
	if !made[folder] {
		if err := root.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		made[folder] = true
	}
	if _, err := root.Lstat(name); err == nil {
		return nil
	}
	part := fmt.Sprintf("%s.%d", name, os.Getpid())
	f, err := root.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Close(), root.Chtimes(part, restored, restored)); err == nil {
		err = root.Rename(part, name)
	}
	if err != nil {
		err = errors.Join(err, root.Remove(part))
	}
	return err
}

// packBytecode writes the bytecode of the sources in dir that was not brought
// there to an archive in the directory to, and gives its path; "" when there is
// nothing.
func packBytecode(dir string, sources []string, to string) (archive string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("pack bytecode: %w", err)
		}
	}()
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	f, err := os.Create(filepath.Join(to, "compiled.tar"))
	if err != nil {
		return "", err
	}
	w := tar.NewWriter(f)
	n, err := packFiles(w, dir, sources)
	if err = errors.Join(err, w.Close(), f.Close()); err != nil || n == 0 {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// packFiles packs the files, and returns how many.
func packFiles(w *tar.Writer, dir string, sources []string) (n int, err error) {
	folders := map[string][]os.DirEntry{}
	for _, source := range sources {
		rel, err := filepath.Rel(dir, source)
		if err != nil || !filepath.IsLocal(rel) || !strings.HasSuffix(rel, ".py") {
			continue
		}
		folder := filepath.Join(filepath.Dir(source), pycache)
		entries, ok := folders[folder]
		if !ok {
			entries, _ = os.ReadDir(folder) // where there is none, nothing was compiled
			folders[folder] = entries
		}
		rel = filepath.ToSlash(rel)
		for _, e := range entries {
			if !isBytecode(path.Join(path.Dir(rel), pycache, e.Name()), rel) {
				continue
			}
			wrote, err := packFile(w, dir, rel, filepath.Join(folder, e.Name()))
			if err != nil {
				return n, err
			}
			if wrote {
				n++
			}
		}
	}
	return n, nil
}

// packFile adds one file, unless it was brought here or is gone.
func packFile(w *tar.Writer, dir, source, file string) (bool, error) {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() || info.ModTime().Equal(restored) {
		return false, nil //nolint:nilerr // a test may have removed it
	}
	code, err := os.ReadFile(file)
	if err != nil {
		return false, nil //nolint:nilerr // likewise
	}
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(source)))
	if err != nil {
		return false, nil //nolint:nilerr // likewise
	}
	sum := sha256.Sum256(text)
	err = w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: path.Join(path.Dir(source), pycache, filepath.Base(file)), Mode: 0o644, Size: int64(len(code)),
		Format: tar.FormatPAX, PAXRecords: map[string]string{
			worker.CompiledSource: source, worker.CompiledHash: hex.EncodeToString(sum[:]), worker.CompiledDir: dir,
		},
	})
	if err != nil {
		return false, err
	}
	_, err = w.Write(code)
	return true, err
}
