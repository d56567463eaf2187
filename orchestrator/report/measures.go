package report

import (
	"path/filepath"
	"strings"
)

// A Measure is a number that says how a run went, for systems that keep such numbers
// of many runs. None is of a single test.
type Measure struct {
	Name string // by OpenTelemetry's rules: "shardyard.run.duration"
	Unit string // by UCUM: "s", "1" for a ratio, "" for a count
	Help string
	// Value is in that unit.
	Value float64
	// Verdict is which tests are counted; "" where none are.
	Verdict Verdict
}

// Metric is the measure's name by Prometheus' rules: "shardyard_run_duration_seconds".
func (m Measure) Metric() string {
	return strings.ReplaceAll(m.Name, ".", "_") + map[string]string{"s": "_seconds", "1": "_ratio"}[m.Unit]
}

// Measures returns the measures of a run. What is not known is left out.
func (r *Report) Measures() []Measure {
	list := []Measure{{Name: "shardyard.run.duration", Unit: "s", Help: "Wall clock of the run.", Value: r.Times.Duration.Std().Seconds()}}
	if r.Times.Predicted > 0 {
		list = append(list, Measure{Name: "shardyard.run.predicted", Unit: "s", Help: "Wall clock that was predicted.", Value: r.Times.Predicted.Std().Seconds()})
	}
	for _, v := range []struct {
		verdict Verdict
		n       int
	}{{Pass, r.Totals.Passed}, {Fail, r.Totals.Failed}, {Skip, r.Totals.Skipped}, {Flaky, r.Totals.Flaky}, {NotRun, r.Totals.NotRun}} {
		list = append(list, Measure{Name: "shardyard.run.tests", Help: "Tests by their verdict.", Value: float64(v.n), Verdict: v.verdict})
	}
	if r.Coverage != nil {
		list = append(list, Measure{Name: "shardyard.run.coverage", Unit: "1", Help: "Part of the code that tests reach.", Value: r.Coverage.Percent / 100})
	}
	return list
}

// Labels say of which run measures are: its project, its suite, its branch.
func (r *Report) Labels() map[string]string {
	labels := map[string]string{"project": filepath.Base(r.Project), "suite": r.Suite, "branch": r.Branch}
	for name, value := range labels {
		labels[name] = strings.ToValidUTF8(value, "\uFFFD")
	}
	return labels
}

// Word is the verdict as a label of measures: "not_run".
func (v Verdict) Word() string { return strings.ReplaceAll(string(v), "-", "_") }
