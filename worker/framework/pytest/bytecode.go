package pytest

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
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

// restored is the time of modification of bytecode that was brought here.
var restored = time.Unix(1, 0)

// noBytecode says that the session must not write bytecode, and so is not
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

// restoreBytecode unpacks an archive of packBytecode in dir. Where nothing can
// be written it does without, as Python itself does.
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
		if h.PAXRecords[worker.CompiledDir] != dir && strings.Contains(path.Base(h.Name), "-pytest-") {
			continue
		}
		err = restoreFile(root, h.Name, r, made)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("restore bytecode: %w", err)
		}
	}
}

// restoreFile leaves bytecode alone that is there already.
func restoreFile(root *os.Root, name string, content io.Reader, made map[string]bool) error {
	folder := path.Dir(name)
	if !made[folder] {
		if err := root.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		made[folder] = true
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err = errors.Join(err, f.Close(), root.Chtimes(name, restored, restored)); err != nil {
		err = errors.Join(err, root.Remove(name)) // Python stumbles over half a file
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

// packFiles says how many it packed.
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
		stem := strings.TrimSuffix(filepath.Base(source), "py") // with its dot
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), stem) || !strings.HasSuffix(e.Name(), ".pyc") {
				continue
			}
			wrote, err := packFile(w, dir, filepath.ToSlash(rel), filepath.Join(folder, e.Name()))
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
