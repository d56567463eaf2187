package orchestrator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
)

// A ground is what a site is built from: the engine, the sources and the image.
type ground struct {
	engine engine.Engine
	req    *Request
	info   engine.Info
	src    *source.Source
	base   engine.Base
	user   string // who runs tests, as engines take it
}

// survey finds the sources and the image, side by side. It stops pulling the image
// if the sources cannot be read. The caller closes the ground.
func survey(ctx context.Context, info engine.Info, req *Request, deps Deps, rec *recorder) (*ground, error) {
	if req.Scope == cache.Untrusted && !info.Isolated {
		return nil, &UsageError{"the " + info.Name + " engine cannot keep untrusted code from what trusted runs use: take another one (--engine docker), or trust the code (--untrusted=false)"}
	}
	g := &ground{engine: deps.Engine, req: req, info: info}
	both, sound := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		g.src, err = snapshot(ctx, req, rec)
		return err
	})
	both.Go(func() error {
		return g.found(sound, rec)
	})
	if err := both.Wait(); err != nil {
		return nil, errors.Join(err, g.close())
	}
	rec.emit(report.Based{
		Engine: g.info.Name + " " + g.info.Version, Image: g.base.Image, ImageNote: g.base.Note, Host: g.base.Host, Isolated: g.info.Isolated,
		CPUs: g.info.CPUs, Memory: g.info.Memory, Load: load(),
	})
	ignored := g.engine.Unhonoured(g.spec(engine.Worker, "worker-1"))
	if slices.Contains(ignored, engine.ProfileKey) {
		err := g.req.mistake(g.req.ProfilePlace, fmt.Sprintf("profile: strict: the %s engine does not isolate tests: run with --engine docker, or take the line out", g.info.Name))
		return nil, errors.Join(err, g.close())
	}
	if len(ignored) > 0 {
		rec.note(report.Warning, "the %s engine cannot honour %s: workers run without", g.info.Name, strings.Join(ignored, ", "))
	}
	return g, nil
}

// found finds the image, and the tests' user in it, so that an unknown user is an
// error before anything is installed.
func (g *ground) found(ctx context.Context, rec *recorder) (err error) {
	g.base, err = g.engine.Base(ctx, g.req.Image, g.req.Session.Toolchain, func(s string) { rec.note(report.Info, "%s", s) })
	if err != nil {
		return err
	}
	g.user, err = g.engine.User(ctx, g.base, g.req.User)
	if unknown := (*engine.UserError)(nil); errors.As(err, &unknown) {
		return g.req.mistake(g.req.UserPlace, unknown.Error())
	}
	return err
}

// mistake is an error of the config, at a place "file:line:column" if that is known.
func (req *Request) mistake(place, text string) error {
	if place != "" {
		text = place + ": " + text
	}
	return &UsageError{text}
}

// spec returns a place of the run, without what is installed in it. What a
// preparer writes belongs to whom the tests run as.
func (g *ground) spec(role engine.Role, name string) engine.Spec {
	spec := engine.Spec{Run: g.req.RunID, Name: name, Role: role, Base: g.base, TreeName: g.treeName(), Limits: g.req.Limits}
	if role != engine.Builder {
		spec.User = g.user
	}
	if role == engine.Worker || role == engine.Finisher {
		spec.Harden = g.req.Harden
	}
	if role == engine.Worker {
		spec.Network = g.req.Network
	}
	return spec
}

func snapshot(ctx context.Context, req *Request, rec *recorder) (src *source.Source, err error) {
	step := rec.step("snapshot")
	defer func() { step.end(err) }()
	if src, err = source.Snapshot(ctx, req.Project, req.Source); err != nil {
		if errors.As(err, new(*source.RevisionError)) {
			return nil, &UsageError{err.Error()}
		}
		return nil, err
	}
	step.detail = src.String()
	rec.emit(report.Sourced{
		Tree: src.ID, Commit: src.Commit, Dirty: src.Dirty, Root: src.Sub, Branch: cmp.Or(src.Branch, req.Branch), Subject: src.Subject, Author: src.Author,
	})
	for _, n := range src.Notes {
		rec.note(report.Warning, "%s", n)
	}
	return src, nil
}

// close removes what the snapshot keeps on the disk.
func (g *ground) close() error {
	if g.src == nil {
		return nil
	}
	return g.src.Close()
}

// treeName returns the tree's directory inside: the same name as here.
func (g *ground) treeName() string {
	name := filepath.Base(g.src.Root)
	if !filepath.IsLocal(name) || name == "." {
		return "source"
	}
	return name
}
