// Package report owns what is known of a run and what people see of it: the
// events of a run, their fold into one state, and everything that only reads
// that state (the console, run.json, the closing lines, annotations, the exit
// code, merged JUnit files).
//
// The log of events is the record; the rest is a fold of it. Replaying
// events.jsonl through [State.Apply] gives the same report and the same exit
// code as the live run did.
//
// The package refuses to know how anything came about: no engine, no
// scheduler, no framework. A test id is opaque; the one exception is
// [PytestCases], which reads JUnit files that pytest wrote elsewhere.
package report
