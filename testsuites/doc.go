// Package testsuites holds real suites, written by nobody here, against plain
// pytest: every test must have the same outcome when it is sharded, and the
// combined coverage must be the same, line for line and branch for branch.
package testsuites
