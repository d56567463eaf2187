package coverage

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRebase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file? 100%#.coverage")
	if err := Rebase(t.Context(), file, "/checkout"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("of no file: %v", err)
	}
	source := filepath.Join(t.TempDir(), "data")
	db, err := sql.Open("sqlite", source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// The table of coverage.py's schema 7.
	for _, q := range []string{
		`create table file (id integer primary key, path text, unique (path))`,
		`insert into file (path) values ('pkg/a.py'), ('/usr/lib/b.py'), ('tests/ä b.py'), ('C:\c.py'), ('<string>')`,
		"vacuum into '" + file + "'",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	root := t.TempDir()
	for range 2 { // the second time changes nothing
		if err := Rebase(t.Context(), file, root); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(t.TempDir(), "copy")
	rename(t, file, copied)
	got := paths(t, copied)
	want := []string{"/usr/lib/b.py", "<string>", `C:\c.py`, filepath.Join(root, "pkg/a.py"), filepath.Join(root, "tests/ä b.py")}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("paths %q, want %q", got, want)
	}
}

func paths(t *testing.T, file string) (all []string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "select path from file")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var path string
		if err := rows.Scan(&path); err != nil {
			t.Fatal(err)
		}
		all = append(all, path)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
