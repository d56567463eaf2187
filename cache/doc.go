// Package cache owns what makes an environment reusable: the keys that name
// it, and the settings that the commands of a builder see. It refuses to know
// which engine builds an environment, and which framework runs in it; it imports
// nothing else of ours.
//
// # Keys
//
// A key names everything that went into a layer, so that a layer with the same
// key may be used instead of building it again. It is the SHA-256 of a list of
// labelled fields, each with its length before it, so that no two different
// lists have the same encoding. Version is part of every key: a change to what
// builders do raises it, and old layers are then simply not found. So is the
// Scope: who trusts each other.
//
// # Stores
//
// A Store finds what was kept by its key alone, whoever kept it. Engines are
// stores, of environments, prepared trees and source trees: only they know how
// to keep these. Files keeps single files of this machine, such as bytecode.
package cache
