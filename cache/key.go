package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"sort"
)

// Version is part of every key. It is raised when builders work differently.
const Version = "2"

// Environment is what an environment of dependencies depends on.
type Environment struct {
	Scope    Scope             // who may use it
	Base     string            // content id of the base image
	Platform string            // "linux/amd64"
	Commands []string          // of setup, in order
	Ensure   []string          // packages added when missing
	Files    map[string][]byte // key files: path relative to the project, content
	Settings map[string]string // what else changes the result and is no secret (never an index with credentials)
}

// EnvironmentKey names the environment: 64 hexadecimal digits.
func EnvironmentKey(e Environment) string {
	k := newKey("environment")
	k.field("scope", string(e.Scope))
	k.field("base", e.Base)
	k.field("platform", e.Platform)
	k.list("command", e.Commands)
	k.list("ensure", e.Ensure)
	k.count("file", len(e.Files))
	for _, name := range sortedKeys(e.Files) {
		k.field("name", name)
		k.field("content", string(e.Files[name]))
	}
	k.count("setting", len(e.Settings))
	for _, name := range sortedKeys(e.Settings) {
		k.field("name", name)
		k.field("value", e.Settings[name])
	}
	return k.sum()
}

// Prepared is what an environment with the project installed depends on.
type Prepared struct {
	Scope       Scope    // who may use it
	Environment string   // its key, "" for none
	Tree        string   // id of the source tree, or of what prepare reads of it
	Dir         string   // the project's directory below the tree's root
	Place       string   // where the tree is mounted: an editable install writes this path down
	Commands    []string // of prepare, in order
	Ensure      []string // packages added when missing
}

// PreparedKey names the prepared environment: 64 hexadecimal digits.
func PreparedKey(p Prepared) string {
	k := newKey("prepared")
	k.field("scope", string(p.Scope))
	k.field("environment", p.Environment)
	k.field("tree", p.Tree)
	k.field("dir", p.Dir)
	k.field("place", p.Place)
	k.list("command", p.Commands)
	k.list("ensure", p.Ensure)
	return k.sum()
}

// A key is a hash over labelled fields.
type key struct{ h hash.Hash }

func newKey(kind string) key {
	k := key{sha256.New()}
	k.field("shardyard", Version)
	k.field("kind", kind)
	return k
}

func (k key) field(label, value string) {
	for _, s := range []string{label, value} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		k.h.Write(n[:])
		k.h.Write([]byte(s))
	}
}

func (k key) count(label string, n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	k.field(label+" count", string(b[:]))
}

func (k key) list(label string, values []string) {
	k.count(label, len(values))
	for _, v := range values {
		k.field(label, v)
	}
}

func (k key) sum() string { return hex.EncodeToString(k.h.Sum(nil)) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for name := range m {
		keys = append(keys, name)
	}
	sort.Strings(keys)
	return keys
}
