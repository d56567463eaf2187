"""What makes the outcome of a test suspect on a worker that has not collected
everything, whatever it is."""

import os
import sys


class Suspicion:
    """Looks at what the files of a session are collected under, and at who
    reads the list of tests."""

    def __init__(self, session):
        self._start = _surroundings()
        self._files = set()  # that were collected under something else
        self._watched = self.read = False
        _watch_items(session, self)

    def opening(self, file):
        """The file is about to be collected."""
        if _surroundings() != self._start:
            self._files.add(file)

    def begins(self):
        """A test starts. While it runs, nobody but the project reads the list."""
        self._watched, self.read = True, False

    def ends(self, file):
        """The test has ended. Whether its outcome is suspect."""
        self._watched = False
        return self.read or file in self._files

    def look(self):
        """Somebody reads the list of tests."""
        self.read = self.read or self._watched


def _surroundings():
    """What modules often look at when they are imported."""
    try:
        directory = os.getcwd()
    except OSError:  # it is gone
        directory = None
    variables = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return variables, directory, set(map(str, sys.path))


def _watch_items(session, suspicion):
    """Has the session's attribute `items` tell when it is read."""
    kind = type(session)

    def read(self):
        suspicion.look()
        return self.__dict__["items"]

    def write(self, items):
        self.__dict__["items"] = items

    session.__class__ = type(kind.__name__, (kind,), {"__module__": kind.__module__, "items": property(read, write)})
