package ci

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// Dir is the directory in a run's directory with the files for its CI system.
const Dir = "ci"

// Names in Dir.
const (
	summaryFile = "summary.md"
	metricsFile = "metrics.txt"
)

// Write puts into the run's directory what its CI system takes as files: for all of
// them a summary and metrics, for GitLab also the JUnit file and the coverage as it
// can read them. Without a CI system it writes nothing.
func (j *Job) Write(dir string, r *report.Report) error {
	if j.system == None {
		return nil
	}
	to := filepath.Join(dir, Dir)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("write files for %s: %w", j.system, err)
	}
	err := os.WriteFile(filepath.Join(to, summaryFile), []byte(summary([]*report.Report{r}, maxSummary)), 0o644)
	var metrics bytes.Buffer
	err = errors.Join(err, WriteMetrics(&metrics, r))
	err = errors.Join(err, os.WriteFile(filepath.Join(to, metricsFile), metrics.Bytes(), 0o644))
	if j.system == GitLab {
		err = errors.Join(err, splitJUnit(filepath.Join(dir, "junit.xml"), filepath.Join(to, "junit"), r), splitCobertura(filepath.Join(dir, "coverage", "coverage.xml"), filepath.Join(to, "coverage")))
	}
	if err != nil {
		return fmt.Errorf("write files for %s: %w", j.system, err)
	}
	j.written = append(j.written, to)
	return nil
}

// WriteMetrics writes the measures of a run in the format of Prometheus. No metric
// is of a single test.
func WriteMetrics(w io.Writer, r *report.Report) error {
	all := prometheus.NewRegistry()
	labels := prometheus.Labels{"project": filepath.Base(r.Project), "suite": r.Suite}
	gauge := func(name, help string, value float64, more ...string) {
		with := prometheus.Labels{}
		for i := 0; i+1 < len(more); i += 2 {
			with[more[i]] = more[i+1]
		}
		for k, v := range labels {
			with[k] = v
		}
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: with})
		g.Set(value)
		all.MustRegister(g)
	}
	gauge("shardyard_run_duration_seconds", "Wall clock of the run.", r.Times.Duration.Std().Seconds())
	if r.Times.Predicted > 0 {
		gauge("shardyard_run_predicted_seconds", "Wall clock that was predicted.", r.Times.Predicted.Std().Seconds())
	}
	for _, v := range []struct {
		verdict string
		n       int
	}{{"passed", r.Totals.Passed}, {"failed", r.Totals.Failed}, {"skipped", r.Totals.Skipped}, {"flaky", r.Totals.Flaky}, {"not_run", r.Totals.NotRun}} {
		gauge("shardyard_run_tests", "Tests by their verdict.", float64(v.n), "verdict", v.verdict)
	}
	if r.Coverage != nil {
		gauge("shardyard_run_coverage_ratio", "Part of the code that tests reach.", r.Coverage.Percent/100)
	}
	families, err := all.Gather()
	for _, f := range families {
		if err == nil {
			_, err = expfmt.MetricFamilyToText(w, f)
		}
	}
	return err
}
