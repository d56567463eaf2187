"""Implementations of pytest_runtestloop in the project: in plain pytest they come
before pytest's own loop, and here before ours."""

import pytest

from .ends import owner_of


class _NoTest:
    """Takes the place of what runs a test."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self):
        return True


def prepare(session):
    """Calls them, as they prepare something. One that runs the tests itself runs
    none: tests are handed out. Returns sentences for the user."""
    manager, notes = session.config.pluginmanager, []
    for implementation in reversed(session.config.hook.pytest_runtestloop.get_hookimpls()):
        wraps = implementation.hookwrapper or getattr(implementation, "wrapper", False)
        owner = owner_of(implementation, session.config)
        if wraps or not owner.endswith(".py"):
            continue
        nobody = _NoTest()
        manager.register(nobody)
        try:
            ended = implementation.function(*[session for _ in implementation.argnames])
        finally:
            manager.unregister(nobody)
        if ended is not None:
            notes.append("pytest_runtestloop of %s runs the tests itself: here they run in pytest's own way" % owner)
            break
    return notes
