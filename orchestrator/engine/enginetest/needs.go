package enginetest

import (
	"os/exec"
	"testing"

	"github.com/shardyard/shardyard/internal/needs"
)

// Distribution is an image of a distribution's packages, made by the project's
// own script, since tests may not need a registry.
const Distribution = "shardyard-test/python:debian"

// Images returns the bases that tests run on: "host" and Distribution, which
// takes a minute to make, once. root is where the project is. Where it cannot
// be made the test fails.
func Images(t testing.TB, root string) []string {
	t.Helper()
	needs.More(t, "a Docker engine")
	if exec.CommandContext(t.Context(), "docker", "image", "inspect", Distribution).Run() == nil {
		return []string{"host", Distribution}
	}
	if out, err := exec.CommandContext(t.Context(), root+"/scripts/base-image", Distribution).CombinedOutput(); err != nil {
		t.Fatalf("scripts/base-image: %v: %s", err, out)
	}
	return []string{"host", Distribution}
}
