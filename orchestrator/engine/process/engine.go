// Package process is the engine for machines without Docker: a worker is the
// same agent, started as a child process, with no isolation. It owns
// directories and processes of this machine, and refuses to know any framework
// and any plan.
//
// # Places
//
// An editable install and a virtual environment hold absolute paths, so what
// prepare saw must lie at the same path when workers run. The engine therefore
// works in numbered slots: a slot has an environment and a source tree at a
// path that never changes. A run takes a free slot for each combination of
// layer and tree, under a file lock, and brings it to the pristine state; its
// workers share it, and two runs never do. When a layer was sealed in another
// slot, which happens when runs overlap, the copy is rewritten to name the new
// path in its text files.
//
// Workers of one run therefore see each other's writes to the tree, unless they
// ask for a tree of their own, which is one more slot. Each has
// its own HOME and TMPDIR. The network, limits, capabilities and the user of a
// Spec mean nothing here; Unhonoured says so.
//
// # What stays
//
// Beneath the cache directory: sealed layers, loaded trees and the package
// cache. Beneath the state directory: slots, locks, and the directories of live
// runs. Layers are found by their key alone, whichever project made them, and the
// package cache is everyone's; all else is the project's. Everything of a run goes with Instance.Remove, or, when its coordinator
// died, with the next Sweep.
package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Expiry is how long layers and trees are kept that nobody uses.
const Expiry = 14 * 24 * time.Hour

// Options are the settings of the engine. Project, CacheDir and StateDir are needed.
type Options struct {
	// Project names the project: one path element, the same for every run.
	Project string
	// Before are names that the project had: what is kept under them is removed
	// when no run of them lives.
	Before   []string
	CacheDir string // what may be lost: layers, trees, package cache
	StateDir string // slots, locks and live runs
	// Executable is the program whose subcommand "agent" is the agent; "" is
	// this program.
	Executable string
	Expiry     time.Duration // 0 means Expiry
	// Dial lets agents dial this process on the loopback, as those of an engine
	// do that cannot attach to their stdin.
	Dial   bool
	Logger hclog.Logger // nil: none
}

// Engine implements engine.Engine with processes of this machine.
type Engine struct {
	executable string
	host       string // this machine's name
	project    string
	before     []string
	cache      string // of the project, as what follows
	state      string
	layers     string // of all projects, as what follows
	packages   string // which builders write in place
	shared     string // locks
	expiry     time.Duration
	log        hclog.Logger
	meeting    *engine.Rendezvous // nil: agents are attached to

	mu     sync.Mutex
	places map[placeKey]*place
	runs   map[string]*run
	shares map[string]*sharing // by the path of the lock
}

var _ engine.Engine = (*Engine)(nil)

// New makes the project's directories. It fails on a system where a file lock
// or a process group is not what this engine needs.
func New(o Options) (*Engine, error) {
	if !supported {
		return nil, fmt.Errorf("process engine: it does not work on %s, which has no process groups to end a worker with; use --engine docker", runtime.GOOS)
	}
	if o.Project == "" || o.Project != filepath.Base(o.Project) || o.Project == "." || o.Project == ".." || o.Project == "layers" || o.Project == "locks" || o.Project == kindPackages {
		return nil, fmt.Errorf("process engine: project %q is not a name for a directory", o.Project)
	}
	if o.CacheDir == "" || o.StateDir == "" {
		return nil, errors.New("process engine: a cache and a state directory are needed")
	}
	executable := o.Executable
	if executable == "" {
		var err error
		if executable, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("process engine: find own program: %w", err)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("process engine: name this machine: %w", err)
	}
	e := &Engine{
		executable: executable,
		project:    o.Project,
		before:     o.Before,
		host:       host,
		expiry:     o.Expiry,
		log:        o.Logger,
		places:     map[placeKey]*place{},
		runs:       map[string]*run{},
		shares:     map[string]*sharing{},
	}
	if e.expiry == 0 {
		e.expiry = Expiry
	}
	if e.log == nil {
		e.log = hclog.NewNullLogger()
	}
	for dir, path := range map[*string]string{
		&e.cache: filepath.Join(o.CacheDir, o.Project), &e.state: filepath.Join(o.StateDir, o.Project),
		&e.layers: filepath.Join(o.CacheDir, "layers"), &e.packages: filepath.Join(o.CacheDir, kindPackages), &e.shared: filepath.Join(o.StateDir, "locks"),
	} {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("process engine: %w", err)
		}
		*dir = abs
	}
	for _, dir := range []string{e.layers, e.packages, e.shared, e.dir("trees"), e.dir("slots"), e.dir("runs"), e.dir("locks")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("process engine: %w; choose another directory, or make this one writable", err)
		}
	}
	if o.Dial {
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("process engine: %w", err)
		}
		e.meeting = engine.NewRendezvous(l)
	}
	return e, nil
}

// dir returns one of the directories: of the project, or of all for layers.
func (e *Engine) dir(name string) string {
	switch name {
	case "layers":
		return e.layers
	case "trees":
		return filepath.Join(e.cache, name)
	default:
		return filepath.Join(e.state, name)
	}
}

// Info implements engine.Engine.
func (e *Engine) Info(context.Context) (engine.Info, error) {
	memory, err := memory()
	if err != nil {
		return engine.Info{}, fmt.Errorf("process engine: %w", err)
	}
	return engine.Info{
		Name:     "process",
		Version:  runtime.GOOS,
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		CPUs:     runtime.NumCPU(),
		Memory:   memory,
		Local:    true,
	}, nil
}

// Close implements engine.Engine.
func (e *Engine) Close() error {
	if e.meeting == nil {
		return nil
	}
	return e.meeting.Close()
}
