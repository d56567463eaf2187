"""Where to look for a failure: a line of the test's own file."""

import os
from os.path import isabs, realpath, relpath  # as they are before tests replace them


def place_of(report, item, directory):
    """The fields file and line of worker.Finished: the innermost line of the
    test's file that the failure names, or else the one that the test is
    defined at. Empty when the file is not below the directory."""
    path = realpath(str(getattr(item, "path", None) or item.fspath))
    file = relpath(path, realpath(str(directory))).replace(os.sep, "/")
    if file.startswith("../") or isabs(file):
        return {}
    for location in reversed(_locations(report.longrepr)):
        if realpath(str(location.path)) == path:
            return {"file": file, "line": location.lineno}
    defined = item.location[1]
    return {"file": file, "line": defined + 1} if defined is not None else {}


def _locations(longrepr):
    """What a failure names as its places, the innermost last."""
    found = [getattr(longrepr, "reprcrash", None)]
    found += [getattr(entry, "reprfileloc", None) for entry in getattr(getattr(longrepr, "reprtraceback", None), "reprentries", ())]
    found += [pair[0] for pair in getattr(longrepr, "reprlocation_lines", None) or ()]  # of a doctest
    return [location for location in found if location is not None and location.lineno is not None]
