package orchestrator

import (
	"archive/tar"
	"context"
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
	"time"

	"github.com/shardyard/shardyard/worker"
)

// What a framework compiles of the sources (Python's bytecode) is kept between
// runs, as a developer's checkout keeps it: one archive for each suite, of the
// form that worker.CompiledSource documents. Only files whose source is the
// same now go to workers, and none when it would be compiled in another way. Losing all of it costs time, never a verdict.

const (
	// maxCompiled bounds an archive, in bytes: what does not fit is compiled anew.
	maxCompiled = 256 << 20
	// compiledFor is how long an archive is kept that no run uses.
	compiledFor = 30 * 24 * time.Hour
)

// compiledFile is where the suite's archive is kept, for this environment and
// these settings.
func (r *run) compiledFile() string {
	suite := sha256.Sum256([]byte(r.past.suite))
	parts := append([]string{r.base.ID, r.envKey}, r.req.Compiled.Settings...)
	for _, name := range r.req.Compiled.Files {
		hash, _ := r.src.Hash(name) // "" where there is none
		parts = append(parts, hash)
	}
	place := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return filepath.Join(r.req.Compiled.Dir, hex.EncodeToString(suite[:8])+"-"+hex.EncodeToString(place[:8])+".tar")
}

// recallCompiled leaves what workers get in the run's directory.
func (r *run) recallCompiled() error {
	if r.req.Compiled.Dir == "" {
		return nil
	}
	if err := r.expireCompiled(); err != nil {
		return err
	}
	from, err := os.Open(r.compiledFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
	now := r.Now()
	_ = os.Chtimes(from.Name(), now, now) // it was used; another run may just have replaced it
	name := filepath.Join(r.scratch(), "compiled.tar")
	to, err := os.Create(name)
	if err != nil {
		return err
	}
	w := tar.NewWriter(to)
	n, err := r.copyCompiled(w, from, map[string]bool{}, maxCompiled)
	if err = errors.Join(err, w.Close(), to.Close()); err == nil && n > 0 {
		r.compiled = name
	}
	return err
}

// copyCompiled copies the entries of an archive whose sources are the same now
// and that are not there yet, up to a number of bytes, and says how many these
// were.
func (r *run) copyCompiled(w *tar.Writer, from io.Reader, there map[string]bool, limit int64) (n int64, err error) {
	for archive := tar.NewReader(from); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		now, ok := r.src.Hash(h.PAXRecords[worker.CompiledSource])
		if !ok || now != h.PAXRecords[worker.CompiledHash] || h.Typeflag != tar.TypeReg || !filepath.IsLocal(filepath.FromSlash(h.Name)) {
			continue
		}
		if there[h.Name] || h.Size > limit-n {
			continue
		}
		there[h.Name] = true
		n += h.Size
		if err := w.WriteHeader(h); err != nil {
			return n, err
		}
		if _, err := io.Copy(w, archive); err != nil {
			return n, err
		}
	}
}

// bringCompiled puts the archive where the worker's session will find it. It
// is worth waiting for, but not failing for.
func (r *run) bringCompiled(ctx context.Context, m *member, client *worker.Client, dir string) string {
	if r.compiled == "" {
		return ""
	}
	f, err := os.Open(r.compiled)
	if err == nil {
		to := path.Join(filepath.ToSlash(dir), "compiled.tar")
		err = errors.Join(client.PutFile(ctx, to, 0o644, f), f.Close())
		if err == nil {
			return to
		}
	}
	r.Logger.Debug("bring what was compiled", "worker", m.name(), "error", err)
	return ""
}

// fetchCompiled takes what a worker compiled anew: an archive, "" for none.
func (r *run) fetchCompiled(ctx context.Context, m *member, client *worker.Client, closed *worker.Closed) string {
	if closed.Compiled == "" {
		return ""
	}
	local := filepath.Join(r.scratch(), "compiled-by-"+m.name()+".tar")
	if err := fetchFile(ctx, client, closed.Compiled, local, 2*maxCompiled); err != nil {
		r.Logger.Debug("fetch what was compiled", "worker", m.name(), "error", err)
		return ""
	}
	return local
}

// keepCompiled adds an archive to the suite's.
func (r *run) keepCompiled(more string) error {
	if err := os.MkdirAll(r.req.Compiled.Dir, 0o755); err != nil {
		return err
	}
	to, err := os.CreateTemp(r.req.Compiled.Dir, ".new-*")
	if err != nil {
		return err
	}
	w := tar.NewWriter(to)
	there, room := map[string]bool{}, int64(maxCompiled)
	fresh, err := r.addCompiled(w, more, there, room)
	if err == nil && fresh > 0 {
		_, err = r.addCompiled(w, r.compiled, there, room-fresh)
	}
	if err = errors.Join(err, w.Close(), to.Close()); err == nil && fresh > 0 {
		return os.Rename(to.Name(), r.compiledFile())
	}
	return errors.Join(err, os.Remove(to.Name()))
}

// expireCompiled removes the suite's archives of other environments than the
// one kept, and those of any project that no run has used for long.
func (r *run) expireCompiled() error {
	name := r.compiledFile()
	suite, _, _ := strings.Cut(filepath.Base(name), "-")
	all, err := filepath.Glob(filepath.Join(filepath.Dir(r.req.Compiled.Dir), "*", "*"))
	for _, other := range all {
		old := filepath.Dir(other) == r.req.Compiled.Dir && strings.HasPrefix(filepath.Base(other), suite+"-")
		if info, e := os.Stat(other); e == nil && r.Now().Sub(info.ModTime()) > compiledFor {
			old = true
		}
		if other == name || !old {
			continue
		}
		if e := os.Remove(other); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (r *run) addCompiled(w *tar.Writer, name string, there map[string]bool, limit int64) (int64, error) {
	if name == "" {
		return 0, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	n, err := r.copyCompiled(w, f, there, limit)
	if err != nil {
		return n, fmt.Errorf("read %s: %w", name, err)
	}
	return n, nil
}
