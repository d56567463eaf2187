// Package simulate runs suites on simulated workers: with the plan and the
// dispatcher that production uses, and with the rules of other tools.
//
// It owns the model of a worker that takes time, and the peers' algorithms,
// each written from its own published rule. It is pure: time is a number, and
// chance comes from a generator that the caller seeds.
//
// The model: a test takes its actual time; the first test of a file on a
// worker takes the file's fixtures on top; a worker of speed s takes 1/s of
// both; a process started for a batch costs the batch's price.
package simulate
