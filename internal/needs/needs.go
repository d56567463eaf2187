// Package needs says what tests need besides Go, git and a shell: a Docker
// engine, a package index, Python packages. Such tests are left out unless
// SHARDYARD_TEST=all asks for them, as scripts/test does; then what is not
// there fails them, and none is skipped.
package needs

import (
	"os"
	"testing"
)

// Variable is the environment variable that asks for all tests.
const Variable = "SHARDYARD_TEST"

// All reports whether all tests are asked for.
func All() bool { return os.Getenv(Variable) == "all" }

// More leaves the test out unless all tests are asked for. It comes before
// anything is looked for, started or downloaded.
func More(t testing.TB, what string) {
	t.Helper()
	if !All() {
		t.Skipf("SKIPPED, needs %s: %s=all runs it", what, Variable)
	}
}

// Lacks ends a test that needs what this machine does not have: it fails when
// all tests are asked for, and is skipped otherwise.
func Lacks(t testing.TB, what string, err error) {
	t.Helper()
	if All() {
		t.Fatalf("needs %s: %v", what, err)
	}
	t.Skipf("SKIPPED, needs %s: %v", what, err)
}
