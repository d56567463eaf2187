"""Objects of a session on their way from a worker to the replay.

What belongs to a session (config, plugins, nodes) is named, and is the replay's
own there; so is the project's directory in texts and paths. What has no use
elsewhere (a stream, a lock, a function of a test) is a stand-in.
"""

import io
import os
import pathlib
import pickle
import sys
import types

from _pytest.nodes import Item, Node

LONGEST = 1 << 20  # bytes
LONGEST_COLLECTED = 4 << 20  # of what the collection of the suite adds


class StandIn:
    """Takes the place of an object that exists in a worker only."""

    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def append(self, item):
        pass

    def extend(self, items):
        pass

    def __setitem__(self, name, value):
        pass


class Outward:
    """Pickles objects of a worker's session."""

    def __init__(self, config, session, roots):
        self._known = _named(config, session, roots)
        self._root = str(config.rootpath)
        # What the replay does not import: modules of tests.
        self.modules = frozenset(sys.modules)

    def dumps(self, value, longest=LONGEST):
        """Raises an error for what is too long."""
        out = _Bounded(longest)
        _Pickler(out, self._known, self._root, self.modules).dump(value)
        return out.getvalue()


class _Bounded(io.BytesIO):
    def __init__(self, longest):
        super().__init__()
        self._longest = longest

    def write(self, data):
        if self.tell() + len(data) > self._longest:
            raise ValueError("too long")
        return super().write(data)


class _Pickler(pickle.Pickler):
    def __init__(self, file, known, root, modules):
        super().__init__(file, protocol=4)
        self._known, self._root, self._modules = known, root, modules

    def persistent_id(self, value):
        kind = type(value)
        if kind is str:
            return ("text", *value.split(self._root)) if self._root in value else None
        name = self._known.get(id(value))
        if name is not None:
            return ("named", name)
        if issubclass(kind, Node):
            obj = vars(value).get("_obj") or vars(value).get("obj")
            plain = [getattr(obj, name, None) for name in ("__module__", "__name__")]
            place = value.location if issubclass(kind, Item) else None
            return ("node", value.nodeid, value.name, getattr(value, "path", None), place, plain if all(type(each) is str for each in plain) else None)
        if issubclass(kind, pathlib.PurePath):
            path = str(value)
            if path == self._root or path.startswith(self._root + os.sep):
                return ("path", path[len(self._root) + 1 :])
        return None

    def reducer_override(self, value):
        if issubclass(type(value), (type, types.FunctionType)):
            if self._is_importable(value):
                return NotImplemented
            return (stand_in, (value.__name__, _plain(value))) if issubclass(type(value), type) else (StandIn, ())
        if issubclass(type(value), types.ModuleType):
            return StandIn, ()
        try:
            return value.__reduce_ex__(4)
        except Exception:
            return StandIn, ()

    def _is_importable(self, value):
        module = getattr(value, "__module__", None)
        found = sys.modules.get(module)
        if module not in self._modules and not _is_installed(found):
            return False
        for name in value.__qualname__.split("."):
            found = getattr(found, name, None)
        return found is value


class Inward:
    """Makes the objects again in the replay."""

    def __init__(self, config, session, roots):
        self._known = _named(config, session, roots)
        self._root = config.rootpath
        self._nodes = {}

    def loads(self, data):
        return _Unpickler(io.BytesIO(data), self._known, self._root, self._nodes).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, known, root, nodes):
        super().__init__(file)
        self._known, self._root, self._nodes = known, root, nodes

    def persistent_load(self, name):
        if name[0] == "text":
            return str(self._root).join(name[1:])
        if name[0] == "path":
            return self._root / name[1]
        if name[0] == "node":
            return self._node(*name[1:])
        found = self._known.get(name[1])
        return StandIn() if found is None else found

    def _node(self, nodeid, name, path, location, obj):
        """A stand-in, the same for the same node."""
        node = self._nodes.get((nodeid, name))
        if node is None:
            node = self._nodes[nodeid, name] = StandIn()
            node.nodeid, node.name, node.path = nodeid, name, path
            if location is not None:
                node.location = location
            if obj is not None:
                node.obj = StandIn()
                node.obj.__module__, node.obj.__name__ = obj
        return node

    def find_class(self, module, name):
        if (module, name) == ("builtins", "getattr"):
            return _attribute  # of an object, its bound method
        try:
            return super().find_class(module, name)
        except Exception:  # of an import
            return stand_in(name.rpartition(".")[2])


def _attribute(value, name):
    return getattr(value, name, None) or StandIn()


def stand_in(name, attributes=()):
    """A class of that name, whose objects have their attributes and no methods."""
    return type(name, (StandIn,), dict(attributes))


def _is_installed(module):
    """Whether it is of an installed package: that has no tests of the project."""
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and ("site-packages" in file or "dist-packages" in file)


def _plain(kind):
    """What the class gives its objects that is plain."""
    found = {}
    for each in reversed(kind.__mro__):
        found.update((name, value) for name, value in vars(each).items() if not name.startswith("__") and type(value) in (bool, int, float, str, type(None)))
    return found


def plugins(config):
    """The plugins, each with a name that it has in every session."""
    root, unnamed = str(config.rootpath), {}
    for name, plugin in config.pluginmanager.list_name_plugin():
        if plugin is None:
            continue
        if name == str(id(plugin)):  # registered without one
            name = "%s.%s" % (type(plugin).__module__, type(plugin).__qualname__)
            unnamed[name] = unnamed.get(name, 0) + 1
            name = "%s %d" % (name, unnamed[name])
        elif os.path.isabs(name):  # of a conftest
            name = os.path.relpath(name, root)
        yield name, plugin


def _named(config, session, roots):
    """What has a name in every session, by id in a worker and by name in the
    replay: the dict has both, and so keeps it alive. roots are pairs."""
    known = {"config": config, "session": session, "pluginmanager": config.pluginmanager, "hook": config.hook, "option": config.option}
    known.update(("plugin " + name, plugin) for name, plugin in plugins(config))
    known.update(("root " + key, value) for key, value in roots if type(value) not in (int, float, bool))
    return {**{id(value): name for name, value in known.items()}, **known}
