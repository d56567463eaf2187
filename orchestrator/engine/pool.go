package engine

import (
	"context"
	"time"
)

// A Pool is an Engine that keeps places between runs, which wait for one. A place
// belongs to one project and one scope, and to one run once that has claimed it:
// it is never given back.
type Pool interface {
	// Missing removes the project's places that wait and that none of the specs fits,
	// and returns the specs for which none waits.
	Missing(ctx context.Context, specs []Spec) ([]Spec, error)
	// Busy reports whether a run of the project has begun here: its Engine has been
	// asked for a tree, and lives.
	Busy() (bool, error)
	// Prepare starts a place as Start does, for a run that is yet to come. Its spec's
	// Run only tells it from others.
	Prepare(ctx context.Context, spec Spec) (Waiting, error)
	// Claim gives a run the places that wait: for each spec one that was started with
	// the same but for Run and Tree, or nil.
	Claim(ctx context.Context, specs []Spec) ([]Claimed, error)
}

// A Waiting is a place that no run has claimed.
type Waiting interface {
	Instance
	// Leave lets go of the place, whose agent ends by itself at a time. The stream
	// has been closed, which the agent does not see.
	Leave(at time.Time) error
}

// A Claimed is a place that a run has claimed. It is attached, or dropped.
type Claimed interface {
	// Tree is what it was started with.
	Tree() Tree
	// Attach returns the place as Start does. Its agent has been greeted before, and
	// answers a further greeting. When it fails the place is removed.
	Attach(ctx context.Context) (Instance, error)
	// Drop removes the place.
	Drop(ctx context.Context) error
}
