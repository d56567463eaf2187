// Package command runs a suite by two shell commands of its user: `list` prints
// a unit in each line, `run` runs the units that it is given. Results are read
// from the JUnit files that `run` writes, never from what it prints. Without
// such files a unit is judged by its exit status.
//
// # Units and cases
//
// A unit is a line of `list`, byte for byte but for its end, and is a test's id.
// What a JUnit file has of it are its cases; the worst counts for the unit. They
// are reported as package cases says. The key `case` names the attribute of a
// case that says whose it is: see owner.
//
// # Batches
//
// A process runs all units of a batch. What can be said of a unit depends on how
// the process ended, and is judged by the function judge:
//
//   - A unit with a case has its outcome, when status 0 or a failed case explains
//     the status.
//   - A unit without a case was not run. It is run again, alone.
//   - When nothing explains the status, or a signal or the time limit ended the
//     process, every unit is run again, alone.
//   - Alone, a unit that leaves nothing has failed, with the status; one whose
//     cases passed and whose status is not 0 has an error.
//
// A batch of n units has n times the time limit of a test.
//
// # Words
//
// See the function parse for what `run` may contain, and how it is quoted. A
// batch whose command would be too long for the system, or for a tool's regular
// expressions, is cut.
//
// Commands are run by sh, in a process group of their own, which ends with them.
package command
