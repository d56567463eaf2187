package history

import (
	"context"
	"database/sql"
)

// Forget removes everything that is recorded of a suite. A suite that was never
// recorded is no error.
func (d *DB) Forget(ctx context.Context, suite string) error {
	return d.do(ctx, "forget "+suite, func(db *sql.DB) (err error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer rollback(tx, &err)
		for _, statement := range []string{
			`DELETE FROM fact WHERE suite = (SELECT id FROM suite WHERE name = ?)`,
			`DELETE FROM inventory WHERE suite = (SELECT id FROM suite WHERE name = ?)`,
			`DELETE FROM host WHERE suite = (SELECT id FROM suite WHERE name = ?)`,
			`DELETE FROM test WHERE suite = (SELECT id FROM suite WHERE name = ?)`,
			`DELETE FROM run WHERE suite = (SELECT id FROM suite WHERE name = ?)`,
			`DELETE FROM suite WHERE name = ?`,
		} {
			if _, err := tx.ExecContext(ctx, statement, suite); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
}
