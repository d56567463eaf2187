package plan_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// invented is a suite of n tests in files of 40, with log-normal times.
func invented(n int) []plan.Test {
	r := rand.New(rand.NewPCG(1, 2))
	tests := make([]plan.Test, n)
	for i := range tests {
		file := fmt.Sprintf("tests/test_%05d.py", i/40)
		tests[i] = plan.Test{
			ID: worker.TestID(fmt.Sprintf("%s::test_%d", file, i%40)), File: file, Index: i, Known: true,
			Estimate: time.Duration(float64(20*time.Millisecond) * math.Exp(1.5*r.NormFloat64())),
		}
	}
	return tests
}

// The goals are 20 and 40 times the speed of pytest-split at the last two
// sizes, on one machine: bench/schedule has it plan the suites that are written
// to the directory SUITES.
func BenchmarkBalance(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		tests := invented(n)
		if dir := os.Getenv("SUITES"); dir != "" {
			save(b, filepath.Join(dir, fmt.Sprint(n)+".json"), tests)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				plan.Balance(tests, plan.Params{Workers: 64})
			}
		})
	}
}

// save writes the suite as pytest-split keeps it.
func save(b *testing.B, name string, tests []plan.Test) {
	b.Helper()
	if _, err := os.Stat(name); err == nil {
		return
	}
	durations := make(map[worker.TestID]float64, len(tests))
	for _, t := range tests {
		durations[t.ID] = t.Estimate.Seconds()
	}
	data, err := json.Marshal(durations)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		b.Fatal(err)
	}
}
