package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/adrg/xdg"
	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/engine/docker"
	"github.com/shardyard/shardyard/orchestrator/engine/process"
)

// stateDir holds the history and locks, cacheDir what can be made again.
func stateDir() string { return filepath.Join(xdg.StateHome, "shardyard") }
func cacheDir() string { return filepath.Join(xdg.CacheHome, "shardyard") }

// compiledDir is where a project's bytecode is kept, whatever the engine.
func compiledDir(dir string) string { return filepath.Join(cacheDir(), "compiled", projectID(dir)) }

// projectID names a project on this machine: by its directory.
func projectID(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:6])
}

// openEngine makes the engine that was asked for. With "auto", plain processes
// are taken when no Docker engine answers; why says so then.
func openEngine(ctx context.Context, kind, dir string, builder docker.BuilderOptions, logger hclog.Logger) (e engine.Engine, why string, err error) {
	switch kind {
	case "docker":
		e, err = openDocker(ctx, dir, builder, logger)
		return e, "", err
	case "process":
		e, err = openProcess(dir, logger)
		return e, "", err
	case "auto", "":
		e, err := openDocker(ctx, dir, builder, logger)
		if err == nil {
			return e, "", nil
		}
		p, perr := openProcess(dir, logger)
		if perr != nil {
			return nil, "", errors.Join(err, perr)
		}
		return p, fmt.Sprintf("no Docker engine (%v): workers are plain processes of this machine, without isolation", err), nil
	default:
		return nil, "", usageError{fmt.Errorf("--engine %q: there are auto, docker and process", kind)}
	}
}

func openDocker(ctx context.Context, dir string, builder docker.BuilderOptions, logger hclog.Logger) (engine.Engine, error) {
	return docker.New(ctx, docker.Options{
		Project: projectID(dir), ProjectName: filepath.Base(dir), Logger: logger.Named("docker"),
		LockDir: filepath.Join(stateDir(), "docker"), Builder: builder,
	})
}

func openProcess(dir string, logger hclog.Logger) (engine.Engine, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return process.New(process.Options{
		Project: projectID(dir), CacheDir: cacheDir(), StateDir: filepath.Join(stateDir(), "process"),
		Executable: exe, Logger: logger.Named("process"),
	})
}
