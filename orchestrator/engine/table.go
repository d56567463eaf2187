package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/cache"
)

// Auto is the name that lets a Table choose.
const Auto = "auto"

// Options are the settings of an engine: the project, and its directories. An engine
// ignores those that it has no use for.
type Options struct {
	// Project names the project: what is kept for it carries this name. It is
	// one path element. ProjectName is how people call the project.
	Project, ProjectName string
	// Before are names that the project had: what is kept under them expires.
	Before []string
	// StateDir is for locks and marks of use, CacheDir for what can be made
	// again. Both are shardyard's own on this machine, shared by all engines.
	StateDir, CacheDir string
	Builder            BuilderOptions
	Logger             hclog.Logger
}

// BuilderOptions are the settings of builders and preparers, and not of workers.
type BuilderOptions struct {
	// Scope is whose package cache they fill, and workers read.
	Scope cache.Scope
	// CA is a PEM bundle, put at Layout.CA. Empty for none.
	CA []byte
	// Mounts are directories of this machine that are shown read-only at the
	// same path, such as a local package index. They need a local engine.
	Mounts []string
	// Offers are likewise, where the engine is local, and left out elsewhere: compilers.
	Offers []string
	// Network is the network of builders and preparers; "" means the engine's
	// default.
	Network string
}

// A Kind is an engine that a user can name.
type Kind struct {
	Name string // one word, as --engine takes it
	// Title is how a sentence calls it: "no Docker engine".
	Title string
	// Note is what users must know when Auto takes this engine, since those
	// before it do not answer.
	Note string
	// Advice is how to get one that answers.
	Advice string
	Open   func(context.Context, Options) (Engine, error)
}

// A Table lists all engines, in the order in which Auto tries them.
type Table []Kind

// Names lists what --engine takes.
func (t Table) Names() []string {
	names := []string{Auto}
	for _, k := range t {
		names = append(names, k.Name)
	}
	return names
}

// Select returns the engines that a name stands for, all for Auto; "" is Auto.
// A name that is none of Names is an [UnknownError].
func (t Table) Select(name string) (Table, error) {
	if name == "" || name == Auto {
		return t, nil
	}
	if i := slices.IndexFunc(t, func(k Kind) bool { return k.Name == name }); i >= 0 {
		return t[i : i+1], nil
	}
	return nil, &UnknownError{Name: name, Known: t.Names()}
}

// Open opens the engine with a name, or for Auto the first that can be opened. The
// note then tells the user which engines were skipped.
func (t Table) Open(ctx context.Context, name string, o Options) (e Engine, note string, err error) {
	kinds, err := t.Select(name)
	if err != nil {
		return nil, "", err
	}
	var passed []string
	var errs []error
	for _, k := range kinds {
		if e, err = k.Open(ctx, o); err == nil {
			if len(passed) > 0 {
				note = strings.Join(passed, ", ") + ": " + k.Note
			}
			return e, note, nil
		}
		errs, passed = append(errs, err), append(passed, fmt.Sprintf("no %s (%v)", k.Title, err))
	}
	return nil, "", errors.Join(errs...)
}

// Advice returns how to get the engine with that name, or another one.
func (t Table) Advice(name string) string {
	kinds, err := t.Select(name)
	if err != nil || len(kinds) == 0 {
		return ""
	}
	advice := kinds[0].Advice
	for _, k := range t {
		if k.Name != kinds[0].Name {
			advice += ", or use --engine " + k.Name
		}
	}
	return advice
}

// An UnknownError reports a name that no engine has.
type UnknownError struct {
	Name  string
	Known []string
}

func (e *UnknownError) Error() string {
	last := len(e.Known) - 1
	return fmt.Sprintf("--engine %q: write %s or %s", e.Name, strings.Join(e.Known[:last], ", "), e.Known[last])
}
