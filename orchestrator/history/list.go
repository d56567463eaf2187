package history

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// RunInfo is a recorded run.
type RunInfo struct {
	ID        string        `json:"run"`
	Suite     string        `json:"suite"`
	Tree      string        `json:"tree,omitempty"`
	Workers   int           `json:"workers"`
	Host      string        `json:"host,omitempty"`
	StartedAt time.Time     `json:"started_at"`
	Duration  time.Duration `json:"-"`
	Exit      int           `json:"exit"`
	Tests     int           `json:"tests"`
	Failed    int           `json:"failed"`
	Flaky     int           `json:"flaky"`
	Commit    string        `json:"commit,omitempty"`
	Branch    string        `json:"branch,omitempty"`
	Coverage  *float64      `json:"coverage,omitempty"` // per cent
	Predicted time.Duration `json:"-"`                  // 0: nothing was
}

// Suites returns the keys of all suites that were recorded, sorted.
func (d *DB) Suites(ctx context.Context) (names []string, err error) {
	err = d.do(ctx, "list suites", func(db *sql.DB) error {
		names = nil
		return each(ctx, db, `SELECT name FROM suite ORDER BY name`, nil, func(rows *sql.Rows) error {
			var n string
			err := rows.Scan(&n)
			names = append(names, n)
			return err
		})
	})
	return names, err
}

// Runs returns the last n runs of a suite, newest first; n below 1 is all.
func (d *DB) Runs(ctx context.Context, suite string, n int) (runs []RunInfo, err error) {
	if n < 1 {
		n = math.MaxInt32
	}
	err = d.do(ctx, "list runs", func(db *sql.DB) error {
		runs = nil
		return each(ctx, db, `SELECT run, tree, workers, host, started_at, duration_us, exit, tests, failed, flaky, commit_id, branch, coverage, coalesce(predicted_us, 0) FROM run
			WHERE suite = (SELECT id FROM suite WHERE name = ?) ORDER BY started_at DESC, id DESC LIMIT ?`,
			[]any{suite, n}, func(rows *sql.Rows) error {
				r := RunInfo{Suite: suite}
				var at, us, predicted int64
				err := rows.Scan(&r.ID, &r.Tree, &r.Workers, &r.Host, &at, &us, &r.Exit, &r.Tests, &r.Failed, &r.Flaky, &r.Commit, &r.Branch, &r.Coverage, &predicted)
				r.StartedAt, r.Duration, r.Predicted = time.UnixMilli(at).UTC(), micros(us), micros(predicted)
				runs = append(runs, r)
				return err
			})
	})
	return runs, err
}

// A Record is one sample of a test with the run that it belongs to. Run.ID is
// empty when the run is no longer kept, or was imported.
type Record struct {
	Sample
	In RunInfo
}

// Show returns a test's file and its samples, oldest first. A test that never ran
// is ErrUnknownTest.
func (d *DB) Show(ctx context.Context, suite string, id worker.TestID) (file string, records []Record, err error) {
	runs, err := d.Runs(ctx, suite, 0)
	if err != nil {
		return "", nil, err
	}
	numbers := map[int64]string{}
	var text string
	err = d.do(ctx, "show a test", func(db *sql.DB) error {
		err := each(ctx, db, `SELECT id, run FROM run WHERE suite = (SELECT id FROM suite WHERE name = ?)`, []any{suite},
			func(rows *sql.Rows) error {
				var n int64
				var id string
				err := rows.Scan(&n, &id)
				numbers[n] = id
				return err
			})
		if err != nil {
			return err
		}
		return db.QueryRowContext(ctx, `SELECT file, samples FROM test
			WHERE suite = (SELECT id FROM suite WHERE name = ?) AND test = ?`, suite, string(id)).Scan(&file, &text)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, fmt.Errorf("%w: %q; `shardyard history slowest` lists what is known", ErrUnknownTest, string(id))
	}
	if err != nil {
		return "", nil, err
	}
	list, err := decodeSamples(text)
	for _, s := range list {
		r := Record{Sample: s}
		if i := slices.IndexFunc(runs, func(r RunInfo) bool { return r.ID == numbers[s.Run] }); i >= 0 {
			r.In = runs[i]
		}
		records = append(records, r)
	}
	return file, records, err
}

// ErrUnknownTest means that a test never ran.
var ErrUnknownTest = errors.New("no such test in the history")

// A Summary is a test in few numbers.
type Summary struct {
	Test    worker.TestID
	File    string
	Median  time.Duration // of setup, call and teardown
	Longest time.Duration
	Samples int
	Failed  int // samples that failed, the tentative ones left out
	Last    worker.Outcome
}

// Slowest returns the n tests with the longest median, longest first; n below 1
// is all. Skipped attempts say nothing about a test's time.
func (d *DB) Slowest(ctx context.Context, suite string, n int) ([]Summary, error) {
	var all []Summary
	err := d.do(ctx, "list the slowest tests", func(db *sql.DB) error {
		all = nil
		return each(ctx, db, `SELECT test, file, samples FROM test
			WHERE suite = (SELECT id FROM suite WHERE name = ?)`, []any{suite}, func(rows *sql.Rows) error {
			var id, file, text string
			if err := rows.Scan(&id, &file, &text); err != nil {
				return err
			}
			list, err := decodeSamples(text)
			all = append(all, summary(worker.TestID(id), file, list))
			return err
		})
	})
	slices.SortFunc(all, func(a, b Summary) int {
		return cmp.Or(cmp.Compare(b.Median, a.Median), cmp.Compare(a.Test, b.Test))
	})
	if n > 0 && n < len(all) {
		all = all[:n]
	}
	return all, err
}

func summary(id worker.TestID, file string, list []Sample) Summary {
	s := Summary{Test: id, File: file, Samples: len(list)}
	var totals []time.Duration
	for _, x := range list {
		if x.Outcome != worker.Skipped {
			totals = append(totals, x.Total())
			s.Longest = max(s.Longest, x.Total())
		}
		if x.Tentative {
			continue
		}
		s.Last = x.Outcome
		if x.Outcome.Fails() {
			s.Failed++
		}
	}
	s.Median = median(totals)
	return s
}
