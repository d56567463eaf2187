// Package plan balances a suite over workers by time.
//
// It owns the policy that turns tests and what is known of their times into
// shards: estimates ([Estimate]), the plan itself ([Balance]), and what other
// numbers of workers would give ([Curve], [ForTarget], [AutoWorkers]). It is
// pure: values in, values out, the same values for the same input in whatever
// order, no clock, no I/O. It refuses to know where times come from and how
// tests are run.
//
// The model: a test takes its estimate; the first test of a file on a worker
// takes the file's fixture cost on top; a worker of speed s takes 1/s of both.
// The least time N workers can need is the larger of the sum over their speeds
// and the longest thing that cannot be cut.
package plan
