package cache

import (
	"context"
	"time"
)

// A Scope is who trusts each other: what one run of a scope keeps, any run of
// it may use, and none of another scope. It is part of every key.
type Scope string

// Trusted is the scope of one user's own runs.
const Trusted Scope = "trusted"

// A Store keeps things between runs, and finds each by its key alone. Engines
// are stores of environments and trees, Files is one of files of this machine.
type Store interface {
	// Usage lists what the project keeps.
	Usage(ctx context.Context) ([]Kept, error)
	// ClearAll removes all of it, and what dead runs left. It refuses while a
	// run of the project needs it.
	ClearAll(ctx context.Context) error
}

// Kept is something that outlives runs.
type Kept struct {
	Name string
	Kind string // the store's own word: "layer", "tree", "bytecode"
	// Size in bytes; what several share is counted in each. -1 when it is not
	// known.
	Size int64
	Used time.Time // last, as far as this machine knows
}
