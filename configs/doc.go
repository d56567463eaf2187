// Package configs owns shardyard.yaml: its schema, its errors, its defaults,
// and the detection of what a project without one needs. It refuses to know
// engines and the insides of frameworks; it imports nothing else of ours.
//
// A Config is built in three layers, and remembers for every value which one it
// came from: Default, then the file (Load), then Fill, which adds what Detect
// found for what the file left open.
package configs
