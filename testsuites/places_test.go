package testsuites

import (
	"os"
	"os/exec"
	"testing"
)

// distribution is an image of a distribution's packages, which the project's
// own script makes: tests may not need a registry.
const distribution = "shardyard-test/python:debian"

// Wherever the workers are, a suite has the same verdicts: this machine's own
// programs in containers, an image with another Python, and no containers.
func TestPlaces(t *testing.T) {
	if os.Getenv("CI") == "" && exec.Command("docker", "image", "inspect", distribution).Run() != nil {
		t.Skipf("there is no image %s: make it with scripts/base-image %s", distribution, distribution)
	}
	bin := build(t)
	command(t, "..", nil, "scripts/base-image", distribution)
	s := suite{name: "itsdangerous", version: "2.2.0", cov: "itsdangerous"}
	y := yard{t: t, bin: bin, dir: s.fetch(t), suite: s, state: t.TempDir()}
	defer y.clear()
	plain := y.plain()
	if len(plain.outcomes) == 0 {
		t.Fatal("plain pytest says of no test how it ended")
	}
	for name, place := range map[string][]string{
		"host":         {"--image", "host"},
		"distribution": {"--image", distribution},
		"process":      {"--engine", "process"},
	} {
		t.Run(name, func(t *testing.T) {
			got := y.at(t, 2, place...)
			for _, id := range plain.outcomes.differences(got.outcomes) {
				t.Errorf("%s: plain %q, sharded %q", id, plain.outcomes[id], got.outcomes[id])
			}
			for _, line := range plain.coverage.differences(got.coverage) {
				t.Errorf("coverage of %s: plain %q, sharded %q", line, plain.coverage[line], got.coverage[line])
			}
			t.Logf("%d tests, %d lines of coverage", len(got.outcomes), len(got.coverage))
		})
	}
}
