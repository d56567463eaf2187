package docker

import (
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/shardyard/shardyard/cache"
)

// Several commands may ask at once what is kept: an engine that answers one at a time
// makes the others wait.
func TestUsageAtOnce(t *testing.T) {
	e := open(t, project(t))
	var g errgroup.Group
	for range 6 {
		g.Go(func() error {
			_, err := e.Usage(t.Context(), cache.Own)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
