package engine

import "github.com/shardyard/shardyard/cache"

// A Keeper keeps environments, trees and package caches between runs.
type Keeper = cache.Store

// Kept is what a Keeper lists.
type Kept = cache.Kept
