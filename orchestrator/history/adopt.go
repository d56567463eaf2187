package history

import (
	"context"
	"database/sql"
)

// Adopt moves the suites that are recorded under earlier ids of a project to its
// id. If a suite is recorded under both, as after runs of two clones, Adopt takes
// the tests, runs and facts of the old one that the new one does not have.
func (d *DB) Adopt(ctx context.Context, project string, before ...string) error {
	for _, old := range before {
		if old == project {
			continue
		}
		err := d.do(ctx, "adopt "+old, func(db *sql.DB) error { return adopt(ctx, db, Key(project, ""), Key(old, "")) })
		if err != nil {
			return err
		}
	}
	return nil
}

// adopt renames the suites whose names begin with a prefix.
func adopt(ctx context.Context, db *sql.DB, to, from string) (err error) {
	var known bool
	if err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM suite WHERE substr(name, 1, length(?1)) = ?1)`, from).Scan(&known); err != nil || !known {
		return err // mostly there is nothing, and nothing is written
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer rollback(tx, &err)
	// Those that are known under both names, then the others.
	const olds = `(SELECT old.id FROM suite AS old JOIN suite AS new ON new.name = ?2 || substr(old.name, length(?1) + 1) WHERE substr(old.name, 1, length(?1)) = ?1)`
	for _, table := range []string{"run", "test", "host", "inventory", "fact"} {
		for _, statement := range []string{
			`UPDATE OR IGNORE ` + table + ` SET suite = (SELECT new.id FROM suite AS old JOIN suite AS new ON new.name = ?2 || substr(old.name, length(?1) + 1)
				WHERE old.id = ` + table + `.suite) WHERE suite IN ` + olds,
			`DELETE FROM ` + table + ` WHERE suite IN ` + olds,
		} {
			if _, err := tx.ExecContext(ctx, statement, from, to); err != nil {
				return err
			}
		}
	}
	for _, statement := range []string{
		`DELETE FROM suite WHERE id IN ` + olds,
		`UPDATE suite SET name = ?2 || substr(name, length(?1) + 1) WHERE substr(name, 1, length(?1)) = ?1`,
	} {
		if _, err := tx.ExecContext(ctx, statement, from, to); err != nil {
			return err
		}
	}
	return tx.Commit()
}
