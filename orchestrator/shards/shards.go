// Package shards makes one verdict of the results of shards that ran
// elsewhere: it finds their files, merges them, compares them with what was
// planned, and tells the outcome as the events of a run. It refuses to know
// any framework's coverage data; a Combiner does.
package shards

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/junit"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

// A Job holds the settings of Combine.
type Job struct {
	// Started is the first event: the run's id, its project.
	Started report.RunStarted
	Out     *runs.Run // where the combined results go
	// Limit is the least percentage of coverage; nil for the project's own.
	Limit    *float64
	Combiner Combiner
}

// A Combiner knows the coverage data of a framework.
type Combiner interface {
	// Holds reports whether a file of this name holds coverage data.
	Holds(name string) bool
	// Combine makes one coverage of several, and emits what it comes to. An
	// error means that nothing can be said of coverage.
	Combine(ctx context.Context, data Coverage, emit func(report.Body)) error
}

// Coverage is the coverage data of all shards.
type Coverage struct {
	Files   []string // as they were found
	Out     string   // an empty directory for what is made of them
	Missing []string // reasons to think that some shard's data is not there
	Limit   *float64
}

// Combine makes one run of the results. A file that cannot be read, or a run that was
// cut off, is a fault of the combined run and no error: the other results count.
func (f *Found) Combine(ctx context.Context, job Job) (*report.Report, error) {
	j, err := newJournal(job.Out)
	if err != nil {
		return nil, err
	}
	j.emit(job.Started)
	j.emit(report.Staffed{Workers: len(f.JUnit)})
	slowest, err := f.tests(j)
	if err != nil {
		return nil, errors.Join(err, j.close())
	}
	if err := f.cover(ctx, job, j); err != nil {
		j.fault(err.Error())
	}
	rep, err := j.end(slowest)
	if err != nil {
		return nil, err
	}
	return rep, job.Out.Finish(rep)
}

// tests merges the JUnit files, and emits the outcome of each test. slowest is
// the time of the shard that took longest.
func (f *Found) tests(j *journal) (slowest time.Duration, err error) {
	to, err := os.Create(j.out.Path(runs.JUnit))
	if err != nil {
		return 0, fmt.Errorf("write results: %w", err)
	}
	sources := f.readable(j)
	merged, err := junit.Merge(to, sources...)
	if err := errors.Join(err, to.Close()); err != nil {
		return 0, err
	}
	times := make([]time.Duration, len(sources))
	for _, x := range merged.Cases {
		times[x.Source] += x.Time
		slowest = max(slowest, times[x.Source])
	}
	if f.Planned == nil {
		j.emit(report.Note{Level: report.Warning, Text: "no plan: that every test was reported is not checked " +
			"(`shardyard plan --json >plan.json` in the job before the shards, and --plan plan.json here)"})
	}
	merged.Events(f.Planned, j.emit)
	for _, r := range f.runs {
		r.tell(j)
	}
	return slowest, nil
}

// readable returns the JUnit files that can be read. Each of the others is a fault:
// its results are missing.
func (f *Found) readable(j *journal) []junit.Source {
	var sources []junit.Source
	for _, path := range f.JUnit {
		if err := readJUnit(path); err != nil {
			j.fault(fmt.Sprintf("%s cannot be read: %v; a shard that was cut off leaves such a file: run that shard again", path, err))
			continue
		}
		sources = append(sources, source(path))
	}
	return sources
}

// cover combines the coverage data, where there is any.
func (f *Found) cover(ctx context.Context, job Job, j *journal) error {
	if len(f.Coverage) == 0 {
		if job.Limit != nil {
			j.emit(report.Covered{FailUnder: *job.Limit, Reason: "there is a limit, and no coverage data in the directories: " +
				"upload it from every shard (some uploaders leave out files with names like .coverage)"})
		}
		return nil
	}
	out := j.out.Path("coverage")
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return job.Combiner.Combine(ctx, Coverage{Files: f.Coverage, Out: out, Missing: f.missing(), Limit: job.Limit}, j.emit)
}

// missing are reasons to think that a shard's coverage is not there.
func (f *Found) missing() []string {
	var reasons []string
	for _, dir := range f.bare {
		reasons = append(reasons, dir+" has results and no coverage data")
	}
	if n, of := len(f.Coverage), len(f.JUnit); len(reasons) == 0 && n > 1 && n < of {
		reasons = append(reasons, fmt.Sprintf("there are %d data files for the results of %d shards", n, of))
	}
	return reasons
}
