package simulate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/simulate"
)

func TestTables(t *testing.T) {
	workers := []int{4, 8, 16, 32, 64}
	for _, sc := range simulate.Scenarios(corpus(t), 1) {
		tab := sc.Run(workers)
		var b strings.Builder
		fmt.Fprintf(&b, "%s (%d suites)\n%-30s", tab.Name, len(sc.Suites), "")
		for _, n := range workers {
			fmt.Fprintf(&b, "%8d", n)
		}
		for _, r := range tab.Rows {
			fmt.Fprintf(&b, "\n%-30s", r.Policy)
			for _, x := range r.Ratios {
				fmt.Fprintf(&b, "%8.3f", x)
			}
			fmt.Fprintf(&b, "   |")
			for _, x := range r.Opened {
				fmt.Fprintf(&b, "%6.2f", x)
			}
		}
		t.Log(b.String())
	}
}
