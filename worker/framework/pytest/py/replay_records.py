"""Records of reports.jsonl, and pytest's objects made again from their data."""

import json
import os
import sys
import warnings

from . import attributes
from .desk import shown


class Records:
    """The records of a file, in the order of another one: first those of no
    test, then the tests one by one. With a worker, only its own."""

    def __init__(self, path, order, paths, worker=None):
        self._paths = paths
        self._worker = worker
        self._order = open(order, encoding="ascii")
        self._file = open(path, "rb")

    def close(self):
        """An open file would be a warning in the project's own session."""
        self._file.close()
        self._order.close()

    def read(self, extents):
        """The records of some stretches of the file."""
        text = b""
        for offset, length in extents:
            self._file.seek(offset)
            text += self._file.read(length)
        lines = text.rstrip(b"\n")  # a line end is nowhere else in what is written here
        try:
            records = json.loads(b"[" + lines.replace(b"\n", b",") + b"]")
        except ValueError:
            records = [_read_alone(line) for line in lines.split(b"\n")]
        return [self._paths.moved(record) for record in records]

    def head(self):
        records = self.read(json.loads(self._order.readline()))
        return [record for record in records if self._worker in (None, record["worker"])]

    def tests(self):
        """The list of records of each test."""
        for line in self._order:
            yield self.read(json.loads(line))


def _read_alone(line):
    """A record; of one with data that is no JSON, which a worker sent, that its
    test failed: what it has to say is not known."""
    try:
        return json.loads(line)
    except ValueError:
        head = json.loads(line.partition(b',"data":')[0] + b"}")
        return dict(head, kind="died" if head["test"] else "unreadable", data={"message": "a report of it cannot be read"})


def in_order(records):
    """The records of one test as pytest is to see them: what the test gave to
    its JUnit element comes before its reports, and an amended report takes the
    place of the one that it amends. A test that began and did not finish died,
    whether or not somebody said so: it must not pass for one that ran."""
    first, rest = [], []
    start, finished, died = None, False, None
    for record in records:
        kind = record["kind"]
        if kind == "xml":
            first.append(record)
            continue
        if kind == "amend":
            for at in reversed(range(len(rest))):
                if rest[at]["kind"] == "report" and rest[at]["data"].get("when") == record["data"].get("when"):
                    rest[at] = dict(rest[at], data=record["data"])
                    break
            continue
        rest.append(record)
        if kind == "logstart":
            start, finished = record, False
        elif kind == "logfinish":
            finished = True
        elif kind == "died":
            died = record
    if start is not None and not finished and died is None:
        died = dict(start, kind="died", data={"message": "the test did not finish: its process ended"})
        rest.append(died)
    if start is not None and died is not None:
        died["data"] = dict(start["data"], **died["data"])
    return first + rest


class Once:
    """Tells apart what every worker says for itself. Two of the same of one
    worker are two; the same of two workers is one."""

    def __init__(self):
        self._said = {}
        self._shown = {}

    def first(self, worker, kind, data):
        key = kind + json.dumps(data, sort_keys=True)
        said = self._said[worker, key] = self._said.get((worker, key), 0) + 1
        if said <= self._shown.get(key, 0):
            return False
        self._shown[key] = said
        return True


class Paths:
    """Where workers' source trees are in this process: places of the process engine
    are apart."""

    def __init__(self, root):
        self._root = root
        self._roots = {}
        self._moves = {}

    def root_of(self, worker):
        """The root of a worker's tree, there."""
        return self._roots.get(worker, self._root)

    def moved(self, record):
        """The record with this process's paths. A worker's root comes first."""
        worker = record["worker"]
        if record["kind"] == "root":
            root = record["data"]["rootdir"]
            if root != self._root:
                self._roots[worker], self._moves[worker] = root, shown({"here": root, "there": self._root})
        elif worker in self._moves:
            record["data"] = _each(self._moves[worker], record["data"])
        return record


def _each(change, value):
    """The value with each string in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_each(change, element) for element in value]
    if isinstance(value, dict):
        return {change(key): _each(change, element) for key, element in value.items()}
    return value


def report_of(config, data):
    """A report out of what pytest_report_to_serializable made, after JSON has
    turned its tuples into lists."""
    for name in ("sections", "user_properties"):
        if data.get(name):
            data[name] = [tuple(pair) for pair in data[name]]
    if data.get("location") is not None:
        data["location"] = tuple(data["location"])
    if isinstance(data.get("longrepr"), list):
        data["longrepr"] = tuple(data["longrepr"])
    packed = data.pop(attributes.KEY, None)
    report = config.hook.pytest_report_from_serializable(config=config, data=data)
    if report is None:
        raise ValueError("no plugin of pytest knows the report %r" % data.get("$report_type"))
    return attributes.unpack(report, packed)


def warning_of(data):
    """A warnings.WarningMessage. A class that only test code defines is
    replaced by one of the same name."""
    category = _class(data.get("category"))
    kind = _class(data["class"]) if data.get("class") else category
    try:
        message = kind(*(data.get("args") or [data["message"]]))
        same = str(message) == data["message"]
    except Exception:
        same = False
    if not same:
        message = type(kind.__name__, (Warning,), {"__str__": lambda self: data["message"]})()
    return warnings.WarningMessage(message, category, data["filename"], data["lineno"], line=data.get("line"))


def _class(name):
    module, qualname = name or ["builtins", "UserWarning"]
    found = getattr(sys.modules.get(module), qualname, None)
    if isinstance(found, type) and issubclass(found, Warning):
        return found
    return type(qualname.rpartition(".")[2], (Warning,), {"__module__": module})
