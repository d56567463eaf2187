package engine

import (
	"fmt"

	"github.com/shardyard/shardyard/cache"
)

// A Keeper keeps environments, trees and package caches between runs.
type Keeper = cache.Store

// A DamagedError reports a layer that is not as it was sealed. It has been set aside, and is
// found no more.
type DamagedError struct {
	Key    string
	Damage []string // what is not as it was, at least one
	Where  string   // it is now
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("what was kept as %.12s is damaged (%s): it is set aside as %s", e.Key, cache.Some(e.Damage), e.Where)
}

// Kept is what a Keeper lists.
type Kept = cache.Kept
