"""Entry of the conclusion: one pytest process that sees every report of the run.

Started as `python replay.py` with one line of JSON on stdin: args (the user's),
dir (worker.Conclude.Dir), color ("yes", "no" or "") and seed, as documented in
conclude.go. A second line says that dir is complete: until then pytest gets
ready, so that nobody waits for that when the tests end. pytest's own text goes
to stdout, its JUnit file to dir/out/junit.xml, what was counted to
dir/out/replay.json, and files that plugins write for the user to dir/out/reports.

With a share in the first line (the name of a worker, and what its session ended
with) only that worker's reports are replayed. That tells whether the end of its
session follows from them: dir/shares/<name>.json says so, and nothing else is made.
"""

import json
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
    script = os.path.join(os.path.dirname(sys.executable), "pytest")
    if not os.path.exists(script):
        script = shutil.which("pytest") or script
    sys.path[0] = os.path.dirname(script)

    stdin = os.fdopen(os.dup(0), "rb", buffering=0)  # pytest's capture takes the original
    request = json.loads(stdin.readline())
    args = request["args"]
    sys.argv[:] = [script] + args
    sys.modules["__main__"].__file__ = script

    import pytest

    from _shardyard.leave import leave, status_of
    from _shardyard.replay_plugin import Gate, Replay

    def wait():
        if stdin.closed:
            return
        ready = stdin.readline()
        stdin.close()
        if not ready:
            raise pytest.exit.Exception("the run was given up")

    share = request.get("share")
    replay = Replay(request["dir"], request.get("seed") or 0, request.get("color"), share and share["name"])
    try:
        code = int(pytest.main(args, plugins=[Gate(wait), replay]))
    except (Exception, SystemExit) as error:
        if not replay.replayed:
            raise
        # A hook of the project or of a plugin, at the end: a status of its own.
        traceback.print_exc()
        code = status_of(error)
    wait()  # where pytest ended before its session began
    replay.close()
    if share is not None:
        with open(os.path.join(request["dir"], "shares", share["name"] + ".json"), "w", encoding="ascii") as f:
            json.dump({"same": replay.ends_as(share, code)}, f)
        leave(0)
    partial = replay.copy_written()
    with open(os.path.join(request["dir"], "out", "replay.json"), "w", encoding="ascii") as f:
        whole, forgiven = replay.is_whole(), replay.forgives(code)
        json.dump({"exit": code, "tests": replay.counts(), "error": replay.error, "junitxml": replay.junitxml, "partial": partial, "whole": whole, "forgiven": forgiven}, f)
    leave(0)


if __name__ == "__main__":
    main()
