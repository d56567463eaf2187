package shards

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

// readPlan reads the tests of what `shardyard plan --json` wrote.
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

// A past is a run of shardyard's own that is combined with others.
type past struct {
	dir string
	rep *report.Report // nil when its log cannot be read
	err error
}

// read reads a run from its log: run.json of a run that was cut off is missing.
func read(dir string) past {
	state, _, err := report.ReadState(filepath.Join(dir, runs.Log))
	if err != nil {
		return past{dir: dir, err: err}
	}
	return past{dir: dir, rep: state.Report()}
}

// tell emits why a run cannot be trusted to have run its tests, and which
// tests it says it did not run.
func (p past) tell(j *journal) {
	if why := p.trouble(); why != "" {
		j.fault("the run in " + p.dir + " " + why)
	}
	if p.rep == nil {
		return
	}
	for _, t := range p.rep.Tests {
		if t.Verdict == report.NotRun {
			j.emit(report.Judged{Test: t.Test, Verdict: report.NotRun, Reason: t.Reason})
		}
	}
}

// trouble is why a run cannot be trusted, or "".
func (p past) trouble() string {
	switch {
	case p.err != nil:
		return "cannot be read: " + p.err.Error()
	case !p.rep.Finished:
		return "has no end: it was cut off"
	case p.rep.Stopped != nil:
		return "was stopped: " + p.rep.Stopped.Reason
	case len(p.rep.Faults) > 0:
		return "broke: " + p.rep.Faults[0].Text
	}
	return ""
}

// plannedBy returns the tests of runs. It returns nil unless every JUnit file
// belongs to a run that can be read.
func plannedBy(list []past, junit []string) (planned []string) {
	for _, path := range junit {
		if !slices.ContainsFunc(list, func(p past) bool { return p.rep != nil && filepath.Dir(path) == p.dir }) {
			return nil
		}
	}
	seen := map[string]bool{}
	for _, p := range list {
		if p.rep == nil {
			continue
		}
		for _, t := range p.rep.Tests {
			if !seen[t.Test] {
				seen[t.Test] = true
				planned = append(planned, t.Test)
			}
		}
	}
	return planned
}
