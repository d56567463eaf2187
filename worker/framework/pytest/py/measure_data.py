"""Coverage data files: one out of many, with paths that hold anywhere."""

import inspect
import os
import re
import sqlite3
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))


def gather(main, parts, whole, root):
    """Makes one data file out of a process's own and its children's. Files below
    root get paths relative to it. A child that was killed may leave a file that
    cannot be read; coverage.py passes over it too. Returns those, and why."""
    from coverage import CoverageData, CoverageException

    total = CoverageData(basename=whole)
    relative = _Relative(root)
    broken = []
    for part in [main] + sorted(set(parts) - {main}):
        if part.endswith(("-journal", "-wal", "-shm")):
            continue
        try:
            check(part)
            merge(total, part, relative)
        except (CoverageException, Broken) as error:
            if part == main:
                raise
            broken.append((part, str(error)))
    total.write()
    _close(total)
    _forget(whole, HERE)
    return broken


def rebase(path, root):
    """Makes the relative paths of a data file absolute, below root. Without
    relative_files in its configuration, coverage.py looks for absolute paths in
    its data: `coverage report` in a checkout then finds nothing under relative
    ones."""
    db = sqlite3.connect(path)
    try:
        with db:
            db.execute(
                "update file set path = ? || path where path not like '/%' and path not like '\\%' "
                "and path not like '_:%' and path not like '<%'",
                [root.rstrip("/") + "/"],
            )
    finally:
        db.close()


class Broken(Exception):
    """A file that holds no sound coverage data."""


# What coverage.py's data files hold, of any version.
TABLES = {"coverage_schema", "meta", "file", "context", "line_bits", "arc", "tracer"}
LONGEST = 60  # seconds that a look at a file may take


def check(path):
    """Raises Broken unless path is a whole coverage data file, and nothing else. A
    truncated one makes coverage.py only warn, an empty one not even that, and
    SQLite takes what is cut off its last page for zeros; in one that tests made, a
    trigger, a view or a computed column would run code of theirs in whoever reads
    it, without end if they like."""
    try:
        size = os.path.getsize(path)
    except OSError as error:
        raise Broken("is missing: %s" % error.strerror)
    if size == 0:
        raise Broken("is empty")
    for beside in ("-journal", "-wal"):  # it would be written into the file when that is opened next
        if os.path.lexists(path + beside):
            raise Broken("is not whole: %s is beside it" % os.path.basename(path + beside))
    try:
        with open(path, "rb") as f:
            head = f.read(18)
        if head[:16] != b"SQLite format 3\0":
            raise Broken("is not coverage data")
        page = int.from_bytes(head[16:], "big")
        if size % (65536 if page == 1 else page or size):
            raise Broken("is damaged: its last page is cut")
        # As it is: no journal beside it is looked for.
        db = sqlite3.connect("file:%s?mode=ro&immutable=1" % urllib.parse.quote(os.path.abspath(path)), uri=True)
        try:
            end = time.monotonic() + LONGEST
            db.set_progress_handler(lambda: time.monotonic() > end, 100000)
            foreign = _foreign(db)
            if foreign:
                raise Broken("is not only coverage data: it has %s" % foreign)
            state = db.execute("pragma quick_check(1)").fetchone()[0]
            if state == "ok" and not db.execute("select count(*) from coverage_schema").fetchone()[0]:
                state = "no schema"
        finally:
            db.close()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        state = str(error)
    if state != "ok":
        raise Broken("is damaged: %s" % state.splitlines()[0])


def _foreign(db):
    """What a database has that no coverage data file has; None for nothing. Only
    the list of its schema is read for that, none of its tables."""
    for kind, name, table, sql in db.execute("select type, name, tbl_name, sql from sqlite_master"):
        if kind == "index" and sql is None and table in TABLES:
            continue  # the one of a unique constraint
        if kind != "table" or name not in TABLES or name != table:
            return "the %s %s" % (kind, ascii(name)[:80])
        # Nothing but names, types and keys: a quote could hide what follows it.
        bare = re.sub(r"--[^\n]*|(.)", lambda found: found.group(1) or " ", sql, flags=re.S)
        if len(sql) > 10000 or re.search(r"[\"'`\[/]|\b(virtual|check|generated|default|collate|select|as\s*\()", bare, re.I):
            return "another table %s" % name
    return None


def merge(total, path, relative):
    """Adds the data of a file to total. relative is what maps paths."""
    from coverage import CoverageData

    part = CoverageData(basename=path)
    part.read()
    if "map_path" in inspect.signature(total.update).parameters:
        total.update(part, map_path=relative.map)
    else:
        total.update(part, aliases=relative)
    _close(part)


def _close(data):
    """Before 7.10, coverage.py closed its data by another name."""
    (getattr(data, "close", None) or data._reset)()


class _Relative:
    """Stands for coverage.py's PathAliases."""

    def __init__(self, root):
        self._root = os.path.join(os.path.realpath(root), "")

    def map(self, path):
        return path[len(self._root) :] if path.startswith(self._root) else path


def _forget(path, folder):
    """Takes the files of a folder, our own, out of the data: coverage.py has no
    way to leave out files of a run that pytest-cov configures."""
    db = sqlite3.connect(path)
    try:
        ours = [row[0] for row in db.execute("select id from file where substr(path, 1, ?) = ?", (len(folder) + 1, folder + os.sep))]
        for table, column in (("line_bits", "file_id"), ("arc", "file_id"), ("tracer", "file_id"), ("file", "id")):
            db.executemany("delete from %s where %s = ?" % (table, column), [(i,) for i in ours])
        db.commit()
    finally:
        db.close()
