"""Brings coverage data that was measured elsewhere to this checkout.

Started as `python relocate.py` in the project's directory, with one JSON object
on stdin: dir (as of combine.py), files (data files, absolute), names (how to
call them), missing (reasons why data is missing, so far). It lays dir out for
combine.py: data/<n>/, and run.json with the reasons. It ends with status 3
when there is no coverage.py.
"""

import collections
import json
import os
import sys
import types


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    package = types.ModuleType("_shardyard")
    package.__path__ = [here]
    sys.modules["_shardyard"] = package
    del sys.path[0]

    request = json.loads(sys.stdin.readline())
    try:
        import coverage
    except ImportError:
        sys.exit(3)
    from _shardyard.measure_data import Broken, check

    missing = list(request.get("missing") or [])
    for n, (path, name) in enumerate(zip(request["files"], request["names"]), 1):
        to = os.path.join(request["dir"], "data", "shard-%d" % n)
        os.makedirs(to)
        try:
            check(path)
            _relocate(coverage, path, os.path.join(to, "coverage"))
        except Broken as error:
            missing.append("%s %s" % (name, error))
        except coverage.CoverageException as error:
            missing.append("%s cannot be read: %s" % (name, error))
        with open(os.path.join(to, "how.json"), "w", encoding="ascii") as f:
            json.dump(_how(coverage), f)
    with open(os.path.join(request["dir"], "run.json"), "w", encoding="utf-8") as f:
        json.dump({"missing_coverage": missing}, f)


def _how(coverage):
    """What the project's own configuration says, as measure.py would."""
    cov = coverage.Coverage(data_file=None)
    limit = cov.get_option("report:fail_under")
    return {"by": "coverage", "fail_under": limit or None, "precision": cov.get_option("report:precision")}


def _relocate(coverage, path, to):
    from _shardyard.measure_data import merge

    part = coverage.CoverageData(basename=path)
    part.read()
    root = _root(part.measured_files())
    part.close()
    total = coverage.CoverageData(basename=to)
    merge(total, path, _Moved(root))
    total.write()
    total.close()


def _root(files):
    """Where the checkout was when the files were measured: the folder below
    which most of them are found here too. "" when none is."""
    votes = collections.Counter()
    for name in files:
        parts = name.replace("\\", "/").split("/")
        if parts[0] and not parts[0].endswith(":"):
            continue  # relative
        for cut in range(1, len(parts)):
            if os.path.isfile(os.path.join(*parts[cut:])):
                votes["/".join(parts[:cut]) + "/"] += 1
                break
    here = os.getcwd().replace("\\", "/") + "/"
    return max(votes, key=lambda root: (votes[root], root == here, root)) if votes else ""


class _Moved:
    """Stands for coverage.py's PathAliases."""

    def __init__(self, root):
        self._root = root

    def map(self, path):
        slashed = path.replace("\\", "/")
        if self._root and slashed.startswith(self._root):
            return slashed[len(self._root) :].replace("/", os.sep)
        return path


if __name__ == "__main__":
    main()
