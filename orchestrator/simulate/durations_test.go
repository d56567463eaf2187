package simulate_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/simulate"
)

// recorded reads one duration file, which must be named without its ending.
func recorded(tb testing.TB, name string) simulate.Durations {
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
	var d simulate.Durations
	if err := json.NewDecoder(z).Decode(&d); err != nil {
		tb.Fatal(err)
	}
	return d
}

var names = []string{"onegov", "pgmpy", "hypha", "pymc_marketing"}

// corpus is all recorded suites with their histories.
func corpus(tb testing.TB) []simulate.History {
	tb.Helper()
	var out []simulate.History
	for _, name := range names {
		h := simulate.History{Name: name, Newest: recorded(tb, name)}
		files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "durations", name, "*.json.gz"))
		if err != nil {
			tb.Fatal(err)
		}
		sort.Strings(files)
		for _, f := range files {
			h.Runs = append(h.Runs, recorded(tb, filepath.Join(name, trim(filepath.Base(f)))))
		}
		out = append(out, h)
	}
	return out
}

func trim(base string) string { return base[:len(base)-len(".json.gz")] }
