"""What names a test: its id, its file and its fingerprint."""

import hashlib


def file_of(item):
    """The file that a test belongs to, as pytest spells it in ids."""
    from _pytest import nodes

    node = item.getparent(nodes.File) or item.parent or item
    return utf8(node.nodeid or item.nodeid)


def file_of_collector(collector):
    """The file that a collector is, or is in; None for a folder."""
    from _pytest import nodes, python

    node = collector.getparent(nodes.File)
    if node is None or isinstance(node, python.Package):
        return None
    return utf8(node.nodeid)


LONGEST = 16 << 10  # characters of an id


def utf8(text):
    """The text with lone surrogates escaped: ids travel as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def identify(items, shown):
    """The ids of one file's tests, in order: the node id, with paths as shown has
    them, and for the second test of the same node id `<node id> #2`, and so on."""
    nodeids = [_shortened(shown(utf8(item.nodeid))) for item in items]
    taken = set(nodeids)
    count = {}
    ids = []
    for nodeid in nodeids:
        n = count[nodeid] = count.get(nodeid, 0) + 1
        if n == 1:
            ids.append(nodeid)
            continue
        minted = "%s #%d" % (nodeid, n)
        while minted in taken:
            minted += "'"
        taken.add(minted)
        ids.append(minted)
    return ids


def _shortened(nodeid):
    """The node id; of one that no message has room for, its ends and a digest."""
    if len(nodeid) <= LONGEST:
        return nodeid
    digest = hashlib.sha256(nodeid.encode("utf-8")).hexdigest()[:16]
    return "%s...%s...%s" % (nodeid[: LONGEST // 2], digest, nodeid[-64:])


def describe(item, test_id, group, values):
    """The test as worker.Item."""
    described = {"id": test_id, "print": fingerprint(item, values)}
    if group:
        described["group"] = group
    parameters = getattr(getattr(item, "callspec", None), "params", None)
    if parameters:
        described["values"] = values.digest(parameters, objects=True)
    return described


def fingerprint(item, values):
    """A digest of what else identifies the test: its line, its marks and its
    fixtures. Of marks' arguments, literals count with their values, and all
    else with its type: its repr can vary from process to process."""
    marks = [
        (mark.name, [values.digest(arg) for arg in mark.args], [(name, values.digest(mark.kwargs[name])) for name in sorted(mark.kwargs)])
        for mark in item.iter_markers()
        if mark.name != "parametrize"  # its values are the test's own
    ]
    seen = (item.location[1], marks, list(getattr(item, "fixturenames", ())))
    return hashlib.sha256(repr(seen).encode("utf-8", "backslashreplace")).hexdigest()[:16]
