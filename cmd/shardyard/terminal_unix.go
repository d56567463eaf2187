//go:build unix

package main

import "io"

// obeys reports whether a terminal obeys escape sequences: all do, but for the one
// that console.Screen.Dumb is about.
func obeys(io.Writer) bool { return true }
