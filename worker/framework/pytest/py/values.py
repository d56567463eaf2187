"""Digests of values that are the same in every process that has the value."""

import enum
import hashlib
import os
import sys

DEEPEST, MOST = 4, 200  # levels, and parts, that are looked at


class Values:
    """Describes values. What is only where this process runs (the tree, the
    home, the interpreter) is left out of strings."""

    def __init__(self, config):
        here = {str(config.rootpath), str(config.invocation_params.dir), os.path.expanduser("~"), os.environ.get("TMPDIR", ""), sys.prefix}
        self._here = sorted((path for path in here if len(path) > 1), key=len, reverse=True)

    def digest(self, value, objects=False):
        """The digest of a literal: None, numbers, strings, and what holds such.
        Of all else its type counts; of an object its attributes too, when they
        are asked for."""
        parts = []
        self._describe(value, objects, DEEPEST, parts, set())
        return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]

    def _describe(self, value, objects, depth, parts, above):
        kind = type(value)
        name = "%s.%s" % (kind.__module__, kind.__qualname__)
        if len(parts) >= MOST:
            return
        if value is None or kind in (bool, int, float, complex):
            parts.append(repr(value))
        elif kind in (str, bytes):
            parts.append(repr(self._anywhere(value) if kind is str else value))
        elif issubclass(kind, enum.Enum):
            parts.append("%s.%s" % (name, value.name))
        elif depth == 0 or id(value) in above:
            parts.append(name)
        elif kind in (tuple, list, set, frozenset, dict):
            self._hold(value, kind, objects, depth, parts, above | {id(value)})
        else:
            parts.append(name)
            if objects and not callable(value):
                self._hold(_attributes(value), dict, objects, depth, parts, above | {id(value)})

    def _hold(self, value, kind, objects, depth, parts, above):
        parts.append("%s %d" % (kind.__name__, len(value)))
        if kind in (set, frozenset):
            below = []
            for element in value:
                described = []
                self._describe(element, objects, depth - 1, described, above)
                below.append(" ".join(described))
            parts.extend(sorted(below))
            return
        for element in value.items() if kind is dict else value:
            if len(parts) >= MOST:
                return
            self._describe(element, objects, depth - 1, parts, above)

    def _anywhere(self, text):
        for path in self._here:
            text = text.replace(path, ".")
        return text


def _attributes(value):
    try:
        found = value.__dict__
    except Exception:  # a proxy of what is not there
        return {}
    return found if type(found) is dict else {}
