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
	for _, m := range r.Measures() {
		labels := prometheus.Labels(r.Labels())
		if m.Verdict != "" {
			labels["verdict"] = m.Verdict.Word()
		}
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: m.Metric(), Help: m.Help, ConstLabels: labels})
		g.Set(m.Value)
		if err := all.Register(g); err != nil {
			return fmt.Errorf("measure run %s: %w", r.Run, err)
		}
	}
	families, err := all.Gather()
	for _, f := range families {
		if err == nil {
			_, err = expfmt.MetricFamilyToText(w, f)
		}
	}
	return err
}
