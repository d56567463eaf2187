package plan_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// durations reads one of the recorded suites.
func durations(tb testing.TB, name string) []plan.Test {
	tb.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "durations", name+".json.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var seconds map[string]float64
	if err := json.NewDecoder(z).Decode(&seconds); err != nil {
		tb.Fatal(err)
	}
	ids := make([]string, 0, len(seconds))
	for id := range seconds {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	tests := make([]plan.Test, len(ids))
	for i, id := range ids {
		file, _, _ := strings.Cut(id, "::")
		tests[i] = plan.Test{ID: worker.TestID(id), File: file, Index: i, Known: true,
			Estimate: time.Duration(seconds[id] * float64(time.Second))}
	}
	return tests
}

var suites = []string{"onegov", "pgmpy", "hypha", "pymc_marketing"}

// files counts the files of a suite.
func files(tests []plan.Test) int {
	seen := map[string]bool{}
	for _, t := range tests {
		seen[t.File] = true
	}
	return len(seen)
}

func TestThePlanIsWithinAHalfPercentOfTheBound(t *testing.T) {
	for _, n := range []int{2, 4, 8, 16, 32, 64} {
		for _, name := range suites {
			tests := durations(t, name)
			p := plan.Balance(tests, plan.Params{Workers: n})
			pairs := 0
			for _, s := range p.Shards {
				pairs += s.Files
			}
			ratio := float64(p.Makespan) / float64(p.Bound.Time)
			perFile := float64(pairs) / float64(files(tests))
			t.Logf("%-15s N=%2d  %.4f of the bound, %.2f workers per file, %s", name, n, ratio, perFile, p.Bound)
			if ratio > 1.005 {
				t.Errorf("%s on %d workers: %.4f of the bound, want at most 1.005", name, n, ratio)
			}
		}
	}
}
