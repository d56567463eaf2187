package docker

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/engine/enginetest"
	"github.com/shardyard/shardyard/worker"
)

// variablePool has TestConformance run with workers that have waited, too, for which CI
// has no time: `make test-cache` sets it.
const variablePool = "SHARDYARD_TEST_POOL"

func TestConformance(t *testing.T) {
	for i, image := range enginetest.Images(t, "../../..") {
		for _, way := range []TreeWay{Overlay, ImageLayer} {
			name, _, _ := strings.Cut(image, "/")
			// Moving does not depend on how trees are placed, and takes minutes of a large
			// image with the race detector: once is enough. So is the package cache of one image.
			runs := func(test string) bool { return i == 0 || test != "Packages" && (test != "Moved" || way == Overlay) }
			t.Run(name+"/"+string(way), func(t *testing.T) { conform(t, image, way, func(e *Engine) engine.Engine { return e }, runs) })
			if i > 0 || way != Overlay || os.Getenv(variablePool) == "" {
				continue
			}
			t.Run(name+"/"+string(way)+"/pool", func(t *testing.T) {
				conform(t, image, way, func(e *Engine) engine.Engine { return pooled{e} }, func(test string) bool { return slices.Contains(ofWorkers, test) })
			})
		}
	}
}

// ofWorkers are the tests that workers which have waited are put to.
var ofWorkers = []string{
	"TreeContent", "TreeWritable", "OwnTree", "Prepared", "Variables", "Killed", "DeadMan", "RemoveWhileRunning", "StartRefused",
}

func conform(t *testing.T, image string, way TreeWay, as func(*Engine) engine.Engine, runs func(test string) bool) {
	opts := project(t)
	opts.Trees = way
	seer := open(t, opts)
	enginetest.Run(t, enginetest.Config{
		Image: image, Runs: runs, SharedPackages: way == Overlay, Generations: way == Overlay,
		Engine: func(t *testing.T) engine.Engine { return as(open(t, opts)) },
		Other:  func(t *testing.T) engine.Engine { return neighbour(t, opts) },
		Away: func(t *testing.T) engine.Engine {
			away := opts
			away.LockDir = t.TempDir()
			return neighbour(t, away)
		},
		Leftovers: func(t *testing.T, run string) []string { return leftovers(t, seer, run) },
		Kill: func(t *testing.T, spec engine.Spec, _ worker.Greeting) {
			kill(t, seer, fmt.Sprintf("shardyard-%s-%s-%s", slug(opts.ProjectName), runName(spec.Run), slug(spec.Name)))
		},
		Abandon: func(t *testing.T, spec engine.Spec) {
			enginetest.Abandon(t, []string{
				variableProject + "=" + opts.Project, variableName + "=" + opts.ProjectName, variableLockDir + "=" + opts.LockDir,
				variableTrees + "=" + string(way), variableAgent + "=" + testAgent,
			}, spec)
		},
	})
}

// neighbour opens the engine for another project.
func neighbour(t *testing.T, opts Options) *Engine {
	opts.Project, opts.ProjectName = opts.Project+"-neighbour", "neighbour"
	e := open(t, opts)
	t.Cleanup(func() {
		if err := e.ClearAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

func kill(t *testing.T, e *Engine, name string) {
	t.Helper()
	if err := e.cli.ContainerKill(context.Background(), name, "KILL"); err != nil {
		t.Error(err)
	}
}

// leftovers are the containers and volumes that carry a run's label.
func leftovers(t *testing.T, e *Engine, run string) []string {
	t.Helper()
	ofRun := filters.NewArgs(filters.Arg("label", labelRun+"="+run))
	containers, err := e.cli.ContainerList(context.Background(), container.ListOptions{All: true, Filters: ofRun})
	if err != nil {
		t.Fatal(err)
	}
	volumes, err := e.cli.VolumeList(context.Background(), volume.ListOptions{Filters: ofRun})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range containers {
		names = append(names, c.Names...)
	}
	for _, v := range volumes.Volumes {
		names = append(names, v.Name)
	}
	return names
}
