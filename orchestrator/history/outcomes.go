package history

import (
	"context"
	"database/sql"

	"github.com/shardyard/shardyard/worker"
)

// A Mark is how a test ended in one run: the outcome of the last attempt that is no
// mere evidence. Took is the time of that.
type Mark struct {
	Run     string // its id; "" when it is no longer kept
	Outcome worker.Outcome
	Took    int64 // microseconds
	// Again is true if an earlier attempt of that run had failed, so that a pass is a
	// flaky one.
	Again bool
}

// Outcomes returns how tests of a suite ended in earlier runs, oldest first, at most
// KeepSamples attempts of each; of all tests if ids is nil. The run with the id but is
// left out.
func (d *DB) Outcomes(ctx context.Context, suite string, ids []worker.TestID, but string) (marks map[worker.TestID][]Mark, err error) {
	wanted := make(map[worker.TestID]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	err = d.do(ctx, "read outcomes", func(db *sql.DB) error {
		marks = map[worker.TestID][]Mark{}
		names := map[int64]string{}
		own := int64(-1)
		err := each(ctx, db, `SELECT id, run FROM run WHERE suite = (SELECT id FROM suite WHERE name = ?)`, []any{suite}, func(rows *sql.Rows) error {
			var n int64
			var id string
			err := rows.Scan(&n, &id)
			names[n] = id
			if id == but {
				own = n
			}
			return err
		})
		if err != nil {
			return err
		}
		return each(ctx, db, `SELECT test, samples FROM test WHERE suite = (SELECT id FROM suite WHERE name = ?)`, []any{suite}, func(rows *sql.Rows) error {
			var id, text string
			if err := rows.Scan(&id, &text); err != nil || ids != nil && !wanted[worker.TestID(id)] {
				return err
			}
			list, err := decodeSamples(text)
			marks[worker.TestID(id)] = marksOf(list, names, own)
			return err
		})
	})
	return marks, err
}

// marksOf makes one mark of each run, but for one.
func marksOf(list []Sample, names map[int64]string, but int64) (marks []Mark) {
	last, again := int64(-1), false
	for _, s := range list {
		if s.Run == but {
			continue
		}
		if s.Run != last {
			last, again = s.Run, false
			marks = append(marks, Mark{Run: names[s.Run]})
		}
		if s.Tentative {
			continue
		}
		m := &marks[len(marks)-1]
		m.Outcome, m.Took, m.Again = s.Outcome, s.Total().Microseconds(), again
		again = again || s.Outcome.Fails()
	}
	kept := marks[:0]
	for _, m := range marks {
		if m.Outcome != "" {
			kept = append(kept, m)
		}
	}
	return kept
}
