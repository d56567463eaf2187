package cache

import (
	"context"
	"time"
)

// A Scope is who trusts each other: what one run of a scope keeps, any run of
// it may use. It is part of every key. The zero Scope is Trusted.
type Scope string

const (
	// Trusted is the scope of one user's own runs.
	Trusted Scope = "trusted"
	// Untrusted is the scope of runs of code that may be anybody's. It reads what
	// Trusted keeps, and keeps what it makes for itself.
	Untrusted Scope = "untrusted"
)

// Reads returns the scopes in which a run of this one looks for what is kept, in
// order. It keeps things in the last one: its own.
func (s Scope) Reads() []Scope {
	if s == Untrusted {
		return []Scope{Trusted, Untrusted}
	}
	return []Scope{Trusted}
}

// Whose says whose things a Store lists.
type Whose bool

// The project's own things, or those of every project of this machine.
const (
	Own       Whose = false
	Everyones Whose = true
)

// A Store keeps things between runs, and finds each by its key alone. Engines
// are stores of environments and trees, Files is one of files of this machine.
type Store interface {
	// Usage lists what is kept.
	Usage(ctx context.Context, whose Whose) ([]Kept, error)
	// Drop removes things that Usage listed, whichever project's, and returns those
	// that it removed. What a live run uses, or may have found just now, stays, and is
	// no error.
	Drop(ctx context.Context, things []Kept) (dropped []Kept, err error)
	// ClearAll removes all of the project's things, and what dead runs left. It
	// refuses while a run of the project needs it.
	ClearAll(ctx context.Context) error
}

// A Verifier is a Store that has written down what a thing was when it was kept.
type Verifier interface {
	// Verify reads all of a thing that Usage listed, and says what is not as it was:
	// nothing if all is. known is false if nothing was written down.
	Verify(ctx context.Context, thing Kept) (damage []string, known bool, err error)
	// SetAside has a thing be found no more. It goes with time, and says where it is
	// until then.
	SetAside(ctx context.Context, thing Kept) (where string, err error)
}

// A Mover is a Store that gives an environment away, and takes one in, in a [Bundle] that
// says which it is.
type Mover interface {
	// Export writes the environment with this key, what of its base image another
	// machine may lack, and, if it is told to, the package cache.
	Export(ctx context.Context, b Bundle, packages bool, out *BundleWriter) error
	// Import keeps the environment of a bundle, to be found from now on, and its package
	// cache if there is none here. There may be an environment with this key already,
	// which stays. What is not as it was exported is a [*BundleError], and not kept.
	Import(ctx context.Context, in *BundleReader) (Imported, error)
}

// Imported says what Import kept.
type Imported struct {
	Environment bool // false if it was here before
	Packages    bool // false if there was a package cache here, or none in the bundle
}

// A Sharer is a Store that shares environments through a registry of images. notify shows
// what it does.
type Sharer interface {
	// Push puts the environment with this key into a repository, under a name. There may
	// be none: [ErrNotKept].
	Push(ctx context.Context, key, repository, name string, notify func(string)) error
	// Pull keeps the environment that a repository has under a name, under the key that
	// keyOf gives it; there is false if it has none. What is not as it was pushed is a
	// [*BundleError], and not kept.
	Pull(ctx context.Context, repository, name string, keyOf func(About) string, notify func(string)) (there bool, err error)
}

// Kept is something that outlives runs.
type Kept struct {
	Name string
	Kind string // the store's own word: "layer", "tree", "bytecode"
	// Project made it: a name without spaces, the same in every store.
	Project string
	// Size in bytes of what is removed with it. -1 when it is not known.
	Size int64
	Used time.Time // last, as far as this machine knows
}
