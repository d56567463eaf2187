package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// migrations lead from one version of the schema to the next; the number of
// those done is PRAGMA user_version. One that was released never changes.
//
// A test's samples are one JSON array, newest last, so that a suite is loaded
// and recorded with one row for each test; the view attempt shows them one by
// one. Times are in microseconds.
var migrations = []string{
	`
CREATE TABLE suite (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
);
CREATE TABLE run (
	id          INTEGER PRIMARY KEY,
	suite       INTEGER NOT NULL REFERENCES suite,
	run         TEXT NOT NULL,
	tree        TEXT NOT NULL,
	workers     INTEGER NOT NULL,
	host        TEXT NOT NULL,
	started_at  INTEGER NOT NULL, -- Unix time in milliseconds
	duration_us INTEGER NOT NULL,
	exit        INTEGER NOT NULL,
	tests       INTEGER NOT NULL,
	failed      INTEGER NOT NULL,
	UNIQUE (suite, run)
);
CREATE INDEX run_started ON run (suite, started_at);
CREATE TABLE test (
	id      INTEGER PRIMARY KEY,
	suite   INTEGER NOT NULL REFERENCES suite,
	test    TEXT NOT NULL,
	file    TEXT NOT NULL,
	place   INTEGER NOT NULL, -- in the suite's order, when it ran last
	seen_at INTEGER NOT NULL, -- Unix time in milliseconds
	call_us INTEGER,          -- of passed attempts, smoothed
	samples TEXT NOT NULL,    -- [[run, worker, attempt, outcome, setup, call, teardown, first, tentative, host], ...]
	UNIQUE (suite, test)
);
CREATE VIEW attempt AS
	SELECT suite.name AS suite, test.test, test.file, run.run, run.started_at,
		s.value ->> 1 AS worker, s.value ->> 2 AS attempt, s.value ->> 3 AS outcome,
		s.value ->> 4 AS setup_us, s.value ->> 5 AS call_us, s.value ->> 6 AS teardown_us,
		s.value ->> 7 AS first, s.value ->> 8 AS tentative, s.value ->> 9 AS host
	FROM test JOIN suite ON suite.id = test.suite, json_each(test.samples) AS s
	LEFT JOIN run ON run.id = s.value ->> 0;
CREATE TABLE host (
	suite INTEGER NOT NULL REFERENCES suite,
	host  TEXT NOT NULL,
	speed REAL NOT NULL, -- estimated / actual, smoothed
	PRIMARY KEY (suite, host)
) WITHOUT ROWID;
CREATE TABLE inventory (
	suite     INTEGER NOT NULL REFERENCES suite,
	selection TEXT NOT NULL,
	seen_at   INTEGER NOT NULL,
	files     TEXT NOT NULL, -- JSON
	PRIMARY KEY (suite, selection)
) WITHOUT ROWID;
CREATE TABLE fact (
	suite INTEGER NOT NULL REFERENCES suite,
	key   TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (suite, key)
) WITHOUT ROWID;
`,
	`
ALTER TABLE run ADD COLUMN commit_id TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN branch TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN flaky INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN coverage REAL;        -- per cent; NULL when it was not measured, or is not complete
ALTER TABLE run ADD COLUMN predicted_us INTEGER; -- NULL when nothing was predicted
`,
}

// migrate brings the schema to the newest version. Several processes may do
// so at once. It writes even when there is nothing to do, so that a place
// that cannot be written is noticed now and not after the run.
func migrate(ctx context.Context, db *sql.DB) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer rollback(tx, &err)
	var version int
	if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("%w (schema %d, this one knows %d): update shardyard, or name another file", ErrNewer, version, len(migrations))
	}
	for ; version < len(migrations); version++ {
		if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
			return fmt.Errorf("migrate to schema %d: %w", version+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, version)); err != nil {
		return err
	}
	return tx.Commit()
}

// rollback ends a transaction that was not committed.
func rollback(tx *sql.Tx, err *error) {
	if e := tx.Rollback(); e != nil && !errors.Is(e, sql.ErrTxDone) {
		*err = errors.Join(*err, e)
	}
}
