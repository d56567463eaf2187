package enginetest

import (
	"os"
	"os/exec"
	"testing"
)

// Distribution is an image of a distribution's packages, made by the project's
// own script, since tests may not need a registry.
const Distribution = "shardyard-test/python:debian"

// Lacks ends a test that needs what this machine does not have: it is skipped,
// and fails in CI, where every test must run.
func Lacks(t testing.TB, what string, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("needs %s: %v", what, err)
	}
	t.Skipf("SKIPPED, needs %s: %v", what, err)
}

// Images are the bases that tests run on: "host" and Distribution, which takes
// a minute to make, once. root is where the project is. Where it cannot be
// made there is only the first, and in CI the test fails.
func Images(t testing.TB, root string) []string {
	t.Helper()
	if exec.CommandContext(t.Context(), "docker", "image", "inspect", Distribution).Run() == nil {
		return []string{"host", Distribution}
	}
	if out, err := exec.CommandContext(t.Context(), root+"/scripts/base-image", Distribution).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("scripts/base-image: %v: %s", err, out)
		}
		t.Logf("SKIPPED on an image, since scripts/base-image failed: %v: %s", err, out)
		return []string{"host"}
	}
	return []string{"host", Distribution}
}
