package framework

import "context"

// A Combiner makes one coverage of several that were measured elsewhere. It is
// for frameworks whose data can be put together without a run.
type Combiner interface {
	// Holds reports whether a file of this name holds coverage data.
	Holds(name string) bool
	// Combine writes its results to Combination.Out. Missing or broken data is no
	// error: Covered is then not complete. An error means that the coverage is
	// unknown.
	Combine(context.Context, Combination) (Covered, error)
}

// A Combination is coverage data of sessions that ran elsewhere.
type Combination struct {
	// Program is the toolchain's, as the user names it; "" for what is usual.
	Program   string
	Project   string   // the directory that paths are relative to, absolute
	Out       string   // an empty directory for the results
	Files     []string // of data, as people call them; relative to the working directory
	Missing   []string // reasons to think that data is missing
	FailUnder *float64 // takes the place of the limit that the project sets
	// Say takes what the framework's tool prints, Note sentences for the user.
	Say  func([]byte)
	Note func(string)
}
