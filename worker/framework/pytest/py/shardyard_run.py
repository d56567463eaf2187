"""Entry of a session: runs pytest in this process, with the plugin beside it.

Started as `python shardyard_run.py` with the channel on descriptor 3, on which
the agent sends one line that says what to run. By the time pytest is imported
the process looks as if its console script had been started: sys.argv, sys.path
and __main__.__file__ are that script's, and our modules live in a package of
their own, so that none of their names can hide one of the project's.
"""

import importlib
import importlib.util
import os
import shutil
import sys
import traceback
import types


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    package = types.ModuleType("_shardyard")
    package.__path__ = [here]
    sys.modules["_shardyard"] = package
    script = pytest_script()
    sys.path[0] = os.path.dirname(script)

    from _shardyard.channel import Channel

    channel = Channel(3)
    order = channel.receive()
    if "warm" in order:
        order = warm(channel, order["warm"])
    sys.argv[:] = [script] + order["args"]
    sys.modules["__main__"].__file__ = script
    ending = run(channel, order)
    code = ending["code"]
    channel.send({"ending": ending})

    from _shardyard.leave import leave

    leave(code)


def pytest_script():
    """The path of the console script `pytest` of the pytest that will be
    imported: children of multiprocessing run it as their main module. Where
    there is none, as with a PYTHONPATH that leads to another environment, it is
    the module that `python -m pytest` runs."""
    beside = os.path.join(os.path.dirname(sys.executable), "pytest")
    spec = importlib.util.find_spec("pytest")
    home = os.path.dirname(spec.origin) if spec is not None and spec.origin else ""
    for script in (beside, shutil.which("pytest") or ""):
        if os.path.exists(script) and home.startswith(os.path.dirname(os.path.dirname(script)) + os.sep):
            return script
    module = os.path.join(home, "__main__.py")
    return module if home and os.path.exists(module) else beside


def warm(channel, tree):
    """Gets ready for an order that is not known yet, and returns it. The tree may
    be another one by then: where anything of it is loaded, or would be by an
    interpreter that is started only now, this one ends without a word."""
    before = customs()
    preload()
    if loaded(tree):
        os._exit(0)
    channel.send({"warmed": True})
    order = channel.receive()
    importlib.invalidate_caches()
    if customs() != before:
        os._exit(0)
    os.environ.update(order.get("env") or {})
    return order


def customs():
    """Where the modules are that Python imports when it starts, if they are there."""
    places = []
    for name in ("sitecustomize", "usercustomize"):
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):  # ValueError: it is loaded, and has no spec
            spec = None
        places.append(spec and spec.origin)
    return places


def preload():
    """Imports what pytest.main imports before it looks at the project."""
    try:
        from _pytest.config import default_plugins

        names = ["_pytest." + name for name in default_plugins]
    except ImportError:
        names = []
    for name in ["pytest"] + names + ["_shardyard.plugin"]:
        try:
            importlib.import_module(name)
        except ImportError:  # which the session says, if it needs it
            continue


def loaded(tree):
    """Whether a module is loaded that lies below the directory."""
    for module in list(sys.modules.values()):
        try:
            own = types.ModuleType.__dict__["__dict__"].__get__(module)
            places = [own.get("__file__")] + list(own.get("__path__") or [])
        except Exception:  # anything may stand for a module
            continue
        if any(isinstance(place, str) and (place + os.sep).startswith(tree + os.sep) for place in places):
            return True
    return False


def run(channel, order):
    options = order["options"]
    handle = None
    if options.get("coverage") is not None:
        from _shardyard import measure

        handle = measure.start(options["coverage"], order["results"])
        if handle.absent and importlib.util.find_spec("pytest") is not None:
            refuse(
                channel,
                "coverage is asked for, and coverage.py is not installed for %s: add coverage or pytest-cov to the project's "
                "test dependencies, or run without --cov" % sys.executable,
                "coverage",
            )
            return {"code": 4, "started": 0, "finished": 0, "files": []}
    ending = {"code": 3, "started": 0, "finished": 0, "files": []}
    try:
        import pytest
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        refuse(channel, "pytest is not installed for %s: add it to the project's test dependencies" % sys.executable, "pytest")
        ending["code"] = 4
        return ending

    from _shardyard.leave import status_of
    from _shardyard.plugin import Plugin

    plugin = Plugin(channel, order)
    extra = [handle.plugin] if handle is not None and handle.plugin is not None else []
    error = None
    try:
        ending["code"] = int(pytest.main(sys.argv[1:], plugins=[plugin] + extra))
    except (Exception, SystemExit) as raised:  # as under the console script, it ends the process
        if not plugin.ran and isinstance(raised, SystemExit):
            raise  # of a test's own, which has its end with it
        traceback.print_exc()
        ending["code"], error = status_of(raised), raised
        if not plugin.ran:
            failed = {"what": "session", "error": "%s: %s" % (type(error).__name__, error)}
            lack = plugin.lack_of(error)
            channel.send({"failed": dict(failed, lack=lack) if lack is not None else failed})
    ending.update(plugin.ending(ending["code"], error))
    sys.stdout.flush()
    sys.stderr.flush()
    if handle is not None:
        measured = handle.stop()
        ending.update(measured, notes=ending["notes"] + measured["notes"])
    if order.get("sources"):
        ending["sources"] = sources(plugin.warned)
    return ending


def sources(without):
    """The files that this process has imported."""
    files = set()
    for module in list(sys.modules.values()):
        try:
            # A lazy module's attribute would import it; anything may stand for a module.
            files.add(types.ModuleType.__dict__["__dict__"].__get__(module).get("__file__"))
        except Exception:
            continue
    return sorted(file for file in files if isinstance(file, str) and file not in without)


def refuse(channel, sentence, module):
    channel.send({"failed": {"what": "open", "error": sentence, "usage": True, "lack": {"kind": "module", "name": module}}})


if __name__ == "__main__":
    main()
