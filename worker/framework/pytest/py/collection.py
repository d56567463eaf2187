"""The whole suite, collected by pytest as always, and published by file."""

import os
import time

from . import cut, identity
from .groups import Groups
from .suspicion import latest
from .values import Values

MAX_LACKS = 200  # of which the coordinator is told
MAX_BROKEN = 20  # files that are named to it, of those that could not be collected

class Collection:
    """What pytest collected: tests by their file and id."""

    mode = "full"
    suspicion = None  # of what a test has seen

    def __init__(self, wire, distribution):
        self._wire = wire
        self._distribution = distribution  # what --dist says
        self._groups = self._values = None
        self._owner = {}  # node id of a collector -> its file, or None
        self._reports = []  # (file or None, serialised report), of what did not pass
        self._passed = []  # the others, serialised, where somebody listens
        self._deselected = 0
        self.lacks = []  # what failures say is not there
        self._broken = {}  # file, or folder, that could not be collected
        self._items = {}
        self._listened = False
        self._start = time.perf_counter()

    def listen(self, config):
        """Looks whether a plugin or a conftest file hears of what was collected:
        then the replay tells it of everything, not of errors and skips alone."""
        listeners = config.hook.pytest_collectreport.get_hookimpls()
        self._listened = any(not (each.function.__module__ or "").startswith(("_pytest.", "_shardyard.")) for each in listeners)

    def collecting(self, collector):
        """A collector starts: should the process end now, this is where."""
        self._owner[collector.nodeid] = identity.file_of_collector(collector)
        self._wire.send({"collecting": collector.nodeid or "the suite"})

    def collected(self, report):
        if not report.passed:
            data = cut.shortened(self._wire.serialise(report), cut.COLLECTED)
            self._reports.append((self._owner.get(report.nodeid), data))
        elif self._listened:
            self._passed.append(self._wire.serialise(report))
        if report.failed:
            self._broken[self._owner.get(report.nodeid) or identity.utf8(report.nodeid)] = True

    def deselected(self, items):
        self._deselected += len(items)

    def publish(self, session):
        """Says what the suite holds. Returns the sentence that ends the run
        when, as in pytest itself, errors mean that no test runs."""
        for data in self._passed:
            self._wire.reported("", "collected", data, now=False)
        self._index(session.items)
        self._group(session.config, session.items)
        reports = self._reports_by_file()
        for file, items in self._runs(session.items):
            self._discovered(file, items, reports.pop(file, []))
        for file, data in reports.items():
            if file is not None:
                self._discovered(file, [], data)
        errors = session.testsfailed
        more = {"lacks": self.lacks[:MAX_LACKS]} if self.lacks else {}
        if self._broken:
            more["broken"] = [file[: identity.LONGEST] for file in self._broken if file][:MAX_BROKEN]
        last = latest(str(session.config.rootpath))
        if last is not None:
            changed = os.path.relpath(last[1], session.config.rootpath)
            more.update(changed=identity.utf8(changed)[: identity.LONGEST], changed_ms=round(1000 * last[0], 3))
        stop = bool(errors) and not session.config.option.continue_on_collection_errors
        self._wire.emit(
            "collected",
            tests=len(session.items),
            deselected=self._deselected,
            errors=len(self._broken) or errors,
            stop=stop,
            reports=reports.get(None, []),
            duration_ms=round(1000 * (time.perf_counter() - self._start), 3),
            **more,
        )
        return "%d error%s during collection" % (errors, "" if errors == 1 else "s") if stop else None

    def holds(self, file):
        """Whether the tests of the file are at hand."""
        return True

    def find(self, file, test_id):
        """The test, or None when the suite has no such test."""
        return self._items.get((file, test_id))

    def _group(self, config, items):
        self._groups = Groups(items, self._distribution)
        self._values = self._values or Values(config)

    def _index(self, items):
        files = {}
        for item in items:
            files.setdefault(identity.file_of(item), []).append(item)
        for file, of_file in files.items():
            for item, test_id in zip(of_file, identity.identify(of_file, self._wire.shown)):
                self._items[file, test_id] = item

    def _runs(self, items):
        """The tests in the suite's order, cut where the file changes. A file
        whose tests are apart comes more than once."""
        ids = {}
        for (file, test_id), item in self._items.items():
            ids.setdefault(file, []).append((test_id, item))
        place = dict.fromkeys(ids, 0)
        file, run = None, []
        for item in items:
            of = identity.file_of(item)
            if of != file:
                if run:
                    yield file, run
                file, run = of, []
            run.append(ids[of][place[of]])
            place[of] += 1
        if run:
            yield file, run

    def _discovered(self, file, items, reports, **more):
        described = [identity.describe(item, test_id, self._groups.of(item), self._values) for test_id, item in items]
        pieces = list(cut.pieces(described, lambda item: len(item["id"])))
        for piece in pieces[:-1]:
            self._wire.emit("discovered", file=file, items=piece, more=True)
        self._wire.emit("discovered", file=file, items=pieces[-1], reports=reports, **more)

    def _reports_by_file(self):
        by_file = {}
        for file, data in self._reports:
            by_file.setdefault(file, []).append(data)
        return by_file
