package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
)

const (
	// KeepSamples is how many samples of each test are kept.
	KeepSamples = 20
	// KeepRuns is how long runs, and tests that no longer run, are kept.
	KeepRuns = 90 * 24 * time.Hour
	// keepInventories is how many selections of a suite are remembered.
	keepInventories = 20
	// factPerTest is the key of Samples.PerTest, in microseconds.
	factPerTest = "per_test_us"
)

// Record adds a run, in one transaction. Recording the same run id of the same
// suite again is an error.
func (d *DB) Record(ctx context.Context, run Run) error {
	if run.ID == "" || run.Suite == "" {
		return errors.New("record a run: it has no id or no suite")
	}
	return d.do(ctx, "record run "+run.ID, func(db *sql.DB) (err error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer rollback(tx, &err)
		r := recording{ctx: ctx, tx: tx, run: run, now: d.now()}
		if err := r.all(); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// A recording is one transaction of Record.
type recording struct {
	ctx   context.Context //nolint:containedctx // lives as long as the call
	tx    *sql.Tx
	run   Run
	now   time.Time
	suite int64
	id    int64 // of the run
}

func (r *recording) all() (err error) {
	if r.suite, err = suiteID(r.ctx, r.tx, r.run.Suite); err != nil {
		return err
	}
	if err := r.insertRun(); err != nil {
		return err
	}
	if err := r.samples(); err != nil {
		return err
	}
	if us := r.run.PerTest.Microseconds(); us > 0 {
		if err := remember(r.ctx, r.tx, r.suite, factPerTest, strconv.FormatInt(us, 10)); err != nil {
			return err
		}
	}
	if r.run.Inventory != nil {
		if err := r.inventory(); err != nil {
			return err
		}
	}
	return r.retain()
}

// suiteID finds a suite, or makes it.
func suiteID(ctx context.Context, tx *sql.Tx, name string) (id int64, err error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO suite (name) VALUES (?) ON CONFLICT DO NOTHING`, name); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT id FROM suite WHERE name = ?`, name).Scan(&id)
	return id, err
}

func (r *recording) insertRun() error {
	last := map[worker.TestID]worker.Outcome{}
	for _, a := range r.run.Attempts {
		if !a.Tentative {
			last[a.Test] = a.Outcome
		}
	}
	failed := 0
	for _, o := range last {
		if o.Fails() {
			failed++
		}
	}
	at := r.run.StartedAt
	if at.IsZero() {
		at = r.now
	}
	res, err := r.tx.ExecContext(r.ctx, `
		INSERT INTO run (suite, run, tree, workers, host, started_at, duration_us, exit, tests, failed, commit_id, branch, flaky, coverage, predicted_us)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.suite, r.run.ID, r.run.Tree, r.run.Workers, r.run.Host, at.UnixMilli(), r.run.Duration.Microseconds(),
		r.run.Exit, len(last), failed, r.run.Commit, r.run.Branch, r.run.Flaky, r.run.Coverage,
		sql.NullInt64{Int64: r.run.Predicted.Microseconds(), Valid: r.run.Predicted > 0})
	if err != nil {
		return err
	}
	r.id, err = res.LastInsertId()
	return err
}

// A known test is one that the database has.
type known struct {
	id      int64
	samples string
	call    sql.NullInt64 // microseconds
}

func (r *recording) known() (map[worker.TestID]known, error) {
	tests := map[worker.TestID]known{}
	err := each(r.ctx, r.tx, `SELECT test, id, samples, call_us FROM test WHERE suite = ?`, []any{r.suite}, func(rows *sql.Rows) error {
		var name string
		var k known
		err := rows.Scan(&name, &k.id, &k.samples, &k.call)
		tests[worker.TestID(name)] = k
		return err
	})
	return tests, err
}

// samples adds the attempts to the samples of their tests.
func (r *recording) samples() error {
	tests, err := r.known()
	if err != nil {
		return err
	}
	if err := r.speeds(tests); err != nil {
		return err
	}
	attempts := map[worker.TestID][]Attempt{}
	var order []worker.TestID
	for _, a := range r.run.Attempts {
		if attempts[a.Test] == nil {
			order = append(order, a.Test)
		}
		attempts[a.Test] = append(attempts[a.Test], a)
	}
	rows := make([][]any, 0, len(order))
	for _, name := range order {
		rows = append(rows, r.row(name, attempts[name], tests[name]))
	}
	return upsert(r.ctx, r.tx, rows)
}

// row returns the row of a test in the table test, its attempts included.
func (r *recording) row(name worker.TestID, attempts []Attempt, k known) []any {
	var more []Sample
	for _, a := range attempts {
		more = append(more, r.sample(a))
		if us := a.Call.Microseconds(); counts(a) {
			if k.call.Valid {
				us = (us + k.call.Int64) / 2
			}
			k.call = sql.NullInt64{Int64: us, Valid: true}
		}
	}
	last := attempts[len(attempts)-1]
	id := any(nil)
	if k.id != 0 {
		id = k.id
	}
	return []any{id, r.suite, string(name), last.File, last.Index, r.now.UnixMilli(), k.call, addSamples(k.samples, more, KeepSamples)}
}

// counts reports whether an attempt's time is a sample of its test's time.
func counts(a Attempt) bool { return a.Outcome == worker.Passed && !a.Tentative }

func (r *recording) sample(a Attempt) Sample {
	return Sample{
		Run: r.id, Worker: max(a.Worker, 0), Attempt: max(a.Attempt, 1), Outcome: a.Outcome,
		Setup: max(a.Setup, 0), Call: max(a.Call, 0), Teardown: max(a.Teardown, 0),
		First: a.First, Tentative: a.Tentative, Host: r.host(a),
	}
}

func (r *recording) host(a Attempt) string {
	if a.Host != "" {
		return a.Host
	}
	return r.run.Host
}

// upsert writes rows of the table test, many in one statement: most of the
// time of a statement is its overhead.
func upsert(ctx context.Context, tx *sql.Tx, rows [][]any) (err error) {
	const many = 100
	full, err := tx.PrepareContext(ctx, upsertQuery(many))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, full.Close()) }()
	for chunk := range slices.Chunk(rows, many) {
		args := slices.Concat(chunk...)
		if len(chunk) == many {
			_, err = full.ExecContext(ctx, args...)
		} else {
			_, err = tx.ExecContext(ctx, upsertQuery(len(chunk)), args...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func upsertQuery(rows int) string {
	return `INSERT INTO test (id, suite, test, file, place, seen_at, call_us, samples) VALUES ` +
		strings.TrimSuffix(strings.Repeat(`(?, ?, ?, ?, ?, ?, ?, ?), `, rows), ", ") + `
		ON CONFLICT (id) DO UPDATE SET file = excluded.file, place = excluded.place, seen_at = excluded.seen_at,
			call_us = excluded.call_us, samples = excluded.samples`
}

// speeds records each host's speed: the time that the tests took before this run,
// divided by the time that they took there now.
func (r *recording) speeds(tests map[worker.TestID]known) error {
	expected, actual := map[string]time.Duration{}, map[string]time.Duration{}
	for _, a := range r.run.Attempts {
		if k := tests[a.Test]; k.call.Valid && counts(a) {
			expected[r.host(a)] += micros(k.call.Int64)
			actual[r.host(a)] += a.Call
		}
	}
	for host, e := range expected {
		if e < 100*time.Millisecond || actual[host] <= 0 {
			continue // too little to tell
		}
		speed := min(max(float64(e)/float64(actual[host]), 0.05), 20)
		_, err := r.tx.ExecContext(r.ctx, `INSERT INTO host (suite, host, speed) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET speed = (speed + excluded.speed) / 2`, r.suite, host, speed)
		if err != nil {
			return err
		}
	}
	return nil
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	n := len(d)
	return (d[(n-1)/2] + d[n/2]) / 2
}

func (r *recording) inventory() error {
	files, err := json.Marshal(r.run.Inventory)
	if err != nil {
		return fmt.Errorf("encode the list of tests: %w", err)
	}
	_, err = r.tx.ExecContext(r.ctx, `INSERT INTO inventory (suite, selection, seen_at, files) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at, files = excluded.files`,
		r.suite, r.run.Selection, r.now.UnixMilli(), string(files))
	return err
}

// retain removes the runs, tests and inventories that are too old to keep.
func (r *recording) retain() error {
	old := r.now.Add(-KeepRuns).UnixMilli()
	for _, s := range []struct {
		query string
		args  []any
	}{
		{`DELETE FROM run WHERE suite = ? AND started_at < ? AND id <> ?`, []any{r.suite, old, r.id}},
		{`DELETE FROM test WHERE suite = ? AND seen_at < ?`, []any{r.suite, old}},
		{`DELETE FROM inventory WHERE suite = ?1 AND selection NOT IN
			(SELECT selection FROM inventory WHERE suite = ?1 ORDER BY seen_at DESC LIMIT ?2)`, []any{r.suite, keepInventories}},
	} {
		if _, err := r.tx.ExecContext(r.ctx, s.query, s.args...); err != nil {
			return err
		}
	}
	return nil
}
