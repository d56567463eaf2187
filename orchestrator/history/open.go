package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/hashicorp/go-hclog"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNewer means that the database belongs to a later version of shardyard.
var ErrNewer = errors.New("it was written by a newer shardyard")

// DB is an open history. It may be used concurrently, also by several
// processes.
type DB struct {
	path   string
	logger hclog.Logger
	now    func() time.Time

	mu  sync.Mutex // guards db, which is replaced when it breaks
	db  *sql.DB
	set []string
}

// Open opens the history at path. It makes the file and its directory if they do
// not exist. It renames a broken file, with a warning to the logger, and begins a
// new one (see SetAside). A disk that cannot be written, and a history of a newer
// version (ErrNewer), are errors.
func Open(ctx context.Context, path string, logger hclog.Logger) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open history: %w: choose a place that can be written", err)
	}
	d := &DB{path: path, logger: logger.Named("history"), now: time.Now}
	d.db, err = connect(ctx, path)
	if broken(err) {
		if err = d.setAside(ctx, err); err != nil {
			return nil, err
		}
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open history %s: %w", path, explain(err))
	}
	return d, nil
}

// Close closes the database.
func (d *DB) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.db == nil {
		return nil
	}
	return d.db.Close()
}

// SetAside returns the new paths of the broken files that were renamed, in order.
func (d *DB) SetAside() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.set...)
}

// patience is how long to wait for others who hold the database.
const patience = 15 * time.Second

// connect opens the file and brings it to the newest version. SQLite waits for
// others, but not where it turns a new file's journal into a write-ahead log,
// which runs that open their first history at the same time do all at once:
// https://www.sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode
func connect(ctx context.Context, path string) (*sql.DB, error) {
	for began := time.Now(); ; {
		db, err := dial(ctx, path)
		if !busy(err) || time.Since(began) > patience {
			return db, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func dial(ctx context.Context, path string) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	if !strings.HasPrefix(u.Path, "/") { // C:/...
		u.Path = "/" + u.Path
	}
	u.RawQuery = url.Values{
		"_txlock": {"immediate"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "journal_mode(wal)", "synchronous(normal)", "foreign_keys(on)", "cache_size(-65536)"},
	}.Encode()
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // a run asks one thing at a time
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// do runs f on the database. When it turns out to be broken it is set aside
// and f runs again on a new one.
func (d *DB) do(ctx context.Context, what string, f func(*sql.DB) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.db == nil {
		return fmt.Errorf("%s in history %s: it broke earlier and could not be set aside", what, d.path)
	}
	err := f(d.db)
	if broken(err) {
		if err := d.setAside(ctx, err); err != nil {
			return err
		}
		err = f(d.db)
	}
	if err != nil {
		return fmt.Errorf("%s in history %s: %w", what, d.path, explain(err))
	}
	return nil
}

// setAside renames a broken database and opens a new one. Another process may
// do the same: the lock lets one of them, and the others find a sound one.
func (d *DB) setAside(ctx context.Context, cause error) (err error) {
	lock := flock.New(d.path + ".lock")
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return fmt.Errorf("set aside broken history %s: %w", d.path, err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if d.db != nil {
		if err := d.db.Close(); err != nil {
			d.logger.Debug("close broken history", "error", err)
		}
	}
	if d.db, err = check(ctx, d.path); err == nil {
		return nil
	}
	aside, err := rename(d.path, d.now())
	if err != nil {
		return fmt.Errorf("history %s is broken (%w), and cannot be set aside: remove it", d.path, errors.Join(cause, err))
	}
	d.set = append(d.set, aside)
	d.logger.Warn("history was broken: set aside, starting a new one", "path", d.path, "kept_as", aside, "cause", cause.Error())
	if d.db, err = connect(ctx, d.path); err != nil {
		return fmt.Errorf("open history %s: %w", d.path, explain(err))
	}
	return nil
}

// check opens a database that must be sound throughout.
func check(ctx context.Context, path string) (*sql.DB, error) {
	db, err := connect(ctx, path)
	if err != nil {
		return nil, err
	}
	var word string
	err = db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&word)
	if err == nil && word != "ok" {
		err = errors.New(word)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// rename moves the database with its companions.
func rename(path string, now time.Time) (string, error) {
	aside := path + ".broken-" + now.UTC().Format("20060102T150405.000")
	for _, tail := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+tail, aside+tail); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return aside, os.Rename(path, aside)
}

// broken reports whether the file itself is at fault.
func broken(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// busy reports whether another process holds the database.
func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// explain adds to an error of SQLite's what to do about it.
func explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%w: choose a place that can be written", err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: free space on the disk", err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: another run has held it for %s", err, patience)
	}
	return err
}
