"""What plugins and conftest files hang on a report that JSON does not know.

It travels pickled beside the text that JSON makes of it, and is unpickled by
the replay only: that is a place as closed as the worker's own. What cannot be
pickled, or not be made again there, is the text.
"""

import base64
import pickle
import sys
from base64 import b64encode  # as they are before tests replace them
from pickle import dumps

KEY = "$shardyard_pickled"
LONGEST = 1 << 20  # bytes of one value

# What pytest puts into a report itself, and makes data of.
OWN = {
    "nodeid", "location", "keywords", "outcome", "longrepr", "when", "sections", "duration", "start", "stop", "result",
    "wasxfail", "rerun", "context", "$report_type", "_report_type",
}  # fmt: skip


def pack(report, data):
    """Adds to the data of a report what it holds that is no JSON."""
    packed = {}
    for name, value in vars(report).items():
        if name in OWN or name not in data or _is_plain(value):
            continue
        _add(packed, name, value)
    scenarios = _scenarios()
    if type(report).__hash__ is not None and report in scenarios:  # that of a subtest has no hash
        _add(packed, "", scenarios[report])
    if packed:
        data[KEY] = packed
    return data


def unpack(report, packed):
    """Gives a report what was packed."""
    for name, text in (packed or {}).items():
        try:
            value = pickle.loads(base64.b64decode(text))
        except Exception:  # of a class that only the tests know, say
            continue
        if name:
            setattr(report, name, value)
        else:
            _scenarios()[report] = value
    return report


def _add(packed, name, value):
    try:
        encoded = dumps(value)
    except Exception:
        return
    if len(encoded) <= LONGEST:
        packed[name] = b64encode(encoded).decode("ascii")


def _scenarios():
    """Where pytest-bdd keeps what a report says of a scenario."""
    return getattr(sys.modules.get("pytest_bdd.reporting"), "test_report_context_registry", {})


def _is_plain(value):
    """Whether JSON brings it back as it was, but for pytest's own tuples."""
    if value is None or type(value) in (bool, int, str):
        return True
    if type(value) is float:
        return value - value == 0
    if type(value) is list:
        return all(_is_plain(item) or _is_pair(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    return False


def _is_pair(value):
    """As user_properties and sections have them: a replay makes tuples of those."""
    return type(value) is tuple and len(value) == 2 and all(_is_plain(item) for item in value)
