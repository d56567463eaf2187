package orchestrator

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/moby/sys/atomicwriter"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
)

// The warm pool: places that a run leaves behind it are started by another process
// (FillPool), with what the suite's framework needs, and wait. The next run claims
// them, has them make of the tree that they were started with its own, and opens its
// sessions. Whatever goes wrong with one costs a moment: another place is started.

const (
	// waitFor is how long a place waits for a run.
	waitFor = 15 * time.Minute
	// answerWithin is what a place that has waited gets to be as good as a new one. When all
	// of them wake at once on processors that others use too, one may take its seconds, and
	// a new one would take more.
	answerWithin = 3 * time.Second
	// maxAmended and maxAmendedFiles bound what is changed in the tree of a place that
	// waits: to start a new one costs less from there on.
	maxAmended, maxAmendedFiles = 8 << 20, 2000
)

// Pool is how a run uses places that wait.
type Pool struct {
	Most int    // as many are left for the next run; 0 has this one use none either
	Dir  string // for manifests of trees
}

// A Reserve is what the next run is likely to start with, as plain data.
type Reserve struct {
	Specs []engine.Spec `json:"specs"`
	Warm  worker.Warm   `json:"warm"`
}

// A pool is the places that a run has claimed.
type pool struct {
	site    *site
	log     hclog.Logger
	removed sync.WaitGroup

	mu      sync.Mutex
	claimed map[string]engine.Claimed // by the place's name
	amends  map[engine.Tree][]byte    // archives; nil for a tree of which none can be made
	opened  *worker.Open              // a session like the run's
	tree    string                    // where its workers have the tree
}

// newPool claims places for workers 1 to n.
func newPool(ctx context.Context, at *site, n int, log hclog.Logger) *pool {
	p := &pool{site: at, log: log, claimed: map[string]engine.Claimed{}, amends: map[engine.Tree][]byte{}}
	from, ok := at.engine.(engine.Pool)
	if !ok || at.req.Pool.Most == 0 {
		return p
	}
	specs := p.specs(n)
	all, err := from.Claim(ctx, specs)
	if err != nil {
		log.Warn("places that wait cannot be claimed: others are started", "error", err)
	}
	for i, c := range all {
		if c != nil {
			p.claimed[specs[i].Name] = c
		}
	}
	return p
}

func (p *pool) specs(n int) (specs []engine.Spec) {
	for i := range n {
		specs = append(specs, p.site.place(engine.Worker, report.WorkerName(i+1)))
	}
	return specs
}

// begin returns the place of a worker that has waited for the run; nil for none.
func (p *pool) begin(ctx context.Context, name string) *place {
	p.mu.Lock()
	c := p.claimed[name]
	delete(p.claimed, name)
	p.mu.Unlock()
	if c == nil {
		return nil
	}
	got, err := p.wake(ctx, name, c)
	if err != nil {
		p.log.Info("a place that waited is of no use: another one is started", "worker", name, "error", err)
		return nil
	}
	return got
}

// wake makes of a place that waited one of the run.
func (p *pool) wake(ctx context.Context, name string, c engine.Claimed) (_ *place, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	asked := time.Now()
	inst, err := c.Attach(ctx)
	if err != nil {
		return nil, err
	}
	got := newPlace(name, inst, asked, p.site.req.OutputLimit)
	if err = got.greet(ctx); err == nil {
		err = p.amend(ctx, got, c.Tree())
	}
	if err != nil {
		p.drop(ctx, func(ctx context.Context) error { return got.end(ctx) })
		return nil, err
	}
	return got, nil
}

// amend gives a place the run's tree.
func (p *pool) amend(ctx context.Context, to *place, was engine.Tree) error {
	if was == p.site.tree {
		return nil
	}
	archive, err := p.changes(ctx, was)
	if err != nil {
		return err
	}
	file := path.Join(filepath.ToSlash(to.layout.Temp), "tree.tar")
	if err := to.client.PutFile(ctx, file, 0o600, bytes.NewReader(archive)); err != nil {
		return err
	}
	return to.client.Amend(ctx, worker.Amend{Dir: to.layout.Source, Archive: file})
}

// changes returns the archive that makes of a tree the run's.
func (p *pool) changes(ctx context.Context, was engine.Tree) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	archive, known := p.amends[was]
	if known && archive == nil {
		return nil, fmt.Errorf("the changes since tree %.12s cannot be told", was)
	}
	if known {
		return archive, nil
	}
	p.amends[was] = nil
	text, err := os.ReadFile(p.manifest(was))
	if err != nil {
		return nil, err
	}
	var before source.Manifest
	if err := json.Unmarshal(text, &before); err != nil {
		return nil, fmt.Errorf("read what tree %.12s holds: %w", was, err)
	}
	c := p.site.src.Since(before, p.site.src.Manifest(worker.Stood))
	if c.Size() > maxAmended || c.Len() > maxAmendedFiles {
		return nil, fmt.Errorf("%d changes of %d bytes since tree %.12s are too many", c.Len(), c.Size(), was)
	}
	var out bytes.Buffer
	if err := c.Write(ctx, &out, marked); err != nil {
		return nil, err
	}
	p.amends[was] = out.Bytes()
	return out.Bytes(), nil
}

// marked says in an entry of an archive what worker.AmendTree must know.
func marked(h *tar.Header, was string, gone bool) {
	h.PAXRecords = map[string]string{}
	if was != "" {
		h.PAXRecords[worker.AmendWas] = was
	}
	if gone {
		h.PAXRecords[worker.AmendGone] = "1"
	}
}

func (p *pool) manifest(of engine.Tree) string {
	return filepath.Join(p.site.req.Pool.Dir, string(of)+".json")
}

// seen notes the session of a worker: the next run's are like it.
func (p *pool) seen(open worker.Open, l engine.Layout) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened == nil {
		open.Env = maps.Clone(open.Env)
		maps.DeleteFunc(open.Env, func(name, _ string) bool { return worker.OfRun(name) })
		open.Args, open.Results, open.Compiled, open.Compile = nil, "", "", false
		p.opened, p.tree = &open, l.Source
	}
}

// reserve returns what the next run is likely to start with; false for nothing.
func (p *pool) reserve(n int) (r Reserve, ok bool, err error) {
	n = min(n, p.site.req.Pool.Most)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, can := p.site.engine.(engine.Pool); !can || n == 0 || p.opened == nil {
		return r, false, nil
	}
	r = Reserve{Specs: p.specs(n), Warm: worker.Warm{Open: *p.opened, Tree: p.tree}}
	for i := range r.Specs {
		r.Specs[i].Run = "pool-" + r.Specs[i].Run
	}
	text, err := json.Marshal(p.site.src.Manifest(worker.Stood))
	if err == nil {
		err = os.MkdirAll(p.site.req.Pool.Dir, 0o755)
	}
	if err == nil {
		err = atomicwriter.WriteFile(p.manifest(p.site.tree), text, 0o644)
	}
	return r, err == nil, errors.Join(err, p.expire())
}

// expire removes manifests of trees that no place can have any more.
func (p *pool) expire() error {
	entries, err := os.ReadDir(p.site.req.Pool.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		info, gone := e.Info()
		if gone == nil && time.Since(info.ModTime()) > 4*waitFor {
			err = errors.Join(err, os.Remove(filepath.Join(p.site.req.Pool.Dir, e.Name())))
		}
	}
	return err
}

// drop removes a place beside the run.
func (p *pool) drop(ctx context.Context, remove func(context.Context) error) {
	p.removed.Go(func() {
		if err := remove(context.WithoutCancel(ctx)); err != nil {
			p.log.Warn("a place that waited could not be removed: the next run does it", "error", err)
		}
	})
}

// close removes the places that the run has claimed and not used.
func (p *pool) close(ctx context.Context) {
	p.mu.Lock()
	for _, c := range p.claimed {
		p.drop(ctx, c.Drop)
	}
	clear(p.claimed)
	p.mu.Unlock()
	p.removed.Wait()
}

// FillPool starts the places of a reserve that do not wait yet, and leaves them. It
// stops when a run of the project begins.
func FillPool(ctx context.Context, e engine.Engine, r Reserve, log hclog.Logger) error {
	into, ok := e.(engine.Pool)
	if !ok {
		return nil
	}
	missing, err := into.Missing(ctx, r.Specs)
	for _, spec := range missing {
		if busy, failed := into.Busy(); busy || failed != nil {
			return failed
		}
		if err = leave(ctx, into, spec, r.Warm, log); err != nil {
			break
		}
	}
	return err
}

// leave starts a place, gets it ready, and leaves it.
func leave(ctx context.Context, into engine.Pool, spec engine.Spec, warm worker.Warm, log hclog.Logger) (err error) {
	inst, err := into.Prepare(ctx, spec)
	if err != nil {
		return err
	}
	client := worker.NewClient(inst.Stream(), worker.ClientOptions{})
	defer func() {
		client.Close()
		if err != nil {
			err = errors.Join(err, inst.Remove(ctx))
		}
	}()
	if _, err := client.Hello(ctx, worker.Greeting{Worker: spec.Name, MuteMS: waitFor.Milliseconds()}); err != nil {
		return err
	}
	if err := client.Warm(ctx, warm); err != nil {
		log.Debug("a place waits without its framework", "worker", spec.Name, "error", err)
	}
	client.Close()
	return inst.Leave(time.Now().Add(waitFor))
}
