// Package dispatch is the scheduler of a run, and its ledger: what happened
// goes in as an [Input], what to do now comes out as [Command]s.
//
// It owns which test is handed to which worker and when, what becomes of the
// tests of a lost worker, which tests run again, and the verdict on each test.
// It is pure: no I/O, no goroutine, no clock of its own, so that the code that
// runs in production also runs in the simulator. It refuses to know what a
// worker is, how tests run, and what they print.
//
// The policy: the suite is planned over the expected workers ([plan.Balance]);
// each worker is handed the head of its queue, a little at a time; a worker
// whose queue is empty steals from the tail of the one that would end last.
package dispatch
