// Package coverage makes the data file of a run's combined coverage usable in
// the checkout. Which lines count is the business of the framework's own tool.
package coverage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the format of coverage.py's data files
)

// Rebase makes the relative paths in a data file of coverage.py absolute, below
// root. Without relative_files in its configuration, coverage.py looks for
// absolute paths in its data: `coverage report` and `coverage html` in a
// checkout, at root, then find nothing under relative ones. The file must
// exist; other paths are left alone.
func Rebase(ctx context.Context, file, root string) (err error) {
	if root, err = filepath.Abs(root); err != nil {
		return fmt.Errorf("rebase coverage: %w", err)
	}
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("rebase coverage: %w", err)
	}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath(), RawQuery: "mode=rw"}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return fmt.Errorf("rebase coverage %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	prefix := root
	if prefix[len(prefix)-1] != filepath.Separator {
		prefix += string(filepath.Separator)
	}
	_, err = db.ExecContext(ctx,
		`update file set path = ? || path where path not like '/%' and path not like '\%' and path not like '_:%' and path not like '<%'`, prefix)
	if err != nil {
		return fmt.Errorf("rebase coverage %s: %w", file, err)
	}
	return nil
}
