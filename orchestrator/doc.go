// Package orchestrator runs a suite: a straight line from the source to the
// verdict.
//
// [Run] reads top-down: snapshot, environment, prepare, workers, discovery,
// plan, dispatch, conclusion, history. It owns the order of these steps and
// the fold of workers' events into the dispatcher and the report; it refuses
// to know any engine, any framework and any database: it is given them.
package orchestrator
