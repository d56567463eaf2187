// Package needs says what tests need besides Go, git and a shell: a Docker
// engine, a package index, Python packages. Such tests are left out unless
// SHARDYARD_TEST=all asks for them, as scripts/test does; then what is not
// there fails them, and none is skipped.
package needs

import (
	"fmt"
	"os"
	"testing"
)

// Variable is the environment variable that asks for all tests.
const Variable = "SHARDYARD_TEST"

// All reports whether all tests are asked for.
func All() bool { return os.Getenv(Variable) == "all" }

// Target runs the package's tests only where the target of make that is for them has set
// its variable: they take minutes.
func Target(m *testing.M, variable, target string) {
	if os.Getenv(variable) == "" {
		fmt.Printf("left out, takes minutes: make %s runs it\n", target)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

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
