package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// Window is how many samples of each test Samples gives: with a smoothing of
// one half, older ones weigh less than a hundredth.
const Window = 8

// Samples returns the recorded durations of a suite. For a suite that never ran
// they are empty, which is no error; the maps are never nil.
func (d *DB) Samples(ctx context.Context, suite string) (s Samples, err error) {
	err = d.do(ctx, "read samples", func(db *sql.DB) error {
		s, err = d.samples(ctx, db, suite)
		return err
	})
	return s, err
}

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls scan for every row.
func each(ctx context.Context, q querier, query string, args []any, scan func(*sql.Rows) error) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (d *DB) samples(ctx context.Context, db *sql.DB, suite string) (Samples, error) {
	s := Samples{Tests: map[worker.TestID][]Sample{}, Hosts: map[string]float64{}}
	setups := Setups{}
	var bad []int64
	err := each(ctx, db, `SELECT id, test, file, samples FROM test WHERE suite = (SELECT id FROM suite WHERE name = ?)`,
		[]any{suite}, func(rows *sql.Rows) error {
			var row int64
			var id, file, text string
			if err := rows.Scan(&row, &id, &file, &text); err != nil {
				return err
			}
			list, err := decodeSamples(lastSamples(text, Window))
			if err != nil {
				d.logger.Warn("the samples of a test cannot be read: forgotten", "test", id, "error", err)
				bad = append(bad, row)
				return nil
			}
			s.Tests[worker.TestID(id)] = list
			setups.Add(file, list...)
			return nil
		})
	for _, row := range bad {
		_, e := db.ExecContext(ctx, `DELETE FROM test WHERE id = ?`, row)
		err = errors.Join(err, e)
	}
	if err != nil {
		return Samples{}, err
	}
	s.Files = setups.Fixtures()
	err = each(ctx, db, `SELECT host, speed FROM host WHERE suite = (SELECT id FROM suite WHERE name = ?)`,
		[]any{suite}, func(rows *sql.Rows) error {
			var host string
			var speed float64
			if err := rows.Scan(&host, &speed); err != nil {
				return err
			}
			s.Hosts[host] = speed
			return nil
		})
	if err != nil {
		return Samples{}, err
	}
	err = each(ctx, db, `SELECT CAST(value AS INTEGER) FROM fact WHERE suite = (SELECT id FROM suite WHERE name = ?) AND key = ?`,
		[]any{suite, factPerTest}, func(rows *sql.Rows) error {
			var us int64
			err := rows.Scan(&us)
			s.PerTest = micros(us)
			return err
		})
	return s, err
}

// Setups gather the setups of tests, by file.
type Setups map[string]*setup

type setup struct{ first, other, teardown []time.Duration }

// Add adds attempts at tests of a file.
func (s Setups) Add(file string, samples ...Sample) {
	f := s[file]
	if f == nil {
		f = new(setup)
		s[file] = f
	}
	for _, s := range samples {
		switch {
		case s.Tentative, s.Outcome == worker.Skipped: // no fixture was made
			continue
		case s.First:
			f.first = append(f.first, s.Setup)
		default:
			f.other = append(f.other, s.Setup)
		}
		f.teardown = append(f.teardown, s.Teardown)
	}
}

// Fixtures compares the setups of each file.
func (s Setups) Fixtures() map[string]Fixture {
	all := make(map[string]Fixture, len(s))
	for file, f := range s {
		all[file] = Fixture{
			First: median(f.first), FirstN: len(f.first), Other: median(f.other), OtherN: len(f.other),
			Teardown: median(f.teardown),
		}
	}
	return all
}

// Inventory returns the list of tests that the last run with this selection
// discovered: a hint, not the truth. It returns nil if there was no such run.
func (d *DB) Inventory(ctx context.Context, suite, selection string) (files []File, err error) {
	err = d.do(ctx, "read the list of tests", func(db *sql.DB) error {
		var text string
		err := db.QueryRowContext(ctx, `SELECT files FROM inventory
			WHERE suite = (SELECT id FROM suite WHERE name = ?) AND selection = ?`, suite, selection).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), &files)
	})
	return files, err
}

// Remember keeps a small fact of a suite ("serial_ms" = "1200").
func (d *DB) Remember(ctx context.Context, suite, key, value string) error {
	return d.do(ctx, "remember "+key, func(db *sql.DB) (err error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer rollback(tx, &err)
		id, err := suiteID(ctx, tx, suite)
		if err != nil {
			return err
		}
		if err := remember(ctx, tx, id, key, value); err != nil {
			return err
		}
		return tx.Commit()
	})
}

func remember(ctx context.Context, tx *sql.Tx, suite int64, key, value string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO fact (suite, key, value) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET value = excluded.value`, suite, key, value)
	return err
}

// Recall returns the value that Remember was last given for a key; false if none.
func (d *DB) Recall(ctx context.Context, suite, key string) (value string, ok bool, err error) {
	err = d.do(ctx, "recall "+key, func(db *sql.DB) error {
		err := db.QueryRowContext(ctx, `SELECT value FROM fact
			WHERE suite = (SELECT id FROM suite WHERE name = ?) AND key = ?`, suite, key).Scan(&value)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		ok = err == nil
		return err
	})
	return value, ok, err
}
