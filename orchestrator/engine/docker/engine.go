package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"
	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Options are the settings of an Engine.
type Options struct {
	// Project is the project's stable id: what is kept is found by it.
	Project string
	// Before are ids that the project had: what is kept under them expires as
	// if it were this one's.
	Before []string
	// ProjectName is how the project is called in names of things. "" means
	// Project.
	ProjectName string
	// LockDir is a directory of this machine for locks and marks of use. It
	// is made when it is absent. Runs see each other only through the same
	// LockDir.
	LockDir string
	// Agent finds the agent's binary for a platform ("linux/arm64"). Nil
	// means [BesideExecutable].
	Agent func(platform string) (path string, err error)
	// Logger may be nil.
	Logger  hclog.Logger
	Builder engine.BuilderOptions
	// Trees is how workers get their source; "" lets a probe decide.
	Trees TreeWay
}

// An Engine makes places of work on a Docker engine. It implements
// [engine.Engine].
type Engine struct {
	opts    Options
	log     hclog.Logger
	cli     *client.Client
	address string // of the engine, for messages
	info    system.Info
	traits  traits
	slug    string // names what is the project's
	here    string // names what only this LockDir knows the state of
	lock    session
	now     func() time.Time

	mu       sync.Mutex
	networks []string // made for runs

	digesting sync.WaitGroup // environments that are read behind their sealing

	once struct { // done once per Engine and key
		volumes     memo[struct{}]
		images      memo[image]
		foundations memo[string]
		derived     memo[string]
		probes      memo[probed]
		agents      memo[string]
		networks    memo[string]
		generations memo[[]string] // of the package cache
	}
}

var _ engine.Engine = (*Engine)(nil)

// New connects to the engine that the docker command would use, and asks it
// what it is. If the engine does not answer, the error has the address that was
// tried, and what to do.
func New(ctx context.Context, opts Options) (_ *Engine, err error) {
	if opts.Project == "" || opts.LockDir == "" {
		return nil, errors.New("docker engine: Project and LockDir must be set")
	}
	if opts.ProjectName == "" {
		opts.ProjectName = opts.Project
	}
	if opts.Agent == nil {
		opts.Agent = BesideExecutable
	}
	if opts.Logger == nil {
		opts.Logger = hclog.NewNullLogger()
	}
	if opts.LockDir, err = filepath.Abs(opts.LockDir); err != nil {
		return nil, fmt.Errorf("docker engine: %w", err)
	}
	cli, address, err := connect()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, cli.Close())
		}
	}()
	info, err := cli.Info(ctx)
	if err != nil {
		return nil, unanswered(address, err)
	}
	lock, err := openSession(opts.LockDir, opts.Project)
	if err != nil {
		return nil, err
	}
	here, err := idOf(opts.LockDir)
	if err != nil {
		return nil, errors.Join(err, lock.close())
	}
	return &Engine{
		opts:    opts,
		log:     opts.Logger,
		cli:     cli,
		address: address,
		info:    info,
		traits:  traitsOf(info),
		slug:    slug(opts.ProjectName) + "-" + short(opts.Project),
		here:    here,
		lock:    lock,
		now:     time.Now,
	}, nil
}

func unanswered(address string, err error) error {
	advice := "start it, set DOCKER_HOST to one that runs, or use `--engine process`"
	if errors.Is(err, os.ErrPermission) {
		advice = "your user may not use it: join the group that owns the socket (usually `sudo usermod -aG docker $USER`, then log in again), set DOCKER_HOST, or use `--engine process`"
	}
	return fmt.Errorf("the Docker engine at %s does not answer: %w; %s", address, trimmed{err}, advice)
}

// trimmed is an error without the line end that programs like ssh leave behind.
type trimmed struct{ error }

func (t trimmed) Error() string { return strings.TrimSpace(t.error.Error()) }
func (t trimmed) Unwrap() error { return t.error }

// Info implements [engine.Engine]. It asks the engine again, so that an error means
// that it does not answer now.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	info, err := e.cli.Info(ctx)
	if err != nil {
		return engine.Info{}, unanswered(e.address, err)
	}
	p, err := e.probe(ctx)
	if err != nil {
		return engine.Info{}, err
	}
	return engine.Info{
		Name:     "docker",
		Version:  info.ServerVersion,
		Platform: platform(info),
		CPUs:     info.NCPU,
		Memory:   info.MemTotal,
		Isolated: true,
		Local:    p.Local,
		Starts:   max(info.NCPU/2, 1),
	}, nil
}

// Close ends the connection, and gives up the lock that protects what this
// Engine made: instances that were not removed are from then on for Sweep to
// take.
func (e *Engine) Close() error {
	e.digesting.Wait()
	return errors.Join(e.removeNetworks(), e.cli.Close(), e.lock.close())
}

// platform returns the engine's, in the words that image indexes use.
func platform(info system.Info) string {
	arch := info.Architecture
	switch arch {
	case "x86_64":
		arch = "amd64"
	case "aarch64":
		arch = "arm64"
	case "armv7l", "armv6l":
		arch = "arm"
	case "i686", "i386":
		arch = "386"
	}
	return info.OSType + "/" + arch
}
