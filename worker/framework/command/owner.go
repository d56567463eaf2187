package command

import (
	"path"
	"strings"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/cases"
)

// The attributes that can name a case's unit.
const (
	byName  = "name"
	byClass = "classname"
	byFile  = "file"
)

// An owner finds the unit of a case by one of its attributes.
type owner struct {
	attribute string
	units     map[string]worker.TestID
}

func newOwner(attribute string, units []worker.TestID) owner {
	o := owner{attribute, make(map[string]worker.TestID, len(units))}
	for _, u := range units {
		o.units[string(u)] = u
	}
	if attribute != byName {
		for _, u := range units {
			if clean := path.Clean(string(u)); o.units[clean] == "" {
				o.units[clean] = u
			}
		}
	}
	return o
}

// of returns the unit whose case this is; false for no unit's. A name must be the
// unit. A class belongs also to the unit of its outer class, of its simple name,
// and to a path that it ends with; a file to a path that it ends with. The
// longest unit that fits is taken.
func (o owner) of(c cases.Case) (worker.TestID, bool) {
	switch o.attribute {
	case byClass:
		outer, _, _ := strings.Cut(c.Class, "$")
		return o.first(ends(c.Class, "/"), ends(outer, "/"), ends(c.Class, "."), ends(outer, "."))
	case byFile:
		return o.first(ends(path.Clean(strings.ReplaceAll(c.File, `\`, "/")), "/"))
	default:
		return o.first([]string{c.Name})
	}
}

func (o owner) first(lists ...[]string) (worker.TestID, bool) {
	for _, list := range lists {
		for _, s := range list {
			if u, ok := o.units[s]; ok {
				return u, true
			}
		}
	}
	return "", false
}

// ends returns the text and what follows each separator, the longest first.
func ends(text, sep string) []string {
	out := []string{text}
	for {
		_, rest, more := strings.Cut(text, sep)
		if !more {
			return out
		}
		out = append(out, rest)
		text = rest
	}
}
