package pytest

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/internal/needs"
)

// TestForeignDataIsRefused: a database that tests made may run code of theirs in
// whoever reads it. Each of these is coverage data but for one thing.
func TestForeignDataIsRefused(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		needs.Lacks(t, "python3", err)
	}
	py, err := unpack(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select"
	for _, c := range []struct{ name, sql, want string }{
		{"coverage data", "", "sound"},
		{"of an older version", "drop table arc; create table arc (file_id integer, context_id integer, fromno integer, tono integer, unique(file_id, context_id, fromno, tono))", "sound"},
		{"a trigger", "create trigger t after insert on file begin select (" + endless + " count(*) from c); end", "it has the trigger 't'"},
		{"a view", "drop table file; create view file as " + endless + " x as id, 'a' as path from c", "it has the view 'file'"},
		{"a table beside", "create table notes (a)", "it has the table 'notes'"},
		{"an index", "create index i on file (path)", "it has the index 'i'"},
		{"a computed column", "drop table file; create table file (id integer primary key, path text as (printf('%.*c', 500000000, 'x')))", "another table file"},
		{"a check", "drop table file; create table file (id integer, path text check (length(printf('%.*c', 500000000, 'x'))))", "another table file"},
		{"a check behind a comment", "drop table file; create table file (id integer, -- x\n path text CHECK(1))", "another table file"},
		{"a check behind a quote", "drop table file; create table file (id integer, \"path--\" text check (1))", "another table file"},
		{"a virtual table", "create virtual table meta2 using fts5(a)", "it has the table 'meta2'"},
		{"an odd name", "create table \"\x1b[2J\" (a)", `it has the table '\x1b[2J'`},
		{"a damaged schema", "pragma writable_schema = on; update sqlite_master set sql = 'create table file (id, path) nonsense' where name = 'file'", "is damaged"},
		{"a journal beside it", "pragma user_version = 77", "is not whole"},
		{"without its version", "delete from coverage_schema", "no schema"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), python, "-c", foreign, py, t.TempDir(), c.sql)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), c.want) {
				t.Errorf("%v, %q, not %q", err, out, c.want)
			}
		})
	}
}

// foreign makes a data file as coverage.py does, runs a script on it, and checks it.
const foreign = `
import os, sqlite3, sys
sys.path.insert(0, sys.argv[1])
import measure_data
path = os.path.join(sys.argv[2], "a %41#?.coverage")
db = sqlite3.connect(path)
db.executescript("""
CREATE TABLE coverage_schema (
    -- One row, to record the version of the schema in this db.
    version integer
    -- Schema versions: 7, default since 5.0 (select among checks)
);
CREATE TABLE meta (key text, value text, unique (key));
CREATE TABLE file (id integer primary key, path text, unique (path));
CREATE TABLE context (id integer primary key, context text, unique (context));
CREATE TABLE line_bits (file_id integer, context_id integer, numbits blob,
    foreign key (file_id) references file (id), foreign key (context_id) references context (id), unique (file_id, context_id));
CREATE TABLE arc (file_id integer, context_id integer, fromno integer, tono integer,
    foreign key (file_id) references file (id), unique (file_id, context_id, fromno, tono));
CREATE TABLE tracer (file_id integer primary key, tracer text, foreign key (file_id) references file (id));
insert into coverage_schema values (7); insert into file (path) values ('a.py');
""")
db.executescript(sys.argv[3])
db.commit()
db.close()
if "77" in sys.argv[3]:
    open(path + "-journal", "w").close()
try:
    measure_data.check(path)
    print("sound")
except measure_data.Broken as error:
    print(error)
`
