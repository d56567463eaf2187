package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
)

// A site is what every place of a run starts from. It is complete once it is
// made, and never changes.
type site struct {
	*ground
	tree   engine.Tree
	layer  engine.Layer
	envKey string        // "" when no environment is made
	built  time.Duration // spent on building layers, which a warm run does not
}

// prepare makes the site of a run, after what dead runs left behind is removed.
func prepare(ctx context.Context, req *Request, deps Deps, rec *recorder) (*site, error) {
	info, err := deps.Engine.Info(ctx)
	if err != nil {
		return nil, err
	}
	if err := sweep(ctx, deps, rec); err != nil {
		return nil, err
	}
	return steady(ctx, info, req, deps, rec)
}

// maxSnapshots is how often the sources are read when files of them change meanwhile.
const maxSnapshots = 4

// steady makes a site of sources that do not change while they are read: when a
// file does, they are read again. Then a file that git does not know and that
// changes again, as a log does, is left out.
func steady(ctx context.Context, info engine.Info, req *Request, deps Deps, rec *recorder) (*site, error) {
	seen := map[string]bool{}
	for n := 1; ; n++ {
		at, err := settle(ctx, info, req, deps, rec)
		var changed *source.ChangedError
		switch {
		case !errors.As(err, &changed) || n == maxSnapshots:
			return at, err
		case seen[changed.Path] && !changed.Tracked:
			req.Source.Exclude = append(req.Source.Exclude, changed.Path)
			rec.note(report.Warning, "%s is not in git and keeps changing: it is left out of the sources", changed.Path)
		default:
			rec.note(report.Info, "%s changed while the sources were read: they are read again", changed.Path)
		}
		seen[changed.Path] = true
	}
}

// settle makes a site: the layer and the tree that every worker starts from. The
// caller closes it.
func settle(ctx context.Context, info engine.Info, req *Request, deps Deps, rec *recorder) (*site, error) {
	g, err := survey(ctx, info, req, deps, rec)
	if err != nil {
		return nil, err
	}
	at, err := install(ctx, g, req, deps, rec)
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	return at, nil
}

func install(ctx context.Context, g *ground, req *Request, deps Deps, rec *recorder) (*site, error) {
	i := &installer{ground: g, req: req, rec: rec, facts: facts{deps.History, suiteKey(req)}}
	env, err := i.environment(ctx)
	if err != nil {
		adviseOfBuild(err, g, deps, rec)
		return nil, err
	}
	tree, err := g.engine.Load(ctx, g.src.ID, func(w io.Writer) error { return g.src.WriteTar(ctx, w) })
	if err != nil {
		return nil, fmt.Errorf("load the source: %w", err)
	}
	layer, err := i.prepared(ctx, env, tree)
	if err != nil {
		adviseOfBuild(err, g, deps, rec)
		return nil, err
	}
	if err := i.tell(ctx, layer); err != nil {
		return nil, err
	}
	return &site{ground: g, tree: tree, layer: layer, envKey: i.envKey, built: i.built}, nil
}

// tell records what is installed.
func (i *installer) tell(ctx context.Context, layer engine.Layer) error {
	installed := report.Installed{Environment: i.envKey, Prepared: i.preparedKey, Loose: i.loose}
	if layer != "" {
		about, err := i.engine.About(ctx, layer)
		if err != nil {
			return err
		}
		installed.BuiltAt = about.Built
		for _, p := range about.Packages {
			installed.Packages = append(installed.Packages, report.Package(p))
		}
	}
	i.rec.emit(installed)
	return nil
}

// sweep removes what dead runs left behind. An error is a warning: it does not stop
// the run.
func sweep(ctx context.Context, deps Deps, rec *recorder) error {
	removed, err := deps.Engine.Sweep(ctx)
	if len(removed) > 0 {
		rec.note(report.Info, "removed %d things that an earlier run left behind", len(removed))
		deps.Logger.Info("swept", "removed", removed)
	}
	if err != nil {
		rec.note(report.Warning, "some things that earlier runs left behind could not be removed: %v", err)
	}
	return ctx.Err()
}

// begin starts a place of this site: a worker, or a finisher. One that is late has a
// tree of its own, in which nothing is that tests have written.
func (s *site) begin(ctx context.Context, starter engine.Starter, role engine.Role, name string, late bool) (*place, error) {
	spec := s.place(role, name)
	spec.OwnTree = spec.OwnTree || late
	return begin(ctx, starter, spec, s.req.OutputLimit)
}

// place returns what a place of this site starts with.
func (s *site) place(role engine.Role, name string) engine.Spec {
	spec := s.spec(role, name)
	spec.Layer, spec.Tree = s.layer, s.tree
	spec.OwnTree = role == engine.Worker && s.req.Session.OwnTree
	spec.OwnCache = role == engine.Worker && len(s.req.Caches) > 0
	return spec
}

// open returns the session of worker number id, of so many in all.
func (s *site) open(mode worker.Mode, l engine.Layout, id, of int) worker.Open {
	env := s.testEnv(l)
	env["SHARDYARD_WORKER"], env["SHARDYARD_WORKERS"], env["SHARDYARD_RUN"] = strconv.Itoa(id), strconv.Itoa(of), s.req.RunID
	return worker.Open{
		Framework: s.req.Session.Framework, Mode: mode, Dir: s.dir(l),
		Args: s.req.Session.Args, Env: env, Results: l.Temp + "/results",
		TestTimeoutMS: s.req.TestTimeout.Milliseconds(), OutputLimit: s.req.OutputLimit,
		Options: s.req.Session.Options, Program: s.program(l), Desk: s.desk(l),
	}
}

// desk returns where the user has the sources.
func (s *site) desk(l engine.Layout) worker.Desk {
	return worker.Desk{Here: l.Source, There: s.src.Root}
}

// dir returns the suite's directory inside.
func (s *site) dir(l engine.Layout) string {
	return filepath.ToSlash(filepath.Join(l.Source, s.src.Sub))
}

// program returns the toolchain's: the environment's own where there is one.
func (s *site) program(l engine.Layout) string {
	tools := s.req.Session.Toolchain
	if s.layer == "" || tools.Own == "" {
		return s.base.Program
	}
	return fill(tools, s.base, l).Replace(tools.Own)
}

// testEnv returns the whole environment that tests see.
func (s *site) testEnv(l engine.Layout) map[string]string {
	env := map[string]string{
		"HOME": l.Home, "TMPDIR": l.Temp, "LANG": "C.UTF-8", "PATH": l.Path,
	}
	tools := s.req.Session.Toolchain
	f := fill(tools, s.base, l)
	if s.layer != "" {
		env["PATH"] = searchPath(tools, f, l.Path)
		for name, value := range tools.Env {
			env[name] = f.Replace(value)
		}
	}
	if l.Cache != "" {
		for name, value := range s.req.Caches {
			env[name] = f.Replace(value)
		}
	}
	for name, value := range s.req.Session.Env {
		env[name] = f.Replace(value)
	}
	for k, v := range s.req.Env {
		env[k] = v
	}
	return env
}
