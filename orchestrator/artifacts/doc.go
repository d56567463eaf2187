// Package artifacts owns what workers wrote into their trees and the user wants
// to have: it takes the files in, makes one directory of those of all workers,
// and puts them into the checkout where that is asked for. A worker's names and
// contents are input: nothing leaves the directory that it is meant for. It
// refuses to know how a file is fetched, and what it is.
//
// Where several workers wrote a file of the same path, it is there once when all
// of them wrote the same, and else once for each worker, whose name is put
// before the last dot: "out/results.worker-3.json". A log, which every worker
// appends to (*.log, *.jsonl, *.ndjson), is never united: two workers that wrote
// the same line wrote two lines.
package artifacts
