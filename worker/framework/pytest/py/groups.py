"""Which tests stay together on one worker: what marks say, what --dist of
pytest-xdist says, and what tests of pytest-dependency depend on."""

import posixpath

from .identity import file_of, utf8


class Groups:
    """The groups of a list of tests. `distribution` is what --dist says."""

    def __init__(self, items, distribution="no"):
        self._group = {}  # item -> its name, where it has one
        self._joined = {}  # name -> the one that it belongs to
        for item in items:
            name = _distributed(item, distribution) or _marked(item, distribution)
            if name:
                self._group[item] = name
        for item, other in _dependencies(items):
            self._join(item, other)

    def of(self, item):
        """The group of the test; "" for none."""
        return utf8(self._root(self._group[item])) if item in self._group else ""

    def _root(self, name):
        while name in self._joined:
            name = self._joined[name]
        return name

    def _join(self, item, other):
        for one in (item, other):
            self._group.setdefault(one, file_of(one))
        names = sorted({self._root(self._group[item]), self._root(self._group[other])})
        if len(names) == 2:
            self._joined[names[1]] = names[0]


def _distributed(item, distribution):
    """The scope that pytest-xdist hands out at once."""
    if distribution == "loadfile":
        return item.nodeid.split("::", 1)[0]
    if distribution == "loadscope":
        return item.nodeid.rsplit("::", 1)[0]
    return ""


def _marked(item, distribution):
    """The group of the xdist_group marks, spelt as pytest-xdist spells it.
    Where there is none: tests that look at each other's outcome stay together,
    as the mark of pytest-dependency and that of pytest's own example of
    incremental classes say."""
    names = {str(mark.args[0] if mark.args else mark.kwargs.get("name", "default")) for mark in item.iter_markers("xdist_group")}
    if names:
        return "_".join(sorted(names))
    if item.get_closest_marker("dependency"):
        return file_of(item)
    if item.get_closest_marker("incremental"):
        return (item.parent or item).nodeid
    return ""


def _dependencies(items):
    """Pairs of a test that depends on another one by pytest-dependency's mark,
    and that one."""
    dependent = [(item, mark) for item, mark in ((i, i.get_closest_marker("dependency")) for i in items) if mark and mark.kwargs.get("depends")]
    if not dependent:
        return
    known = {}  # (scope, where, name) -> tests
    for item in items:
        mark = item.get_closest_marker("dependency")
        if not mark and not _automark(item.config):
            continue
        for scope, where, name in _places(item):
            known.setdefault((scope, where, (mark and mark.kwargs.get("name")) or name), []).append(item)
    for item, mark in dependent:
        scope = mark.kwargs.get("scope", "module")
        where = {at: place for at, place, _ in _places(item)}.get(scope)
        for name in mark.kwargs["depends"]:
            for other in known.get((scope, where, name), ()):
                yield item, other


def _places(item):
    """Each scope of pytest-dependency that the test is in: which one of these,
    and how it is called there."""
    nodeid = item.nodeid.replace("::()::", "::")
    file, _, rest = nodeid.partition("::")
    yield "session", "", nodeid
    yield "package", posixpath.dirname(file), nodeid
    yield "module", file, rest
    if "::" in rest.partition("[")[0]:
        yield "class", nodeid[: len(file) + 2] + rest.partition("::")[0], rest.partition("::")[2]


def _automark(config):
    try:
        value = config.getini("automark_dependency")
    except (KeyError, ValueError):  # there is no such plugin
        return False
    return str(value).lower() in ("1", "yes", "y", "true", "on")
