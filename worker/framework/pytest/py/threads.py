"""Exceptions that nobody can catch, of threads and of objects that are freed:
where warnings are errors, pytest fails whichever test runs when it hears of them.
"""

import sys
import warnings
from threading import enumerate as all_threads  # as it is before tests replace it
from time import monotonic

import pytest


STRAY = (pytest.PytestUnhandledThreadExceptionWarning, pytest.PytestUnraisableExceptionWarning)


def is_stray(error):
    """Whether it is such an exception, or a group of them."""
    within = getattr(error, "exceptions", None)
    if isinstance(within, tuple) and within:
        return all(is_stray(one) for one in within)
    return isinstance(error, STRAY)


def await_threads(config, before, limit=1.0):
    """Waits a moment for threads that tests left: in plain pytest, other tests
    run meanwhile, and where warnings are errors one of them fails for what goes
    wrong in such a thread. Here no test may, and the session does. before are the
    threads that no test started. Those that wait for work are not waited for.
    Returns whether something went wrong in a thread and no test has failed for it."""
    try:
        from _pytest.threadexception import thread_exceptions
    except ImportError:  # before pytest 8.4 there is nobody to hear of it
        return False
    if thread_exceptions not in config.stash:
        return False
    left = [thread for thread in all_threads() if thread not in before]
    if not left and not config.stash[thread_exceptions] or not _is_error(pytest.PytestUnhandledThreadExceptionWarning):
        return False
    idle = getattr(sys.modules.get("concurrent.futures.thread"), "_threads_queues", ())
    until = monotonic() + limit
    for thread in left:
        if not thread.daemon and thread not in idle:
            thread.join(max(0, until - monotonic()))
    return bool(config.stash[thread_exceptions])


def _is_error(category):
    with warnings.catch_warnings(record=True):
        try:
            warnings.warn_explicit("", category, "", 1)
        except category:
            return True
    return False
