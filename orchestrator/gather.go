package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardyard/shardyard/orchestrator/artifacts"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
)

// Artifacts says which of the files that workers write are kept.
type Artifacts struct {
	Keep  []string // lines of worker.Patterns, relative to the project
	Place bool     // in the checkout too
	Most  int64    // bytes; of the whole run
	Limit string   // Most as the user writes it
	Own   []string // names of files that are never placed: they say how later runs go
}

// gatherTime is how long the artifacts of one worker may take.
const gatherTime = 5 * time.Minute

// A gatherer brings home what workers wrote, as they end.
type gatherer struct {
	*recorder
	req   *Request
	at    *site
	keep  worker.Patterns
	store *artifacts.Store

	mu       sync.Mutex
	others   map[string]bool // written and not kept
	uncalled int             // of these without a name
	troubles []string
}

func newGatherer(req *Request, rec *recorder, at *site, dir runDir) (*gatherer, error) {
	keep, err := worker.NewPatterns(req.Artifacts.Keep)
	if err != nil {
		return nil, &UsageError{"artifacts: " + err.Error()}
	}
	incoming := filepath.Join(filepath.Base(dir.scratch()), artifacts.Dir)
	return &gatherer{
		recorder: rec, req: req, at: at, keep: keep, others: map[string]bool{},
		store: artifacts.NewStore(string(dir), incoming, req.Artifacts.Most, req.Artifacts.Limit),
	}, nil
}

// gather takes what a worker wrote since its session began.
func (g *gatherer) gather(ctx context.Context, p *place) {
	dir := g.at.dir(p.layout)
	g.take(ctx, p, func(ctx context.Context, c worker.Changes) (worker.Changed, error) {
		return p.client.Changes(ctx, c)
	}, func(ctx context.Context, name string, w io.Writer) error {
		return p.client.GetBelow(ctx, dir, name, w)
	})
}

// salvage takes what a lost worker wrote, where its tree is on this machine.
func (g *gatherer) salvage(ctx context.Context, p *place, since time.Time) {
	switch {
	case ctx.Err() != nil:
	case p.layout.Here:
		dir := g.at.dir(p.layout)
		g.take(ctx, p, func(ctx context.Context, c worker.Changes) (worker.Changed, error) {
			return worker.ListChanged(ctx, c, since)
		}, func(_ context.Context, name string, w io.Writer) error {
			f, err := worker.OpenBelow(dir, name)
			if err != nil {
				return err
			}
			_, err = io.Copy(w, f)
			return errors.Join(err, f.Close())
		})
	case len(g.req.Artifacts.Keep) > 0:
		g.trouble("those of %s were lost with it", p.name)
	}
}

// take lists a worker's files, and takes those that are to be kept. What the
// worker says is matched again: it is input.
func (g *gatherer) take(
	ctx context.Context, p *place, list func(context.Context, worker.Changes) (worker.Changed, error), get func(context.Context, string, io.Writer) error,
) {
	ctx, cancel := context.WithTimeout(ctx, gatherTime)
	defer cancel()
	found, err := list(ctx, worker.Changes{Dir: g.at.dir(p.layout), Keep: g.req.Artifacts.Keep, Skip: source.Caches()})
	if err != nil {
		if len(g.req.Artifacts.Keep) > 0 && ctx.Err() == nil {
			g.trouble("those of %s cannot be listed: %v", p.name, err)
		}
		return
	}
	g.hear(found)
	if found.Cut {
		g.trouble("%s wrote more files than are looked through", p.name)
	}
	tree := artifacts.Tree{ID: p.name, Name: p.name}
	if p.layout.Here { // workers may share it
		tree.ID = p.layout.Source
	}
	for _, f := range found.Files {
		if !g.keep.Match(f.Path) {
			continue
		}
		err := g.store.Take(tree, f, func(w io.Writer) error { return get(ctx, f.Path, w) })
		if over := (*artifacts.BudgetError)(nil); errors.As(err, &over) {
			g.trouble("%v: raise limits.artifacts, or keep fewer", over)
			return
		}
		if err != nil {
			g.trouble("%s of %s: %v", report.Clean(f.Path), p.name, err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// hear remembers what is not kept.
func (g *gatherer) hear(found worker.Changed) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, name := range found.OtherNames {
		if artifacts.Safe(name) && len(g.others) < artifacts.MaxFiles {
			g.others[name] = true
		}
	}
	g.uncalled = max(g.uncalled, found.Others-len(found.OtherNames))
}

// trouble remembers why an artifact is not there, once.
func (g *gatherer) trouble(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(g.troubles, text) && len(g.troubles) < 1000 {
		g.troubles = append(g.troubles, text)
	}
}

// finish makes one directory of what all workers wrote, places it where that is
// asked for, and tells of it. delivered are files that the conclusion made.
func (g *gatherer) finish(ctx context.Context, delivered []string) {
	all, err := g.store.Unite(func(path, hash string) bool {
		before, ok := g.at.src.Hash(path)
		return ok && before == hash
	})
	if err != nil {
		g.trouble("%v", err)
	}
	placed := g.place(ctx, all)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, name := range delivered {
		delete(g.others, filepath.ToSlash(name))
	}
	told := report.Gathered{Unkept: len(g.others) + max(g.uncalled, 0), Missing: g.troubles}
	for _, a := range all {
		told.Artifacts = append(told.Artifacts, report.Artifact{Name: a.Name, Path: a.Path, From: a.From, Bytes: a.Bytes, Placed: placed[a.Name]})
	}
	names := slices.Sorted(maps.Keys(g.others))
	told.UnkeptFiles = names[:min(len(names), 5)]
	if len(told.Artifacts) > 0 || told.Unkept > 0 || len(told.Missing) > 0 {
		g.emit(told)
	}
	g.tell(told)
}

// tell says in words what a person should know.
func (g *gatherer) tell(told report.Gathered) {
	if n := len(told.Artifacts); n > 0 {
		g.note(report.Info, "%s kept in %s", report.Count(n, "artifact is", "artifacts are"), filepath.Join(g.req.Out, artifacts.Dir))
	}
	if n := len(told.Missing); n > 0 {
		more := ""
		if n > 3 {
			more = fmt.Sprintf("; and %d more", n-3)
		}
		g.note(report.Warning, "not all artifacts are there: %s%s", strings.Join(told.Missing[:min(n, 3)], "; "), more)
	}
	if told.Unkept > 0 {
		more := ""
		if told.Unkept > len(told.UnkeptFiles) {
			more = ", ..."
		}
		g.note(report.Info, "tests wrote %s here: %s%s; to keep such files, write artifacts: [%s] in shardyard.yaml",
			report.Count(told.Unkept, "file that is not kept", "files that are not kept"), strings.Join(told.UnkeptFiles, ", "), more, strings.Join(told.UnkeptFiles, ", "))
	}
}

// place puts artifacts into the checkout.
func (g *gatherer) place(ctx context.Context, all []artifacts.Artifact) map[string]bool {
	if !g.req.Artifacts.Place || len(all) == 0 {
		return nil
	}
	tracked, err := g.at.src.Tracked(ctx)
	if err != nil {
		g.trouble("none is placed in the checkout: %v", err)
		return nil
	}
	checkout := artifacts.Checkout{Dir: g.req.Project, Tracked: tracked, Own: g.req.Artifacts.Own}
	names, refused, err := checkout.Place(filepath.Join(g.req.Out, artifacts.Dir), all)
	if err != nil {
		g.trouble("none is placed in the checkout: %v", err)
	}
	for _, r := range refused {
		g.trouble("%s is not placed in the checkout: %s", r.Name, r.Why)
	}
	placed := map[string]bool{}
	for _, name := range names {
		placed[name] = true
	}
	return placed
}
