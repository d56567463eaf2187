package docker

import (
	"slices"
	"testing"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// What is kept under an id that the project had is the project's: listed, swept
// and cleared with the rest.
func TestIDsBefore(t *testing.T) {
	opts := project(t)
	old := open(t, opts)
	mustLoad(t, old, "tree")
	renamed := opts
	renamed.Project, renamed.Before = opts.Project+"-renamed", []string{opts.Project}
	e := open(t, renamed)
	isTree := func(k engine.Kept) bool { return k.Kind == kindTree }
	if kept, err := e.Usage(t.Context(), cache.Own); err != nil || !slices.ContainsFunc(kept, isTree) {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if err := e.ClearAll(t.Context()); err != nil {
		t.Error(err)
	}
	if kept, err := old.Usage(t.Context(), cache.Own); err != nil || len(kept) > 0 {
		t.Errorf("left under the old id: %+v, %v", kept, err)
	}
}
