package testsuites

import (
	"testing"

	"github.com/shardyard/shardyard/orchestrator/engine/enginetest"
)

// Wherever the workers are, a suite has the same verdicts: this machine's own
// programs in containers, an image with another Python, and no containers.
func TestPlaces(t *testing.T) {
	places := map[string][]string{"process": {"--engine", "process"}}
	for _, image := range enginetest.Images(t, "..") {
		places[image] = []string{"--image", image}
	}
	s := suite{name: "itsdangerous", version: "2.2.0", cov: "itsdangerous"}
	y := yard{t: t, bin: build(t), dir: s.fetch(t), suite: s, state: t.TempDir()}
	defer y.clear()
	plain := y.plain()
	if len(plain.outcomes) == 0 {
		t.Fatal("plain pytest says of no test how it ended")
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			got := y.at(t, 2, place...)
			got.differs(t, plain, plain.outcomes.differences(got.outcomes), plain.coverage.differences(got.coverage))
		})
	}
}
