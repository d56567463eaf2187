"""Objects of a session on their way from a worker to the replay.

What belongs to a session (config, plugins, nodes) is named, and is the replay's
own there; what has no use elsewhere (a stream, a lock, a function of a test) is
a stand-in.
"""

import io
import os
import pickle
import sys
import types

from _pytest.nodes import Node

LONGEST = 1 << 20  # bytes


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
        # What the replay does not import: modules of tests.
        self.modules = frozenset(sys.modules)

    def dumps(self, value):
        """Raises an error for what is too long."""
        out = _Bounded()
        _Pickler(out, self._known, self.modules).dump(value)
        return out.getvalue()


class _Bounded(io.BytesIO):
    def write(self, data):
        if self.tell() + len(data) > LONGEST:
            raise ValueError("too long")
        return super().write(data)


class _Pickler(pickle.Pickler):
    def __init__(self, file, known, modules):
        super().__init__(file, protocol=4)
        self._known, self._modules = known, modules

    def persistent_id(self, value):
        name = self._known.get(id(value))
        if name is not None:
            return ("named", name)
        if issubclass(type(value), Node):
            return ("node", value.nodeid, value.name)
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
        if module not in self._modules:
            return False
        found = sys.modules.get(module)
        for name in value.__qualname__.split("."):
            found = getattr(found, name, None)
        return found is value


class Inward:
    """Makes the objects again in the replay."""

    def __init__(self, config, session, roots):
        self._known = _named(config, session, roots)

    def loads(self, data):
        return _Unpickler(io.BytesIO(data), self._known).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, known):
        super().__init__(file)
        self._known = known

    def persistent_load(self, name):
        if name[0] == "node":
            node = StandIn()
            node.nodeid, node.name = name[1:]
            return node
        found = self._known.get(name[1])
        return StandIn() if found is None else found

    def find_class(self, module, name):
        if (module, name) == ("builtins", "getattr"):
            return _attribute  # of an object, its bound method
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError):
            return stand_in(name.rpartition(".")[2])


def _attribute(value, name):
    return getattr(value, name, None) or StandIn()


def stand_in(name, attributes=()):
    """A class of that name, whose objects have their attributes and no methods."""
    return type(name, (StandIn,), dict(attributes))


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
    known.update(("root " + key, value) for key, value in roots if issubclass(type(value), (list, dict, set)))
    return {**{id(value): name for name, value in known.items()}, **known}
