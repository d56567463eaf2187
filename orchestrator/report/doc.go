// Package report owns what is known of a run: its events, their fold into one
// state, and what follows from that state: run.json, the exit code with its
// reasons, the forecast's account. The packages below show it to people (console,
// ci), and read and merge JUnit files (junit).
//
// The log of events is the record; the rest is a fold of it. Replaying
// events.jsonl through [State.Apply] gives the same report and the same exit
// code as the live run did.
//
// The package refuses to know how anything came about: no engine, no
// scheduler, no framework. A test id is opaque.
package report
