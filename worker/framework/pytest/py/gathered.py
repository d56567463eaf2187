"""What hooks and fixtures gather in memory while tests run, as in
RESULTS[item.nodeid] = report.outcome, for what is made of it at the end.

Looked at are variables that are there before the first test: those of conftest
files, of modules that these have imported, of plugins, and what such have put on
the config and the session. What a test adds there travels with its reports,
pickled, and the replay puts the additions of all tests together before it calls
the hooks of the end. A variable that cannot travel whole does not travel at all.
"""

import base64
import collections
import os
import sys
import time
from base64 import b64encode  # as it is before tests replace it

from . import ends, pickled

DEEPEST = 4  # levels of containers and objects
MOST = 256  # elements of one container that are looked at one by one

_STANDARD = getattr(sys, "stdlib_module_names", ("builtins", "abc", "types", "collections"))  # since Python 3.10
_NUMBERS = (int, float)
_LISTS = (list, collections.deque)
_CONTAINERS = (dict, set, *_LISTS)


def _is(value, kinds):
    """As isinstance, which asks a proxy what it stands for: it may not be there."""
    return issubclass(type(value), kinds)


class Names:
    """What config and session had of pytest itself."""

    def __init__(self):
        self.config = self.session = frozenset()


class Roots:
    """The variables of a session that may gather something. Each has a key that
    is the same in every worker and in the replay."""

    def __init__(self, config, session, names):
        self.slots = {}  # key -> (namespace, name)
        self._root = str(config.rootpath)
        self._packages = set()
        spaces = list(self._spaces(config, session, names))
        for where, space, hidden in spaces:
            for name in [name for name in space if isinstance(name, str) and not name.startswith("__") and name not in hidden]:
                self.slots.setdefault("%s:%s" % (where, name), (space, name))
                if type(space[name]).__name__ == "StashKey":  # what it is the key of
                    for kind, stash in (("config", config.stash), ("session", getattr(session, "stash", ()))):
                        if space[name] in stash:
                            self.slots["stash of %s, %s:%s" % (kind, where, name)] = (stash._storage, space[name])
        # What has a name already: plugins, and containers that are imported elsewhere.
        self._plugins = {id(plugin) for plugin in config.pluginmanager.get_plugins()}
        self._claimed = set(self._plugins)
        for key, (space, name) in list(self.slots.items()):
            try:
                gathers = self.gathers(space[name]) and self.claim(space[name])
            except Exception:  # anything may be in there
                gathers = False
            if not gathers:
                del self.slots[key]

    def pictures(self):
        """What all of them are now, by key. From now on, what is new has one name."""
        self._left = 16 * MOST  # elements that are still looked at one by one
        self._claimed = self._plugins.union(id(value) for _, value in self.values())
        found = {}
        for key, value in list(self.values()):
            try:
                found[key] = _Picture(value, self)
            except Exception:
                del self.slots[key]
        self._claimed = None
        return found

    def claim(self, value):
        """Whether nobody has claimed it before, under another name."""
        if self._claimed is None:
            return True
        if _is(value, _CONTAINERS) or self.is_object(value):
            if id(value) in self._claimed:
                return False
            self._claimed.add(id(value))
        return True

    def gathers(self, value):
        """Whether a variable of this value may gather something."""
        return _is(value, _CONTAINERS + _NUMBERS) or self.is_object(value)

    def is_object(self, value):
        """Whether it is an object of the project's or of a plugin's, with attributes."""
        module = getattr(type(value), "__module__", None)
        own = isinstance(module, str) and module.split(".")[0] in self._packages
        return own and type(getattr(value, "__dict__", None)) is dict

    def afford(self, elements):
        """Whether so many more elements may be looked at one by one."""
        self._left -= elements
        return self._left >= 0

    def values(self):
        """The variables that are still there, by key."""
        for key, (space, name) in self.slots.items():
            if name in space:
                yield key, space[name]

    def _spaces(self, config, session, names):
        """Namespaces: a name, a dict, and what of it is not looked at."""
        for name, plugin in pickled.plugins(config):
            module = getattr(plugin, "__name__", None) if isinstance(plugin, type(sys)) else getattr(type(plugin), "__module__", None)
            if not isinstance(module, str) or module.split(".")[0] in ends.HARMLESS:
                continue
            if module.split(".")[0] not in _STANDARD:
                self._packages.add(module.split(".")[0])
            if type(getattr(plugin, "__dict__", None)) is dict:
                yield "plugin " + name, vars(plugin), ()
        for name, module in sorted(sys.modules.items()):
            if self._is_the_projects(module) and not config.pluginmanager.is_registered(module):
                self._packages.add((module.__name__ or name).split(".")[0])
                yield "module " + name, vars(module), ()
        yield "config", vars(config), names.config
        yield "session", vars(session), names.session

    def _is_the_projects(self, module):
        file = module.__dict__.get("__file__") if type(module) is type(sys) else None
        return isinstance(file, str) and file.startswith(self._root + os.sep) and "site-packages" not in file


class Gathering:
    """Follows the variables of one worker. send takes what one test has added."""

    def __init__(self, config, session, names):
        self._roots = Roots(config, session, names)
        self._pickler = pickled.Outward(config, session, self._roots.values())
        self._before = self._roots.pictures()
        self._spent, self._began = 0.0, time.monotonic()
        self._lost = set()

    def collected(self, whole):
        """What the collection has added, of the whole suite or of a file."""
        added = self.added(True, pickled.LONGEST_COLLECTED)
        return dict(added, collected="whole" if whole else "file") if added else None

    def added(self, last=False, longest=pickled.LONGEST):
        """What was added since the last time, as data; None when nothing was.
        Where looking costs much, it is done at the end only."""
        start = time.monotonic()
        if not last and self._spent > 0.1 + 0.005 * (start - self._began):
            return None
        told, lost = {}, []
        for key, value in self._roots.values():
            if key in self._lost:
                continue
            try:
                additions = self._before[key].additions(value)
                if additions:
                    told[key] = b64encode(self._pickler.dumps(additions, longest)).decode("ascii")
            except Exception:  # it was not only added to, or is no data
                self._lost.add(key)
                lost.append(key)
        self._spent += time.monotonic() - start
        return {"added": told, "lost": lost} if told or lost else None


class _Elsewhere:
    """Of what is looked at under another name."""

    @staticmethod
    def _compare(value, path, found):
        pass


class _Picture:
    """A value as it was, at any depth, and what was added to it since. Of what is
    too deep or too large only the size is known."""

    def __init__(self, value, roots, depth=DEEPEST):
        self._roots, self._depth = roots, depth
        self._take(value)

    def _take(self, value):
        self._value, self._size, self._parts = value, None, None
        if _is(value, _LISTS):
            self._size = len(value)
        elif _is(value, set):
            self._value, self._size = frozenset(value), len(value)
        elif _is(value, dict):
            self._size = len(value)
            if len(value) <= MOST:
                self._parts = self._pictures(value)
        elif self._roots.is_object(value):
            self._parts = self._pictures(vars(value))

    def _pictures(self, parts):
        if not self._depth or not self._roots.afford(len(parts)):
            return None
        return {name: _Picture(part, self._roots, self._depth - 1) if self._roots.claim(part) else _Elsewhere for name, part in parts.items()}

    def additions(self, value):
        """The list of (path, what, value). Raises ValueError when something was
        taken away."""
        found = []
        self._compare(value, (), found)
        return found

    def _compare(self, value, path, found):
        if _is(value, _LISTS):
            self._grown(value)
            if len(value) > self._size:
                found.append((path, "extend", list(value)[self._size :]))
                self._size = len(value)
        elif _is(value, set):
            self._grown(value)
            if value != self._value:
                found.append((path, "update", list(value - self._value)))
                self._take(value)
        elif _is(value, dict):
            self._compare_dict(value, path, found)
        elif value is self._value:
            if self._parts is not None:
                self._compare_parts(vars(value), "attribute", path, found)
        else:
            self._compare_plain(value, path, found)
            self._take(value)

    def _grown(self, value):
        if self._size is None or len(value) < self._size:
            raise ValueError("something else was there")

    def _compare_plain(self, value, path, found):
        number = _is(value, _NUMBERS) and not _is(value, bool) and _is(self._value, _NUMBERS)
        if number and value != value and self._value != self._value or _is(value, (str, bytes)) and value == self._value:
            return
        if not number or abs(value) > 1e8:  # a point in time is no sum
            found.append((path, "put", value))
        elif value != self._value:
            found.append((path, "add", value - self._value))

    def _compare_dict(self, value, path, found):
        if self._size is None:
            raise ValueError("something else was there")
        if self._parts is not None:
            self._compare_parts(value, "key", path, found)
        else:
            fresh = []
            for name in reversed(value):
                if len(value) - len(fresh) <= self._size:
                    break
                fresh.append(name)
            found.extend((path + (("key", name),), "merge", value[name]) for name in reversed(fresh))
        self._size = len(value)
        if self._size > MOST:
            self._parts = None

    def _compare_parts(self, parts, kind, path, found):
        for name, part in list(parts.items()):
            known, below = self._parts.get(name), path + ((kind, name),)
            if known is not None:
                known._compare(part, below, found)
            else:
                found.append((below, "merge", part))
                self._parts[name] = _Picture(part, self._roots, self._depth - 1)
        for name in [name for name in self._parts if name not in parts]:
            del self._parts[name]


class Gathered:
    """Puts together, in the replay, what the tests of all workers have added."""

    def __init__(self, config, session, names, share):
        self._roots = Roots(config, session, names)
        self._pickler = pickled.Inward(config, session, self._roots.values())
        self._pictures = self._roots.pictures()
        self._share = share  # whether the replay is of one worker's reports only
        self._whole = False  # the suite's collection was added
        self._collected = {}  # as _added, by the collection
        self._added = {}  # key -> list of additions, in order
        self._lost = set()
        self.given = []  # keys

    def is_whole(self):
        """Whether all that was gathered has come."""
        return not self._lost

    def add(self, data):
        """Takes what was added. What the collection of a file adds, on a worker
        that collects lazily, that of the whole suite has added elsewhere."""
        of = data.get("collected")
        if of and not self._share and (of == "file" or self._whole):
            return
        self._whole = self._whole or of == "whole"
        added = self._collected if of else self._added
        for key, text in data["added"].items():
            added.setdefault(key, []).append(text)
        self._lost.update(data["lost"])

    def give_collected(self):
        """Gives the variables what the collection has added, as a session has it
        before its first test."""
        self._give(self._collected)
        self._pictures = self._roots.pictures()

    def give(self):
        """Gives the variables what the tests have added to them."""
        self.given = self._give(self._added)

    def _give(self, added):
        """Returns the keys of those that something was added to. What the hooks of
        the replay have added themselves, from the reports, is not added twice."""
        given = []
        for key, texts in added.items():
            if key not in self._roots.slots:
                self._lost.add(key)
            if key in self._lost:
                continue
            space, name = self._roots.slots[key]
            try:
                additions = [addition for text in texts for addition in self._pickler.loads(base64.b64decode(text))]
                own = [path for path, _, _ in self._pictures[key].additions(space[name])]
            except Exception:
                self._lost.add(key)
                continue
            additions = [each for each in additions if not any(_within(each[0], path) or _within(path, each[0]) for path in own)]
            if additions:
                given.append(key)
            try:
                for path, what, value in additions:
                    space[name] = _with(space[name], path, what, value)
            except Exception:  # it is of another kind here
                self._lost.add(key)
        return given


def _within(path, other):
    return path[: len(other)] == other


def _with(held, path, what, value):
    """The value with something added at a path below it."""
    if path:
        (kind, name), rest = path[0], path[1:]
        parts = held if kind == "key" else vars(held)
        if name in parts:
            parts[name] = _with(parts[name], rest, what, value)
        elif not rest:
            parts[name] = value
        return held
    if what == "merge":
        return _merged(held, value)
    if what == "add":
        return held + value
    if what == "put":
        return value
    getattr(held, what)(value)
    return held


def _merged(held, value):
    """Two values under one key, of two tests."""
    if _is(held, dict) and _is(value, dict):
        for name, part in value.items():
            held[name] = _merged(held[name], part) if name in held else part
        return held
    if _is(held, _LISTS) and _is(value, _LISTS):
        held.extend(value)
        return held
    if _is(held, set) and _is(value, set):
        held |= value
        return held
    if _is(held, _NUMBERS) and _is(value, _NUMBERS) and not _is(held, bool):
        return held + value
    return value
