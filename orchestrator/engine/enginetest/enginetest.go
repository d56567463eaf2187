// Package enginetest is the conformance suite that every engine passes. It
// talks to real agents over real streams, and owns the meaning of the engine
// seam as tests; it refuses to know any engine.
package enginetest

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker"
)

// Config is what the suite needs of an engine.
type Config struct {
	// Engine opens the engine anew, as another run's coordinator would: same
	// project, same state. The suite does not close it.
	Engine func(t *testing.T) engine.Engine
	// Other opens the engine for another project of the same user.
	Other func(t *testing.T) engine.Engine
	// Away opens the engine for another project, where nobody knows what this one keeps but
	// for layers.
	Away func(t *testing.T) engine.Engine
	// Image is what to resolve; "" is "host".
	Image string
	// SharedPackages says that projects share the package cache. Generations says that places
	// have views of it of their own, besides.
	SharedPackages, Generations bool
	// Runs says which tests are run, by name; nil for all.
	Runs func(test string) bool
	// Leftovers names everything that exists for a run: processes, containers,
	// volumes, directories. What the project keeps is not of a run.
	Leftovers func(t *testing.T, run string) []string
	// Kill ends an instance's agent from outside, with SIGKILL.
	Kill func(t *testing.T, spec engine.Spec, agent worker.Greeting)
	// Abandon starts the instance in another process, and then ends that with
	// SIGKILL, as a coordinator would die. See the function Abandon.
	Abandon func(t *testing.T, spec engine.Spec)
}

// Run runs the suite.
func Run(t *testing.T, cfg Config) {
	if cfg.Image == "" {
		cfg.Image = "host"
	}
	for _, test := range []struct {
		name string
		run  func(*suite)
	}{
		{"Info", testInfo},
		{"Roles", testRoles},
		{"Environment", testEnvironment},
		{"Packages", testPackages},
		{"Moved", testMoved},
		{"OtherProject", testOtherProject},
		{"FailedBuilder", testFailedBuilder},
		{"SealRefused", testSealRefused},
		{"TreeLoadedOnce", testTreeLoadedOnce},
		{"TreeLoadFails", testTreeLoadFails},
		{"TreeContent", testTreeContent},
		{"TreeWritable", testTreeWritable},
		{"OwnTree", testOwnTree},
		{"Prepared", testPrepared},
		{"TwoAtOnce", testTwoAtOnce},
		{"TwoRunsAtOnce", testTwoRunsAtOnce},
		{"Variables", testVariables},
		{"LargeFile", testLargeFile},
		{"Killed", testKilled},
		{"DeadMan", testDeadMan},
		{"Daemons", testDaemons},
		{"RemoveWhileRunning", testRemoveWhileRunning},
		{"StartsInOrder", testStartsInOrder},
		{"StartCancelled", testStartCancelled},
		{"StartRefused", testStartRefused},
		{"Lock", testLock},
		{"Sweep", testSweep},
	} {
		if cfg.Runs != nil && !cfg.Runs(test.name) {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			s := &suite{T: t, cfg: cfg, run: "t" + strings.ToLower(rand.Text()[:10])}
			s.engine = cfg.Engine(t)
			test.run(s)
		})
	}
}
