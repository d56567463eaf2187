package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/adrg/xdg"
	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/engine/docker"
	"github.com/shardyard/shardyard/orchestrator/engine/process"
	"github.com/shardyard/shardyard/orchestrator/source"
)

// engines are all that there are. An engine is added here, and nowhere else.
var engines = engine.Table{
	{
		Name: "docker", Title: "Docker engine", Open: openDocker,
		Advice: "start Docker (systemctl start docker) or set DOCKER_HOST",
	},
	{
		Name: "process", Title: "processes", Open: openProcess,
		Note:   "workers are plain processes of this machine, without isolation",
		Advice: "run it on Linux or macOS",
	},
}

// engineNames returns what --engine takes, for a sentence.
func engineNames() string {
	names := engines.Names()
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// stateDir holds the history and locks, cacheDir what can be made again.
func stateDir() string { return filepath.Join(xdg.StateHome, "shardyard") }
func cacheDir() string { return filepath.Join(xdg.CacheHome, "shardyard") }

// machineFile is the user's own file of settings, for all projects.
func machineFile() string { return filepath.Join(xdg.ConfigHome, "shardyard", configs.MachineFile) }

// compiledDir returns where a project's bytecode is kept, whatever the engine.
func compiledDir(id source.Project) string { return filepath.Join(cacheDir(), "compiled", id.Hash()) }

// engineOptions returns what every engine is opened with.
func engineOptions(id source.Project, builder engine.BuilderOptions, logger hclog.Logger) engine.Options {
	return engine.Options{
		Project: id.Hash(), ProjectName: id.Name(), Before: id.HashesBefore(), StateDir: stateDir(), CacheDir: cacheDir(), Builder: builder, Logger: logger,
	}
}

// openEngine opens the engine with a name. why lists the engines that "auto"
// skipped, with the reasons.
func openEngine(ctx context.Context, kind string, id source.Project, builder engine.BuilderOptions, logger hclog.Logger) (e engine.Engine, why string, err error) {
	e, why, err = engines.Open(ctx, kind, engineOptions(id, builder, logger))
	return e, why, usage(err)
}

// usage marks an error about a name that the user typed.
func usage(err error) error {
	if errors.As(err, new(*engine.UnknownError)) {
		return usageError{err}
	}
	return err
}

func openDocker(ctx context.Context, o engine.Options) (engine.Engine, error) {
	return docker.New(ctx, docker.Options{
		Project: o.Project, Before: o.Before, ProjectName: o.ProjectName, Logger: o.Logger.Named("docker"),
		LockDir: filepath.Join(o.StateDir, "docker"), Builder: o.Builder,
	})
}

func openProcess(_ context.Context, o engine.Options) (engine.Engine, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return process.New(process.Options{ //nolint:contextcheck // it only looks at files of this machine
		Project: o.Project, Before: o.Before, CacheDir: o.CacheDir, StateDir: filepath.Join(o.StateDir, "process"),
		Executable: exe, Logger: o.Logger.Named("process"),
	})
}
