"""Files that plugins write for the user when a session ends, as --html,
--json-report-file and --report-log have them: whatever an option names, and
has become another file since the session began."""

import os
import shutil


class Written:
    """Looks at the files that the options name, besides our own, when the
    session begins."""

    def __init__(self, config, besides):
        self._besides = besides
        self._dir = str(config.invocation_params.dir)
        self._before = {}
        self.look(config)

    def look(self, config, *more):
        """Looks at those that it has not seen yet, and at more: conftest files
        set options too."""
        for path in [*self._named(config), *filter(None, more)]:
            self._before.setdefault(path, _state(path))

    def copy(self, to):
        """Copies those that were written since, each below `to` with its path
        below the session's directory, or with its name when it is elsewhere."""
        for path, before in self._before.items():
            if _state(path) in (None, before):
                continue
            name = os.path.relpath(path, self._dir)
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
            if isinstance(value, (str, os.PathLike)) and str(value):
                path = os.path.normpath(os.path.join(self._dir, os.fspath(value)))
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
