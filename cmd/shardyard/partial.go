package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// partials are the results of shards that ran elsewhere, by their paths.
type partials struct {
	junit, coverage []string
	runs            []string // run directories of shardyard itself
	plan            string   // a plan.json
	// bare are the shards, by their directory, that have results and no
	// coverage while others, of the same layout, have both.
	bare []string
}

// findPartials looks through dirs. What lies in skip, absolute paths below
// them, is passed over: earlier results, and where these go.
func findPartials(dirs []string, skip ...string) (p partials, err error) {
	type part struct{ junit, coverage bool }
	parts := map[string]*part{}
	var order []string
	for _, dir := range dirs {
		root, err := filepath.EvalSymlinks(dir) // WalkDir follows none
		if err != nil {
			return p, fmt.Errorf("look for results: %w", err)
		}
		err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() {
				if path != root && isOneOf(path, skip) {
					return filepath.SkipDir
				}
				return nil
			}
			at := shardOf(len(dirs) > 1, root, path)
			if parts[at] == nil {
				parts[at] = new(part)
				order = append(order, at)
			}
			switch found, err := p.take(path, e.Name()); {
			case err != nil:
				return err
			case found == "junit":
				parts[at].junit = true
			case found == "coverage":
				parts[at].coverage = true
			}
			return nil
		})
		if err != nil {
			return p, fmt.Errorf("look for results: %w", err)
		}
	}
	for _, at := range order {
		if x := parts[at]; x.coverage && !x.junit {
			return p, nil // results and coverage lie apart: nothing can be said of one shard
		}
	}
	for _, at := range order {
		if x := parts[at]; x.junit && !x.coverage {
			p.bare = append(p.bare, at)
		}
	}
	return p, nil
}

// take looks at one file. found says what it was taken for.
func (p *partials) take(path, name string) (found string, err error) {
	switch {
	case name == "events.jsonl":
		p.runs = append(p.runs, filepath.Dir(path))
	case name == "plan.json" && p.plan == "":
		p.plan = path
	case isData(name):
		p.coverage = append(p.coverage, path)
		return "coverage", nil
	case strings.EqualFold(filepath.Ext(name), ".xml"):
		is, err := isJUnit(path)
		if is {
			p.junit = append(p.junit, path)
			return "junit", err
		}
		return "", err
	}
	return "", nil
}

// shardOf is the directory that stands for a shard: each of several, or each
// one directly below a single one.
func shardOf(several bool, dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if several || err != nil {
		return dir
	}
	if first, _, deeper := strings.Cut(filepath.ToSlash(rel), "/"); deeper {
		return filepath.Join(dir, first)
	}
	return dir
}

// isData says that a file is called like a data file of coverage.py.
func isData(name string) bool {
	if strings.HasSuffix(name, "-journal") || strings.HasSuffix(name, "-wal") || strings.HasSuffix(name, "-shm") {
		return false
	}
	return name == ".coverage" || strings.HasPrefix(name, ".coverage.")
}

// isJUnit looks at the root element. A file that cannot be parsed so far is
// taken for one: a shard that was cut off must not be passed over.
func isJUnit(path string) (is bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	dec := xml.NewDecoder(io.LimitReader(f, 1<<20))
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		token, err := dec.Token()
		if err != nil {
			return true, nil // MergeJUnit says what is wrong
		}
		if first, ok := token.(xml.StartElement); ok {
			return first.Name.Local == "testsuites" || first.Name.Local == "testsuite", nil
		}
	}
}

func isOneOf(path string, others []string) bool {
	abs, err := filepath.Abs(path)
	return err == nil && slices.Contains(others, abs)
}

// readPlan reads what `shardyard plan --json` wrote.
func readPlan(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	var plan struct {
		Format int `json:"format"`
		Tests  []struct {
			ID string `json:"id"`
		} `json:"tests"`
	}
	if err := json.Unmarshal(data, &plan); err != nil {
		return nil, fmt.Errorf("read the plan %s: %w; it is what `shardyard plan --json` writes", path, err)
	}
	if plan.Format != 1 {
		return nil, fmt.Errorf("read the plan %s: format %d is not known, only 1: it is what `shardyard plan --json` writes", path, plan.Format)
	}
	planned := make([]string, len(plan.Tests))
	for i, t := range plan.Tests {
		planned[i] = t.ID
	}
	return planned, nil
}

// A pastRun is the run in a directory of shardyard's own.
type pastRun struct {
	dir string
	rep *report.Report
	cut bool
}

func readRuns(dirs []string) ([]pastRun, error) {
	runs := make([]pastRun, len(dirs))
	for i, dir := range dirs {
		state, cut, err := report.ReadState(filepath.Join(dir, "events.jsonl"))
		if err != nil {
			return nil, fmt.Errorf("read the run in %s: %w", dir, err)
		}
		runs[i] = pastRun{dir, state.Report(), cut}
	}
	return runs, nil
}

// trouble is why a run cannot be trusted to have run its tests, or "".
func (r pastRun) trouble() string {
	if !r.rep.Finished {
		return "the run in " + r.dir + " has no end: it was cut off"
	}
	if s := r.rep.Stopped; s != nil {
		return "the run in " + r.dir + " was stopped: " + s.Reason
	}
	if len(r.rep.Faults) > 0 {
		return "the run in " + r.dir + " broke: " + r.rep.Faults[0].Text
	}
	return ""
}

// plannedBy are the tests of runs, when every JUnit file belongs to one.
func plannedBy(runs []pastRun, junit []string) []string {
	for _, path := range junit {
		inside := false
		for _, r := range runs {
			inside = inside || filepath.Dir(path) == r.dir
		}
		if !inside {
			return nil
		}
	}
	var planned []string
	seen := map[string]bool{}
	for _, r := range runs {
		for _, t := range r.rep.Tests {
			if !seen[t.Test] {
				seen[t.Test] = true
				planned = append(planned, t.Test)
			}
		}
	}
	return planned
}
