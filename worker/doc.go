// Package worker is the contract between the coordinator and a worker, and the
// agent that serves it inside the worker.
//
// The contract is lines of JSON over a pair of byte streams, in practice the
// stdin and stdout of the worker's first process. The coordinator sends a
// [Request] per line, the agent sends an [Event] per line. Raw data, like a
// framework's report, stands behind its line. Neither is longer than [MaxFrame]
// bytes: longer ones come in pieces, and urgent messages go between them, so that
// a [Pong] never waits behind a coverage file.
//
// [Serve] is the agent: it runs commands, moves files, and gives a session's
// leases to its [Framework]. [Client] is the coordinator's side. An agent whose
// stream ends or falls silent ends itself, and every process that it started; a
// client checks everything that an agent sends.
//
// The package knows nothing of engines, images or plans; of a test it knows an
// opaque id.
package worker
