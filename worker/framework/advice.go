package framework

import (
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/worker"
)

// An Adviser is a Description that knows what to do about some things that
// failures say are not there.
type Adviser interface {
	// Advise returns what to do about a thing that is not there; the zero Advice when
	// it is none of the framework's, or nothing is known.
	Advise(l worker.Lack, d Desk) Advice
}

// Advice is two parts of a sentence for the user.
type Advice struct {
	What string // "no module yaml"
	Do   string // what to write or type: "add `uv pip install pyyaml` to setup in shardyard.yaml"
}

// A Desk is what is known of the user's machine and project, beside which a
// worker lacks something.
type Desk struct {
	Dir string // the project's, absolute
	// Variable looks up a variable of the user's own environment.
	Variable func(name string) (string, bool)
	// Config is where a config's lines go: the project's file, or what makes one.
	Config string
	// Host is true if workers run this machine's own programs, Isolated if they are
	// in containers.
	Host, Isolated bool
	// Hint is how the project's CI system runs the tests; nil if that is not otherwise.
	Hint *Hint
}

// Has reports whether a path of the project is there.
func (d Desk) Has(path string) bool {
	if filepath.IsAbs(path) {
		return false
	}
	_, err := os.Stat(filepath.Join(d.Dir, path))
	return err == nil
}

// Set returns those of some variables that the user has set.
func (d Desk) Set(names ...string) (set []string) {
	for _, n := range names {
		if v, ok := d.variable(n); ok && v != "" {
			set = append(set, n)
		}
	}
	return set
}

func (d Desk) variable(name string) (string, bool) {
	if d.Variable == nil {
		return "", false
	}
	return d.Variable(name)
}
