"""sys.path as files find it when they are imported in the suite's order.

In the import modes prepend and append, pytest puts a file's folder (or that of
its outermost package) on sys.path when it imports the file. A module of a
folder that came earlier is importable from a later file, one of a later folder
is not yet. The skeleton visits files in that order: here it puts the folders
there, and notes for each file which were there.
"""

import contextlib
import importlib.machinery
import os
import sys

SUFFIXES = tuple(importlib.machinery.all_suffixes())


class ImportPath:
    def __init__(self, config):
        self._config = config
        self._mode = config.getoption("importmode")
        self._base = list(sys.path)
        self._seen = {}  # file -> what was on sys.path
        self._known = frozenset()  # what was there at the last file
        self._roots = []

    def visit(self, node, file):
        """The skeleton is at this file."""
        if self._mode not in ("prepend", "append"):
            return
        root = self._root(node)
        if root is not None and root not in sys.path:
            sys.path.insert(0 if self._mode == "prepend" else len(sys.path), root)
            self._roots.append(root)
        if len(self._known) != len(sys.path):
            self._known = frozenset(sys.path)
        self._seen.setdefault(file, self._known)

    def _root(self, node):
        from _pytest import doctest, pathlib, python

        if not isinstance(node, (python.Module, doctest.DoctestModule)):
            return None
        if hasattr(pathlib, "resolve_pkg_root_and_module_name"):
            try:
                namespaces = self._config.getini("consider_namespace_packages")
                return str(pathlib.resolve_pkg_root_and_module_name(node.path, consider_namespace_packages=namespaces)[0])
            except (pathlib.CouldNotResolvePathError, TypeError, ValueError):
                return str(node.path.parent)
        package = pathlib.resolve_package_path(node.path)
        return str((package or node.path).parent)

    @contextlib.contextmanager
    def of(self, file):
        """sys.path without the folders that come after this file's."""
        seen = self._seen.get(file, self._known)
        later = [path for path in sys.path if path in self._known and path not in seen]
        sys.path[:] = [path for path in sys.path if path not in later]
        try:
            yield
        finally:
            later = [path for path in later if path not in sys.path]
            if self._mode == "append":
                sys.path.extend(later)
            else:
                sys.path[0:0] = later

    def collision(self):
        """A sentence when what a name means depends on which file is imported
        first; else None."""
        where = {}
        for root in self._roots:
            for name in modules(root):
                if where.setdefault(name, root) != root:
                    return "%s and %s both have a module %r, and both are on sys.path" % (where[name], root, name)
        if self._mode == "append":
            return None
        # The first folder is there before anything is imported.
        for name, root in where.items():
            if root == self._roots[0]:
                continue
            spec = importlib.machinery.PathFinder.find_spec(name, self._base)
            origin = getattr(spec, "origin", None)
            if origin and not origin.startswith(root + os.sep):
                return "%s hides the installed module %r once it is on sys.path" % (root, name)
        return None


def modules(folder):
    """The names of the modules and packages in a folder."""
    for entry in sorted(os.listdir(folder)):
        name = entry.split(".", 1)[0]
        if name in ("conftest", "__init__", "__pycache__") or not name.isidentifier():
            continue
        path = os.path.join(folder, entry)
        if entry.endswith(SUFFIXES) or os.path.isfile(os.path.join(path, "__init__.py")):
            yield name
