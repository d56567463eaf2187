"""The end of a process that has said all it had to say."""

import atexit
import contextlib
import gc
import os
import sys
import threading


def leave(code):
    """Ends the process as sys.exit does, with threads that are waited for and
    functions of atexit, but without freeing every object that is left: of a
    large suite that takes longer than many a test."""
    if not hasattr(threading, "_shutdown") or not hasattr(atexit, "_run_exitfuncs"):
        sys.exit(code)
    try:  # what Py_FinalizeEx begins with, in its order
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(AttributeError, OSError, ValueError):  # the tests' own, or closed
                stream.flush()
    finally:
        os._exit(code)


def status_of(error):
    """The exit status of a process that this error ends."""
    if not isinstance(error, SystemExit):
        return 1
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1


def settle():
    """What pytest looks for when it ends, in ten passes over all objects, is
    garbage that complains when it is freed. That is found here; what is left
    is alive, and need not be looked at again."""
    for _ in range(5):
        if not gc.collect():
            break
    gc.freeze()
