package pytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/shardyard/shardyard/worker"
)

// CoverageOptions are Options.Coverage: with them, a session is measured. They
// matter only where the suite does not use pytest-cov itself (--cov in its
// arguments or addopts); what they leave out, the project's own configuration
// of coverage.py decides.
type CoverageOptions struct {
	// Sources are the packages or directories to measure, as of --source.
	Sources []string `json:"sources,omitempty"`
	Branch  *bool    `json:"branch,omitempty"`
	// Config is a configuration file, relative to the suite's directory.
	Config string `json:"config,omitempty"`
	// Subprocess has Python children measured where the project's
	// configuration does not already ask for it (patch = subprocess). It
	// needs coverage.py 7.10.
	Subprocess bool `json:"subprocess,omitempty"`
	// FailUnder takes the place of every limit that the project sets.
	FailUnder *float64 `json:"fail_under,omitempty"`
}

// ConcludeOptions are what Conclude.Options holds for pytest; a session's
// Options are as good.
type ConcludeOptions struct {
	Python   string           `json:"python,omitempty"`
	HashSeed string           `json:"hash_seed,omitempty"`
	Seed     int64            `json:"seed,omitempty"`     // as the sessions'
	Coverage *CoverageOptions `json:"coverage,omitempty"` // nil: nothing was measured
	Color    string           `json:"color,omitempty"`    // "yes", "no", or "": as pytest finds fit
}

// Summary is what Concluded.Summary holds for pytest.
type Summary struct {
	// Tests counts outcomes by the categories of pytest's last line.
	Tests    map[string]int   `json:"tests"`
	Coverage *CoverageSummary `json:"coverage,omitempty"` // nil: nothing was measured
	Exit     int              `json:"exit"`               // pytest's exit status, without a coverage limit
	// JUnitXML is --junitxml, of the arguments or the project's own options.
	JUnitXML string `json:"junitxml,omitempty"`
	// Partial are files that hooks wrote at the end of a session, of which a
	// worker's share had more in it than what was made of all reports.
	Partial []string `json:"partial,omitempty"`
}

// CoverageSummary is the combined coverage; out/coverage/total.json has it too.
type CoverageSummary struct {
	Percent   float64  `json:"percent"` // of lines and branches, not rounded
	Shown     string   `json:"shown"`   // the same as coverage.py shows it; "" when nothing was measured
	FailUnder *float64 `json:"fail_under"`
	Under     bool     `json:"under"`     // coverage.py, or pytest-cov where that measures, says that FailUnder is missed
	Precision int      `json:"precision"` // decimals that count for FailUnder
	Lines     Counts   `json:"lines"`
	Branches  Counts   `json:"branches"`
	Complete  bool     `json:"complete"`
	Reason    string   `json:"reason"` // why it is not complete
	// RelativeFiles is true if the project's configuration has relative_files
	// set, without which coverage.py looks for absolute paths in its data.
	RelativeFiles bool `json:"relative_files"`
}

// Counts are of lines, or of branches.
type Counts struct {
	Covered int `json:"covered"`
	Total   int `json:"total"`
}

// Conclude implements [worker.Framework]. Conclude.Dir holds
//
//	reports.jsonl          records, {"worker", "test", "kind", "data"} in each
//	                       line, as they came
//	order.jsonl            which of them are replayed: in the first line those
//	                       of no test (settings, collect, warning, suite), in
//	                       each further one those of a test, in the suite's
//	                       order; as [[offset, length], ...] in bytes, which
//	                       are whole records once they are put together
//	failed.jsonl           which attempts have failed, in the suite's order, in
//	                       each line [test, attempt, worker, where its reports
//	                       are]; it may be missing
//	run.json               {"tests": N, "deselected": N, "missing_coverage":
//	                       ["worker-2: reason"], "duration_seconds": S,
//	                       "sessions": [{"name": "worker-2", "code": 1,
//	                       "closing": "text"}]}; all but the first may be
//	                       missing. sessions are those that ended with a status
//	                       that no test explains
//	shares/<name>.jsonl    of each of these: as order.jsonl, of its own tests
//	data/<worker>/<file>   every worker's Closed.Files
//
// Beyond the kinds of the package's comment there may be, of a test,
//
//	rerun-of    a report of an earlier attempt: it is shown as a rerun
//	died        {"message"}: pytest had no say, the test failed with it. A test
//	            that has a logstart and no logfinish is taken for such a one
//
// and other kinds, which are passed over. The results are below Dir/out:
//
//	junit.xml
//	failures.jsonl    the texts of the failures that failed.jsonl names, {"test",
//	                  "attempt", "worker", "text"} in each line
//	coverage/.coverage, coverage/coverage.xml, coverage/total.json
//	coverage/files.json    {file: [number of lines, lines that did not run]}
//	coverage/relative.coverage    the data as it was, where .coverage was made
//	                  one of Conclude.Project
//	coverage/html, coverage.json, coverage.lcov    when pytest-cov was asked
//	reports/<path>    what an option of a plugin has written, as --html does
//
// What pytest prints is emitted as it comes; emit may be called concurrently.
// A replay that breaks is told in Concluded.Error, and what was made
// nevertheless is in Files.
func (*Framework) Conclude(ctx context.Context, c worker.Conclude, emit func(worker.Event)) (_ worker.Concluded, err error) {
	var options ConcludeOptions
	if len(c.Options) > 0 {
		if err := json.Unmarshal(c.Options, &options); err != nil {
			return worker.Concluded{}, fmt.Errorf("read the options of pytest: %w", err)
		}
	}
	scratch, err := os.MkdirTemp("", "shardyard-")
	if err != nil {
		return worker.Concluded{}, fmt.Errorf("make a directory for the pytest plugin: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	py, err := unpack(scratch)
	if err != nil {
		return worker.Concluded{}, err
	}
	out := filepath.Join(c.Dir, "out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return worker.Concluded{}, fmt.Errorf("make a directory for results: %w", err)
	}

	f := finish{Conclude: c, options: options, py: py, emit: emit}
	summary, done := Summary{}, worker.Concluded{}
	var table []byte
	var replayErr, combineErr error
	var both sync.WaitGroup // each is busy on one core
	both.Go(func() {
		var r replayed
		r, replayErr = f.replay(ctx)
		summary.Tests, summary.Exit, summary.JUnitXML, summary.Partial = r.Tests, r.Exit, r.JUnit, r.Partial
		if replayErr == nil && r.Exit == 0 && r.Whole {
			done.Forgiven = r.Forgiven
			done.Excused, replayErr = f.excused(ctx)
		}
	})
	if options.Coverage != nil {
		both.Go(func() { summary.Coverage, table, combineErr = f.combine(ctx) })
	}
	both.Wait()
	if ctx.Err() != nil {
		return done, fmt.Errorf("conclude: %w", ctx.Err())
	}
	f.print("stdout", table)
	if err := errors.Join(replayErr, combineErr); err != nil {
		done.Error = err.Error()
	}
	done.Code = summary.Exit
	done.Summary = worker.Raw(summary)
	done.Files, err = results(c.Dir)
	return done, err
}

// results lists the files below out, relative to dir, with slashes.
func results(dir string) (files []string, err error) {
	err = filepath.WalkDir(filepath.Join(dir, "out"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || e.Name() == replayFile {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files = append(files, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list results: %w", err)
	}
	return files, nil
}
