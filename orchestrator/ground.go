package orchestrator

import (
	"context"
	"errors"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
)

// A ground is what a site is built from: the engine, the sources and the image.
type ground struct {
	engine engine.Engine
	info   engine.Info
	src    *source.Source
	base   engine.Base
}

// survey finds the sources and the image that everything starts from. Neither
// waits for the other; but an image is not pulled to its end for sources that
// cannot be had. Who gets a ground closes it.
func survey(ctx context.Context, info engine.Info, req *Request, deps Deps, rec *recorder) (*ground, error) {
	g := &ground{engine: deps.Engine, info: info}
	both, sound := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		g.src, err = snapshot(ctx, req, rec)
		return err
	})
	both.Go(func() (err error) {
		g.base, err = g.engine.Base(sound, req.Image, req.Python, func(s string) { rec.note(report.Info, "%s", s) })
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, errors.Join(err, g.close())
	}
	rec.emit(report.RunStarted{
		Engine: g.info.Name + " " + g.info.Version, Image: g.base.Image, ImageNote: g.base.Note,
	})
	return g, nil
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
	rec.emit(report.RunStarted{Tree: src.ID, Commit: src.Commit, Dirty: src.Dirty, Root: src.Sub})
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

// treeName is the tree's directory inside: the same name as here.
func (g *ground) treeName() string {
	name := filepath.Base(g.src.Root)
	if !filepath.IsLocal(name) || name == "." {
		return "source"
	}
	return name
}
