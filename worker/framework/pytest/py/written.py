"""Files that plugins write for the user when a session ends, as --html,
--json-report-file and --report-log have them: whatever an option names, and
has become another file since the session began."""

import os
import shutil
import sys
from os.path import abspath, isfile, islink, relpath  # as they are before tests replace them


class Opened:
    """The files below a directory that this process opens for writing, or gives
    a name, while it is entered."""

    def __init__(self, directory):
        self._dir = directory
        self._paths = {}  # in the order of their opening
        self._active = False

    def __enter__(self):
        sys.addaudithook(self._audit)  # for ever; nothing else sees all of them
        self._active = True
        return self

    def __exit__(self, *_):
        self._active = False

    def __contains__(self, path):
        return path in self._paths

    def sizes(self):
        """The size of each that is there and has something in it, by its path
        below the directory."""
        found = {}
        for path in self._paths:
            name = relpath(path, self._dir)
            state = _state(path)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in name.split(os.sep))
            if state is not None and not hidden and isfile(path) and not islink(path):
                found[name] = state[1]
        return found

    def _audit(self, event, args):
        if not self._active:
            return
        if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
            self._note(args[0])
        elif event == "os.rename":
            self._note(args[1])

    def _note(self, path):
        if isinstance(path, (str, bytes, os.PathLike)):
            self._paths.setdefault(abspath(os.fsdecode(path)))


class Written:
    """Looks at the files that the options name, besides our own, when the
    session begins."""

    def __init__(self, config, besides):
        self._besides = besides
        self._dir = str(config.invocation_params.dir)
        self._before = {}
        self._streams = set()  # that an option has opened already
        self._elsewhere = {}  # largest size of each that the sessions wrote at their end
        self.partial = []  # of these, the ones that were larger there
        self.opened = Opened(self._dir)  # at the end
        self._own = Opened(self._dir).__enter__()
        self.look(config)

    def look(self, config, *more):
        """Looks at those that it has not seen yet, and at more: conftest files
        set options too."""
        for path in [*self._named(config), *filter(None, more)]:
            self._before.setdefault(path, _state(path))

    def wrote(self, sizes):
        """Takes what the session of a worker wrote at its end."""
        for name, size in sizes.items():
            self._elsewhere[name] = max(size, self._elsewhere.get(name, 0))

    def copy(self, to):
        """Copies those that were written since, each below `to` with its path
        below the session's directory, or with its name when it is elsewhere;
        and what hooks of the end wrote below that directory, unless the share of
        one worker had more in it."""
        sizes = self.opened.sizes()
        self.partial = sorted(name for name, size in self._elsewhere.items() if sizes.get(name, 0) < 0.8 * size and not name.endswith(".log"))
        for name in sizes:
            if name not in self.partial:
                self._before.setdefault(os.path.join(self._dir, name), None)
        for path, before in self._before.items():
            if _state(path) in (None, before) or path not in self._own and path not in self._streams:  # workers may share the tree
                continue
            name = relpath(path, self._dir)
            if name.split(os.sep)[0] == os.pardir:
                name = os.path.basename(path)
            target = os.path.join(to, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)
            assets = os.path.join(os.path.dirname(path), "assets")  # of pytest-html
            if name.endswith(".html") and os.path.isdir(assets):
                shutil.copytree(assets, os.path.join(os.path.dirname(target), "assets"), dirs_exist_ok=True)

    def _named(self, config):
        for value in vars(config.option).values():
            stream = hasattr(value, "write") and isinstance(getattr(value, "name", None), str)
            if stream:
                value = value.name
            if isinstance(value, (str, os.PathLike)) and str(value):
                path = os.path.normpath(os.path.join(self._dir, os.fspath(value)))
                if stream:
                    self._streams.add(path)
                if "\0" not in path and path != self._besides and not os.path.isdir(path):
                    yield path


def _state(path):
    try:
        found = os.stat(path)
    except OSError:
        return None
    # One that is empty, or holds [] or {}, has nothing of the tests: they ran
    # elsewhere. It must not take the place of a good one.
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found.st_size > len("[]\n") else None
