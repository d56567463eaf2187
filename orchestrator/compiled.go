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

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
)

// What a framework compiles of the sources (bytecode) is kept between
// runs, as a developer's checkout keeps it: one archive for each suite, of the
// form that worker.CompiledSource documents. Only files whose source is the
// same now go to workers, and none when it would be compiled in another way. Losing all of it costs time, never a verdict.

const (
	// maxCompiled bounds an archive, in bytes: what does not fit is compiled anew.
	maxCompiled = 256 << 20
	// compiledFor is how long an archive is kept that no run uses.
	compiledFor = 30 * 24 * time.Hour
)

// compiled is what a run takes from, and adds to, the suite's archive. Its
// fields are set when it is made, but for brought.
type compiled struct {
	file    string // the suite's archive; "" keeps nothing
	src     *source.Source
	scratch string // a directory that lasts as long as the run
	now     func() time.Time
	log     hclog.Logger
	// brought is an archive, in scratch, of what was compiled of these very
	// sources; "" for none.
	brought string
}

func newCompiled(req *Request, deps Deps, at *site, scratch string) *compiled {
	c := &compiled{src: at.src, scratch: scratch, now: deps.Now, log: deps.Logger}
	if req.Compiled.Dir != "" && req.Session.Compiled != nil {
		c.file = compiledFile(req, at)
	}
	return c
}

// compiledFile is where the suite's archive is kept, for this environment and
// these settings.
func compiledFile(req *Request, at *site) string {
	suite := sha256.Sum256([]byte(suiteKey(req)))
	parts := append([]string{at.base.ID, at.envKey}, req.Session.Compiled.Settings...)
	for _, name := range req.Session.Compiled.Files {
		hash, _ := at.src.Hash(name) // "" where there is none
		parts = append(parts, hash)
	}
	place := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return filepath.Join(req.Compiled.Dir, hex.EncodeToString(suite[:8])+"-"+hex.EncodeToString(place[:8])+".tar")
}

// recall leaves what workers get in scratch.
func (c *compiled) recall() error {
	if c.file == "" {
		return nil
	}
	if err := c.expire(); err != nil {
		return err
	}
	from, err := os.Open(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
	now := c.now()
	_ = os.Chtimes(from.Name(), now, now) // it was used; another run may just have replaced it
	name := filepath.Join(c.scratch, "compiled.tar")
	to, err := os.Create(name)
	if err != nil {
		return err
	}
	w := tar.NewWriter(to)
	n, err := c.copy(w, from, map[string]bool{}, maxCompiled)
	if err = errors.Join(err, w.Close(), to.Close()); err == nil && n > 0 {
		c.brought = name
	}
	return err
}

// copy copies the entries of an archive whose sources are the same now
// and that are not there yet, up to a number of bytes, and says how many these
// were.
func (c *compiled) copy(w *tar.Writer, from io.Reader, there map[string]bool, limit int64) (n int64, err error) {
	for archive := tar.NewReader(from); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		now, ok := c.src.Hash(h.PAXRecords[worker.CompiledSource])
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

// bring puts the archive where the session at a place will find it, and says
// where that is. It is worth waiting for, but not failing for.
func (c *compiled) bring(ctx context.Context, p *place) string {
	if c.brought == "" {
		return ""
	}
	f, err := os.Open(c.brought)
	if err == nil {
		to := path.Join(filepath.ToSlash(p.layout.Temp), "compiled.tar")
		err = errors.Join(p.client.PutFile(ctx, to, 0o644, f), f.Close())
		if err == nil {
			return to
		}
	}
	c.log.Debug("bring what was compiled", "worker", p.name, "error", err)
	return ""
}

// fetch takes what a worker compiled anew: an archive, "" for none.
func (c *compiled) fetch(ctx context.Context, p *place, closed *worker.Closed) string {
	if closed.Compiled == "" {
		return ""
	}
	local := filepath.Join(c.scratch, "compiled-by-"+p.name+".tar")
	if err := p.fetch(ctx, closed.Compiled, local, 2*maxCompiled); err != nil {
		c.log.Debug("fetch what was compiled", "worker", p.name, "error", err)
		return ""
	}
	return local
}

// keep adds an archive to the suite's.
func (c *compiled) keep(more string) error {
	dir := filepath.Dir(c.file)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	to, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	w := tar.NewWriter(to)
	there, room := map[string]bool{}, int64(maxCompiled)
	fresh, err := c.add(w, more, there, room)
	if err == nil && fresh > 0 {
		_, err = c.add(w, c.brought, there, room-fresh)
	}
	if err = errors.Join(err, w.Close(), to.Close()); err == nil && fresh > 0 {
		return os.Rename(to.Name(), c.file)
	}
	return errors.Join(err, os.Remove(to.Name()))
}

// expire removes the suite's archives of other environments than the
// one kept, and those of any project that no run has used for long.
func (c *compiled) expire() error {
	dir := filepath.Dir(c.file)
	suite, _, _ := strings.Cut(filepath.Base(c.file), "-")
	all, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*", "*"))
	for _, other := range all {
		old := filepath.Dir(other) == dir && strings.HasPrefix(filepath.Base(other), suite+"-")
		if info, e := os.Stat(other); e == nil && c.now().Sub(info.ModTime()) > compiledFor {
			old = true
		}
		if other == c.file || !old {
			continue
		}
		if e := os.Remove(other); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (c *compiled) add(w *tar.Writer, name string, there map[string]bool, limit int64) (int64, error) {
	if name == "" {
		return 0, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	n, err := c.copy(w, f, there, limit)
	if err != nil {
		return n, fmt.Errorf("read %s: %w", name, err)
	}
	return n, nil
}
