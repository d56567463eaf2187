package engine

import (
	"context"
	"time"
)

// A Keeper keeps things between runs: environments, trees, package caches.
type Keeper interface {
	// Usage lists what the project keeps.
	Usage(ctx context.Context) ([]Kept, error)
	// ClearAll removes all of it, and what dead runs left. It refuses while a
	// run of the project lives.
	ClearAll(ctx context.Context) error
}

// Kept is something that outlives runs.
type Kept struct {
	Name string
	Kind string // the engine's own word: "layer", "tree", "cache"
	// Size in bytes; what several share is counted in each. -1 when it is not
	// known.
	Size int64
	Used time.Time // last, as far as this machine knows
}
