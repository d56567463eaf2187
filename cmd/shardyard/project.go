package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker/framework"
)

// A project is what one invocation works on.
type project struct {
	dir       string
	id        source.Project
	config    *configs.Config
	machine   *configs.Machine
	detection *framework.Detected
	said      []string
	untrusted bool // the code under test may be anybody's
}

// loadProject finds the project that dir is in: the directory of the nearest
// shardyard.yaml up to the repository's root, else the nearest one in which a
// suite is detected.
func loadProject(ctx context.Context, dir, file string) (*project, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	found := file != ""
	if !found {
		if file, found, err = configs.Find(dir); err != nil {
			return nil, err
		}
	}
	p := &project{dir: dir, config: configs.Default(descriptions())}
	if found {
		if p.config, err = configs.Load(file, descriptions()); err != nil {
			return nil, err
		}
		if p.dir, err = filepath.Abs(filepath.Dir(file)); err != nil {
			return nil, err
		}
	}
	if p.machine, err = configs.LoadMachine(machineFile()); err != nil {
		return nil, err
	}
	if p.detection, err = configs.Detect(p.dir, descriptions()); err != nil {
		return nil, err
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	p.detection.Pass = present(p.detection.Pass, os.Environ())
	p.config.Fill(p.detection)
	p.id, err = source.Identify(ctx, p.dir, p.config.Project)
	return p, err
}

// owned returns the project and the checkout whose things an engine keeps.
type owned struct {
	dir string
	id  source.Project
}

// owner returns the project that a directory is in. What is kept can be looked at
// and removed when the project can no longer be understood.
func (f *projectFlags) owner(ctx context.Context, dir string) (at owned, err error) {
	if p, err := loadProject(ctx, dir, f.config); err == nil {
		return owned{p.dir, p.id}, nil
	}
	if f.config == "" {
		at.dir, err = existing(dir)
	} else if _, err = os.Stat(f.config); err != nil {
		err = fmt.Errorf("--config: %w", err)
	} else {
		at.dir, err = filepath.Abs(filepath.Dir(f.config))
	}
	if err != nil {
		return at, err
	}
	at.id, err = source.Identify(ctx, at.dir, "")
	return at, err
}

// complete checks that the config and what was detected tell how to install.
func (p *project) complete() error {
	written := p.config.Setup != nil || p.config.Prepare != nil
	switch d := p.detection; {
	case written, d.Kind == "" && p.undetectable():
		return nil
	case d.Unsupported != nil:
		return d.Unsupported
	case d.Kind == "":
		return nothing(p.dir, d)
	}
	return nil
}

// undetectable reports whether the config has suites, and none of their frameworks
// detects anything from files.
func (p *project) undetectable() bool {
	for _, s := range p.config.Suites {
		if d, err := description(s.Framework).Detect(p.dir); d != nil || err != nil {
			return false
		}
	}
	return len(p.config.Suites) > 0
}

// collectable returns an error if the framework is sure to find no test, before
// minutes are spent on an environment. If a config, arguments or another commit
// choose the tests, it leaves the judgement to the framework.
func (p *project) collectable(f *placeFlags, args []string) error {
	if p.detection.Nothing == "" || p.config.File != "" || f.rev != "" || len(args) > 0 {
		return nil
	}
	return nothing(p.dir, p.detection)
}

// nothing is the error of a directory in which no framework finds a test, with the
// lines that would tell what to run.
func nothing(dir string, d *framework.Detected) error {
	text := "nothing to test was found in " + dir + ": " + d.Nothing + ". "
	switch {
	case d.Suggested != nil:
		text += d.Suggested.Error() + "\n(`shardyard init` writes these lines; docs/frameworks.md explains them)"
	case d.Kind == "":
		text += "Run shardyard in the project's directory; or, for tests of another kind, write to " + configs.FileName +
			" how they are listed and run (docs/frameworks.md):\n  suites:\n    all: { framework: command, list: \"ls tests/*.sh\", run: \"sh {units}\" }"
	default:
		text = strings.TrimSuffix(text, ". ")
	}
	return emptyError{errors.New(text)}
}

// found returns what was detected, for a suite. What the project's own tool tells the
// framework is for projects whose config says nothing of it.
func (p *project) found(suite string) *framework.Detected {
	d := *p.detection
	if suite != "" || !p.installsAsDetected() {
		d.Args, d.Paths = nil, nil
	}
	return &d
}

// installsAsDetected reports whether setup or prepare come from detection.
func (p *project) installsAsDetected() bool {
	return strings.HasPrefix(string(p.config.Origin("setup")), "detected") || strings.HasPrefix(string(p.config.Origin("prepare")), "detected")
}

// present returns the names of variables that are set, of those that the patterns
// mean.
func present(patterns, environ []string) (names []string) {
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if slices.ContainsFunc(patterns, func(p string) bool { ok, err := path.Match(p, name); return err == nil && ok }) {
			names = append(names, name)
		}
	}
	return names
}

// judged returns a toolchain as the project has it used: where nothing is installed,
// any version that is there runs the tests.
func (p *project) judged(tools framework.Toolchain) framework.Toolchain {
	if len(p.config.Setup)+len(p.config.Prepare) == 0 {
		tools.Accept = nil
	}
	return tools
}

// say keeps a note for the start of the run.
func (p *project) say(format string, args ...any) {
	p.said = append(p.said, fmt.Sprintf(format, args...))
}

// notes returns the notes for the start of the run: what was detected and why, and
// what replaces things that the user asked for.
func (p *project) notes(why string) []string {
	var notes []string
	if p.config.File == "" {
		for _, e := range p.detection.Evidence {
			notes = append(notes, "detected "+e.String())
		}
	}
	if p.installsAsDetected() {
		notes = append(notes, p.detection.Notes...)
	}
	if why != "" {
		notes = append(notes, why)
	}
	return append(notes, p.said...)
}

// desk returns what advice on what tests lack needs to know of this machine.
func (p *project) desk() framework.Desk {
	d := framework.Desk{Dir: p.dir, Variable: os.LookupEnv, Config: configs.FileName}
	if p.config.File == "" {
		d.Config += " (`shardyard init` writes one)"
		d.Hint = p.detection.Hint
	}
	return d
}

// reach collects this machine's settings that builders need to reach package indexes.
func (p *project) reach() (cache.Settings, error) {
	b := p.config.Builder
	o := cache.Options{CA: b.CA, Set: b.Env.Set, Pass: b.Env.Pass}
	o.Sources = p.sources()
	return cache.Collect(framework.ThisMachine(), o)
}

// sources returns the framework that knows where packages come from: the
// detected one, else that of a suite.
func (p *project) sources() framework.Sourcer {
	names := []string{p.detection.Framework}
	for _, s := range p.config.Suites {
		names = append(names, s.Framework)
	}
	for _, name := range names {
		if s, ok := description(name).(framework.Sourcer); ok {
			return s
		}
	}
	return nil
}

// builder returns what an engine puts into builders.
func builder(s cache.Settings) engine.BuilderOptions {
	return engine.BuilderOptions{CA: s.CA, Mounts: s.Dirs}
}

// open opens the engine that was asked for, and gives builders what they need
// to reach package indexes.
func (f *placeFlags) open(ctx context.Context, p *project, req *orchestrator.Request, logger hclog.Logger) (e engine.Engine, why string, err error) {
	reach, err := p.reach()
	if err != nil {
		return nil, "", err
	}
	req.Builder = settings(reach)
	req.Builder.Caches, req.Caches = p.caches(), framework.CachesOfTests(p.dir)
	building := builder(reach)
	for _, c := range framework.Compilers(ctx, p.dir) {
		building.Offers = append(building.Offers, c.Dir)
		req.Builder.Path = append(req.Builder.Path, c.Bin)
		req.Builder.Settings[c.Name] = c.Is
		req.Builder.Why = append(req.Builder.Why, "this machine's "+c.Is)
	}
	building.Scope = req.Scope
	e, why, err = openEngine(ctx, f.engine, p.id, building, logger)
	return e, why, broken(err)
}

// caches returns the variables that place installers' caches: as the project's files
// show, and then as the config says.
func (p *project) caches() map[string]string {
	set := framework.Caches(p.dir)
	for name, dir := range p.config.Cache.Dirs {
		set[name] = "{cache}/" + dir
	}
	return set
}

// settings returns the builders' settings, as data of a run.
func settings(s cache.Settings) orchestrator.BuilderSettings {
	key := map[string]string{}
	maps.Copy(key, s.Key)
	return orchestrator.BuilderSettings{Set: s.Set, CA: s.CAFile, Settings: key, Why: s.Why}
}
