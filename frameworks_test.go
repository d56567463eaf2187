package shardyard_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// knowing are the files outside of worker/framework that speak of pytest, Python
// or its installers, and why each does. There were 58 of them before frameworks
// had a seam.
var knowing = map[string]string{
	"cmd/shardyard/frameworks.go":             "the list of frameworks: the one line that adds one",
	"cmd/shardyard/combine.go":                "--python names the interpreter that combines coverage: what users type",
	"cmd/shardyard/doctor.go":                 "help: an image by its name, as an example",
	"cmd/shardyard/exec.go":                   "help: commands as examples",
	"cmd/shardyard/history.go":                "help: pytest-split's format of durations, as an example",
	"cmd/shardyard/historyexchange.go":        "reads and writes durations as pytest-split does",
	"cmd/shardyard/plan.go":                   "reads what pytest --collect-only prints, and pytest-split's durations",
	"cmd/shardyard/simulate.go":               "the peers that the simulator compares with: pytest-split, xdist",
	"internal/needs/needs.go":                 "says of tests what they need on a machine",
	"orchestrator/engine/enginetest/needs.go": "an image for tests, by its name",
	"orchestrator/history/exchange.go":        "pytest-split's format of durations",
	"orchestrator/report/junit/merge.go":      "JUnit files of jobs elsewhere, in pytest's dialect",
	"orchestrator/report/junit/plan.go":       "the names that pytest's dialect of JUnit gives tests",
	"orchestrator/report/junit/read.go":       "dialects of JUnit, by the tools that write them",
	"orchestrator/shards/find.go":             "advice: how a job writes a JUnit file",
	"orchestrator/simulate/history.go":        "the peers' algorithms",
	"orchestrator/simulate/static.go":         "the peers' algorithms",
	"orchestrator/simulate/xdist.go":          "the peers' algorithms",
	"orchestrator/source/plain.go":            "directories of caches, which are no sources: of any tool that is known",
}

// TestOnlyFrameworksKnowTheirTools holds that list.
func TestOnlyFrameworksKnowTheirTools(t *testing.T) {
	speaks := regexp.MustCompile(`(?i)pytest|python|\bpip\b|\buv\b`)
	found := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		path = filepath.ToSlash(path)
		switch {
		case err != nil:
			return err
		case e.IsDir() && (path == "worker/framework" || path == "testsuites" || path == ".git" || e.Name() == "testdata"):
			return filepath.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if line := speaks.FindIndex(text); line != nil {
			found[path] = true
			if knowing[path] == "" {
				t.Errorf("%s speaks of %q: only worker/framework knows that, or give the reason here", path, text[line[0]:line[1]])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range knowing {
		if !found[path] {
			t.Errorf("%s no longer speaks of any: take it off the list", path)
		}
	}
}
