package orchestrator

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
)

// What a framework compiles of the sources (bytecode) is kept between
// runs, as a developer's checkout keeps it: one archive for each suite, of the
// form that worker.CompiledSource documents. Workers get only files whose source has
// not changed, and none if the compiler has. Losing all of it costs time, never a
// verdict.

const (
	// maxCompiled bounds an archive, in bytes: what does not fit is compiled anew.
	maxCompiled = 256 << 20
	// compiledMost is for how many environments of a suite there are archives:
	// engines, branches, and versions of a language take turns.
	compiledMost = 4
	// compiledFor is how long an archive is kept that no run uses.
	compiledFor = 30 * 24 * time.Hour
)

// compiled is what a run takes from, and adds to, the suite's archive. Its
// fields are set when it is made, but for brought.
type compiled struct {
	store   cache.Files
	key     string // of the suite's archive; "" keeps nothing
	src     *source.Source
	scratch string // a directory that lasts as long as the run
	log     hclog.Logger
	// brought is an archive, in scratch, of what was compiled of these very
	// sources; "" for none.
	brought string
}

func newCompiled(req *Request, deps Deps, at *site, scratch string) *compiled {
	c := &compiled{src: at.src, scratch: scratch, log: deps.Logger}
	if req.Compiled.Dir != "" && req.Session.Compiled != nil {
		c.store, c.key = CompiledStore(req.Compiled.Dir, deps.Now), compiledKey(req, at)
	}
	return c
}

// CompiledStore returns where a project's archives are, in a directory of its
// own.
func CompiledStore(dir string, now func() time.Time) cache.Files {
	return cache.Files{Dir: dir, Kind: "bytecode", For: compiledFor, Now: now}
}

// compiledKey names the suite's archive for this environment and these
// settings. What stands before the dash is the suite.
func compiledKey(req *Request, at *site) string {
	suite := sha256.Sum256([]byte(suiteKey(req)))
	parts := append([]string{string(cache.Trusted), at.base.ID, at.envKey}, req.Session.Compiled.Settings...)
	for _, name := range req.Session.Compiled.Files {
		hash, _ := at.src.Hash(name) // "" where there is none
		parts = append(parts, hash)
	}
	place := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(suite[:8]) + "-" + hex.EncodeToString(place[:8]) + ".tar"
}

// recall copies the part of the suite's archive that still fits the sources to
// scratch, for the workers.
func (c *compiled) recall() error {
	if c.key == "" {
		return nil
	}
	from, ok, err := c.store.Find(c.key)
	if err = errors.Join(err, c.expire()); err != nil || !ok {
		return err
	}
	defer func() { _ = from.Close() }() // it was only read
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

// copy copies the entries of an archive whose sources have not changed, and that the
// other archive lacks, up to a number of bytes. It returns the bytes that it copied.
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

// bring copies the archive to a place and returns its path there; "" if there is
// none, or on an error: a session works without it.
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

// fetch copies the archive of a worker's newly compiled sources to this machine, and
// returns its path; "" for none.
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
	return c.store.Keep(c.key, func(to io.Writer) (bool, error) {
		w := tar.NewWriter(to)
		there, room := map[string]bool{}, int64(maxCompiled)
		fresh, err := c.add(w, more, there, room)
		if err == nil && fresh > 0 {
			_, err = c.add(w, c.brought, there, room-fresh)
		}
		return fresh > 0, errors.Join(err, w.Close())
	})
}

// expire removes the suite's archives of the environments that were used
// longest ago, and those of any project that no run has used for long.
func (c *compiled) expire() error {
	suite, _, _ := strings.Cut(c.key, "-")
	return c.store.Expire(suite+"-", compiledMost)
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
