"""What makes the outcome of a test suspect on a worker that has not collected
everything, whatever it is."""

import contextlib
import os
import re
import sys
import time

from .variables import Variables

LIST = ("items", "testscollected")  # what a session says of its tests
_WORDS = re.compile(r"\w+")


class Suspicion:
    """Looks at what the files of a session are collected under, and at who reads
    the list of tests, or keeps something of it."""

    # An argument's default is where tools that freeze time do not look.
    def __init__(self, session, clock=time.time):
        self._session = session
        self._root = str(session.config.rootpath)
        self._start = _surroundings()
        self._began = clock()
        self._variables = Variables(vars(module) for _, module in own(self._root, sys.modules))
        self._late = set()  # names of modules that were imported under something else
        self._files = set()  # that were collected so
        self._kept = False  # what a hook, or a fixture that stays, has of a short list
        self._watched = self.read = False
        _watch_list(session, self)

    @contextlib.contextmanager
    def opening(self, file):
        """The file is collected. Tests before it may have written what it imports,
        or changed a variable that this names."""
        imported = frozenset(sys.modules)
        suspect = _surroundings() != self._start
        changed = self._variables.changed() | self._late
        yield
        fresh = dict(own(self._root, sys.modules.keys() - imported))
        self._variables.add(map(vars, fresh.values()))
        late = {path for path in fresh if suspect or self._is_suspect(path, changed)}
        self._late.update(fresh[path].__name__.rpartition(".")[2] for path in late)
        if suspect or late or self._is_suspect(os.path.join(self._root, file), changed):
            self._files.add(file)

    @contextlib.contextmanager
    def listing(self, *hooks):
        """Hooks see the tests of one file; what those of the project keep of it is
        of a short list."""
        functions = [getattr(each.function, "__func__", each.function) for hook in hooks for each in hook.get_hookimpls()]
        spaces = [function.__globals__ for function in functions if _is_own(self._root, getattr(getattr(function, "__code__", None), "co_filename", None))]
        if spaces:
            config = self._session.config
            spaces += [vars(config), config.stash._storage, vars(self._session)]
        held = Variables(spaces)
        yield
        self._kept = self._kept or not held.changed().issubset(LIST)

    def begins(self):
        """A test starts. While it runs, nobody but the project reads the list."""
        self._watched, self.read = True, False

    def set_up(self):
        """Its fixtures are there. Those of wider scope keep what they have read."""
        self._kept = self._kept or self.read

    def ends(self, file):
        """The test has ended. Whether its outcome is suspect."""
        self._watched = False
        return self.read or self._kept or file in self._files

    def look(self, frame):
        """Somebody reads the list of tests; pytest itself, to show how far it is."""
        if self._watched and not str(frame.f_globals.get("__name__")).startswith("_pytest."):
            self.read = True

    def _is_suspect(self, path, changed):
        """Whether a file that was imported is a new one, or names what has changed."""
        try:
            return _changed(path) > self._began or _names(path, changed)
        except OSError:
            return False


class Foresight:
    """Looks, in a session that has collected everything, at what would have been
    suspect had it not. It looks once, at the end, so what was changed late counts
    for all files that ran."""

    def __init__(self, session):
        self._root = str(session.config.rootpath)
        self._start = _surroundings()
        self._variables = Variables(vars(module) for _, module in own(self._root, sys.modules))

    def suspects(self, files):
        """Which of the files would have been collected under something else, or
        name a variable that tests have changed."""
        if _surroundings() != self._start:
            return sorted(files)
        changed = self._variables.changed()
        return sorted(file for file in files if _names(os.path.join(self._root, file), changed))


def own(root, names):
    """The modules of these names that are of a project, with their files."""
    for name in list(names):
        module = sys.modules.get(name)
        path = vars(module).get("__file__") if type(module) is type(sys) else None
        if _is_own(root, path):
            yield path, module


def _is_own(root, path):
    return isinstance(path, str) and path.startswith(os.path.join(root, "")) and "site-packages" not in path


def _names(path, changed):
    """Whether a file names one of these variables; one that is gone names none."""
    if not changed:
        return False
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return not changed.isdisjoint(_WORDS.findall(f.read()))
    except OSError:
        return False


def latest(root):
    """Of the modules of a project that are imported, the file that changed last, and
    when; None for no module."""
    changes = []
    for path, _ in own(root, sys.modules):
        with contextlib.suppress(OSError):  # it is gone
            changes.append((_changed(path), path))
    return max(changes, default=None)


def _changed(path):
    """When the file became what it is: one that was moved here is as old as its
    content, and new here."""
    status = os.stat(path)
    return max(status.st_mtime, status.st_ctime)


def _surroundings():
    """What modules often look at when they are imported."""
    try:
        directory = os.getcwd()
    except OSError:  # it is gone
        directory = None
    variables = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return variables, directory, set(map(str, sys.path))


def _watch_list(session, suspicion):
    """Has the session tell when one reads what it says of its tests."""
    kind = type(session)

    def watched(name):
        def read(self):
            suspicion.look(sys._getframe(1))
            return self.__dict__[name]

        def write(self, value):
            self.__dict__[name] = value

        return property(read, write)

    session.__class__ = type(kind.__name__, (kind,), {"__module__": kind.__module__, **{name: watched(name) for name in LIST}})
