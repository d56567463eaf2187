"""Prints what a coverage data file says, in an order that can be compared."""

import json
import os
import sys

from coverage import CoverageData

data = CoverageData(basename=sys.argv[1])
data.read()
root = os.path.join(os.path.realpath(sys.argv[2]), "")
found = {}
for path in data.measured_files():
    name = path[len(root) :] if path.startswith(root) else path
    found[name] = {"lines": sorted(data.lines(path) or []), "arcs": sorted(data.arcs(path) or [])}
json.dump(found, sys.stdout, indent=1, sort_keys=True)
