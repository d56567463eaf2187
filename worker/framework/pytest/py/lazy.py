"""Collection on demand: pytest's own, stopped at the files.

A skeleton is collected once, from the real arguments, so that folders,
packages and conftest files are what they are in a full collection. A file is
collected when one of its tests is handed out. What the file then holds is
published, and held against a full collection elsewhere: that lazy collection
equals the full one cannot be known here.
"""

import contextlib
import os
import time

from . import identity, importpath
from .collection import Collection
from .suspicion import Suspicion

TRIED = (7, 8, 9)  # major versions


def objection(session):
    """Why the suite must be collected in full; None: lazily will do."""
    import pytest
    from _pytest.main import Session

    if int(pytest.__version__.split(".")[0]) not in TRIED:
        return "pytest %s has not been tried" % pytest.__version__
    for name in ("perform_collect", "genitems"):
        if name in session.__dict__ or getattr(type(session), name) is not getattr(Session, name):
            return "a plugin replaced Session.%s" % name
    for name in ("pytest_collection", "pytest_runtestloop"):
        for implementation in getattr(session.config.hook, name).get_hookimpls():
            module = implementation.function.__module__ or ""
            wraps = implementation.hookwrapper or getattr(implementation, "wrapper", False)
            if not wraps and not module.startswith(("_pytest.", "_shardyard.")):
                return "%s implements %s" % (module, name)
    return None


class LazyCollection(Collection):
    """Tests of the files that were opened so far."""

    mode = "lazy"

    def __init__(self, wire, session, distribution):
        Collection.__init__(self, wire, distribution)
        self._session = session
        self._perform_collect = session.perform_collect
        self._cache = None
        self._files = {}  # file -> its collectors and items, not opened yet
        self._path = importpath.ImportPath(session.config)
        session.perform_collect = self._skeleton

    def publish(self, session):
        return None

    def holds(self, file):
        return file not in self._files

    def node(self, file):
        """A collector of a file that was not opened, or a test in its place."""
        return self._files[file][0]

    def find(self, file, test_id):
        if file in self._files:
            self._open(file)
        return self._items.get((file, test_id))

    # The skeleton

    def _skeleton(self, args=None, genitems=True):
        session = self._session
        session.genitems = self._skim
        try:
            with _muted(session.config.hook, "pytest_collection_modifyitems", "pytest_collection_finish"):
                self._perform_collect(args)
        finally:
            del session.genitems, session.perform_collect
        if session.testsfailed:
            self._start_over("folders could not be collected")
        collision = self._path.collision()
        if collision:
            self._start_over(collision)
        # perform_collect has put an empty one in its place.
        if self._cache is not None:
            session._collection_cache = self._cache
        session.items = []
        session.testscollected = 0
        self.suspicion = Suspicion(session)
        return session.items

    def _skim(self, node):
        """Takes the place of Session.genitems: it stops at files."""
        from _pytest import nodes

        session = self._session
        self._cache = getattr(session, "_collection_cache", None)
        if isinstance(node, nodes.Item):
            self._files.setdefault(identity.file_of(node), []).append(node)
            return
        file = identity.file_of_collector(node)
        if file is not None:
            self._path.visit(node, file)
            self._files.setdefault(file, []).append(node)
            return
        report, duplicate = self._collect(node)
        if duplicate and not session.config.getoption("keepduplicates"):
            return
        if report.passed:
            for child in report.result:
                yield from self._skim(child)
        if not duplicate:
            node.ihook.pytest_collectreport(report=report)

    def _collect(self, node):
        from _pytest import runner

        if hasattr(self._session, "_collect_one_node"):  # 8 and later
            return self._session._collect_one_node(node, True)
        return runner.collect_one_node(node), False

    def _start_over(self, reason):
        """Has the agent start a new process, which collects everything."""
        self._wire.send({"restart": reason})
        os._exit(0)

    # Files

    def _open(self, file):
        """Collects one file, as a part of the suite."""
        session, hook = self._session, self._session.config.hook
        start = time.perf_counter()
        items = []
        before, session.items = session.items, items
        with catch_warnings(session.config, hook, "collect"), self._path.of(file):
            with self.suspicion.opening(file):
                for node in self._files.pop(file):
                    items.extend(session.genitems(node))
            with self.suspicion.listing(hook.pytest_collection_modifyitems, hook.pytest_collection_finish):
                hook.pytest_collection_modifyitems(session=session, config=session.config, items=items)
                hook.pytest_collection_finish(session=session)
        items = session.items
        self._index(items)
        self._group(session.config, items)  # of this file only: the full collection decides
        session.items = before + list(items)
        session.testscollected = len(session.items)
        reports = self._reports_by_file().get(file, [])
        runs = list(self._runs(items))
        took = {"duration_ms": round(1000 * (time.perf_counter() - start), 3)}
        for of, run in runs or [(file, [])]:
            self._discovered(of, run, reports if of == file else [], **took)
            took = {}


class _Muted:
    """A hook that does nothing when it is called."""

    def __init__(self, hook):
        self._hook = hook

    def __call__(self, **arguments):
        return []

    def __getattr__(self, name):
        return getattr(self._hook, name)


@contextlib.contextmanager
def _muted(relay, *names):
    """Keeps hooks from being called: they are for lists of tests, and the
    skeleton has none."""
    saved = dict(relay.__dict__)
    try:
        for name in names:
            relay.__dict__[name] = _Muted(getattr(relay, name))
        yield
    finally:
        for name in names:
            del relay.__dict__[name]
            if name in saved:
                relay.__dict__[name] = saved[name]


def catch_warnings(config, hook, when, item=None):
    """pytest's own filters and recorder, unless the project switched them off."""
    from _pytest import warnings

    if not config.pluginmanager.hasplugin("warnings"):
        return contextlib.nullcontext()
    return warnings.catch_warnings_for_item(config=config, ihook=hook, when=when, item=item)
