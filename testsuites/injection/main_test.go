package injection

import (
	"fmt"
	"os"
	"testing"

	"github.com/shardyard/shardyard/internal/needs"
)

// TestMain leaves all of these tests out unless all are asked for: they need a
// package index and a Docker engine.
func TestMain(m *testing.M) {
	if !needs.All() {
		fmt.Printf("SKIPPED, needs a package index and a Docker engine: %s=all runs it\n", needs.Variable)
		os.Exit(0)
	}
	os.Exit(m.Run())
}
