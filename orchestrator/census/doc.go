// Package census finds out which tests a suite has. Its inputs are the workers'
// sessions' reports of their tests; it answers each with a [Ruling]: inputs for the
// dispatcher and events for people, in order.
//
// One session, or several, collects the whole suite: the first list that is
// complete is the suite. The others collect a file when one of its tests is
// handed to them, and what they find in it must be what the full list has
// there. What the last run found is a hint until then. The census also keeps
// what a run shows of this lazy way to collect ([Observation]), and what later runs
// make of that ([Trust]).
//
// It is pure: no I/O, no clock, no goroutine. It refuses to know how a worker
// is started and spoken to, and what becomes of a test once it is known.
package census
