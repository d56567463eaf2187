// Package configs owns shardyard.yaml: its schema, its errors, its defaults,
// and what a project without one needs, for which it asks the frameworks that it
// is given. It refuses to know engines, and any framework by name.
//
// A Config is built in three layers, and remembers for every value which one it
// came from: Default, then the file (Load), then Fill, which adds what Detect
// found for what the file left open.
package configs
