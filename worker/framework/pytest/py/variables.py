"""Variables as they were, and which of them are others now."""

import types

MOST = 256  # parts of one value that are looked at one by one
ALL = 50_000  # of all values

_NOTHING = object()


class Variables:
    """The variables of some namespaces, and one level below them what containers
    hold, and the namespace's own classes and objects. Values are told apart by
    identity."""

    def __init__(self, spaces):
        self._left = ALL
        self._held = []
        self.add(spaces)

    def add(self, spaces):
        self._held += [(space, {name: self._picture(space, value) for name, value in list(space.items())}) for space in spaces]

    def changed(self):
        """The names of those that were set since, or of which a part was."""
        names = set()
        for space, pictures in self._held:
            for name, value in list(space.items()):
                before, parts = pictures.get(name, (_NOTHING, None))
                if before is not value:
                    if not issubclass(type(value), types.ModuleType):  # imported meanwhile
                        names.add(name)
                elif parts is not None:
                    names.update(_differing(name, parts, _parts_of(space, value)))
            names.update(pictures.keys() - space.keys())
        return names

    def _picture(self, space, value):
        parts = _parts_of(space, value)
        if parts is not None:
            self._left -= len(parts)
        return value, dict(parts) if parts is not None and self._left >= 0 else None


def _parts_of(space, value):
    """What a value holds, by name or place; None for one that is not looked into."""
    kind = type(value)
    if kind in (dict, list, set):
        if len(value) > MOST:
            return {"": len(value)}
        return value if kind is dict else dict.fromkeys(value) if kind is set else dict(enumerate(value))
    module = vars(value).get("__module__") if issubclass(kind, type) else kind.__module__
    if module is None or module != space.get("__name__"):
        return None
    # As it is: a proxy has what it stands for, which may not be there.
    found = vars(value) if issubclass(kind, type) else getattr(kind, "__dict__", {}).get("__dict__") and object.__getattribute__(value, "__dict__")
    return {name: part for name, part in found.items() if not str(name).startswith("__")} if found else None


def _differing(name, before, now):
    """The name, and those of its parts, where any part is another one."""
    now = now or {}
    differing = [part for part in [*before, *now] if before.get(part, _NOTHING) is not now.get(part, _NOTHING)]
    return {name, *(part for part in differing if isinstance(part, str))} if differing else set()
