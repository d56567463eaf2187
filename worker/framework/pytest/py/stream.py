"""Tests as they arrive: pytest's loop, with the next test not yet known.

pytest wants to know the next test before it tears the current one down, so
that fixtures that both need stay up. Here the next test is asked for only
when pytest looks, so that no more than the running test is locked.
"""

import contextlib
import copy
import functools
import threading
import time

from _pytest.logging import caplog_records_key
from _pytest.outcomes import Exit
from _pytest.runner import CallInfo

from . import verdict
from .lazy import catch_warnings
from .threads import await_threads

WORTH_TELLING = 0.005  # seconds of a teardown

READY, EMPTY, ENDED = "ready", "empty", "ended"


class Leased:
    """A test that was handed out."""

    def __init__(self, answer):
        self.id = answer["test"]
        self.file = answer["file"]
        self.token = answer["token"]
        self.item = None


class Loop:
    """Runs tests until no more come."""

    def __init__(self, session, wire, collection, gathering):
        self.session = session
        self._gathering = gathering
        self.threads = set(threading.enumerate())  # that no test started
        self._wire = wire
        self._collection = collection
        self.attempt = None
        self.next = None
        self.files = set()  # of which a test was run

    def run(self):
        _, leased = self.lease(wait=True)
        while leased is not None:
            if self._resolve(leased):
                leased = self._run(leased)
            else:
                _, leased = self.lease(wait=True)

    def lease(self, wait):
        """Asks for the next test. Its item is not set when its file is still
        to be collected: that is not the running test's time, and what the
        file's collection must not see is still up."""
        while True:
            state, leased = self._ask(wait)
            if leased is None or not self._collection.holds(leased.file) or self._resolve(leased):
                return state, leased

    def node(self, leased):
        """What leads to a test: the test, or else its file."""
        return self._collection.node(leased.file) if leased.item is None else leased.item

    def _resolve(self, leased):
        """Sets the test's item; tells the agent when there is none."""
        if leased.item is not None:
            return True
        opens = not self._collection.holds(leased.file)
        if opens:
            self._wire.send({"opening": {"test": leased.id, "token": leased.token}})
        leased.item = self._collection.find(leased.file, leased.id)
        if opens:
            added = self._gathering.collected(whole=False)
            if added:
                self._wire.reported("", "gathered", added)
        if leased.item is None:
            self._wire.emit("returned", tests=[], unknown=[leased.id])
        return leased.item is not None

    def _ask(self, wait):
        answer = self._wire.ask({"next": {"wait": wait}})
        if answer is None:  # a forked child: it runs no test but its own
            return (ENDED if wait else EMPTY), None
        leased = Leased(answer) if answer["state"] == READY else None
        return answer["state"], leased

    def _run(self, leased):
        session, item = self.session, leased.item
        self.next = Next(self, item)
        self.files.add(leased.file)
        self.attempt = Attempt(self._wire, leased, self._collection.suspicion)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self.next)
        added = self._gathering.added()
        if added:
            self.attempt.log("gathered", added, now=False)
        if session.shouldfail or session.shouldstop:
            self.attempt.close(now=True)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            raise session.Interrupted(session.shouldstop)
        following = self.next.leased
        if following is None:
            self.attempt.stray = await_threads(item.config, self.threads)
        while True:
            # What follows can take its time, and can end the process; but a
            # test that starts at once says so, and this with it.
            self.attempt.close(now=following is None or following.item is None or not self._fits(following))
            if following is None and self.next.state != ENDED:
                self.next.state, following = self.lease(wait=True)
            self._finish_teardown(item, following)
            if following is None or self._resolve(following):
                self.next.forget()
                return following
            following = None

    def _fits(self, following):
        """Whether all that is set up is of use to the next test."""
        stack = list(self.session._setupstate.stack)
        chain = self.node(following).listchain() if following else []
        return stack == chain[: len(stack)]

    def _finish_teardown(self, item, following):
        """Takes down what the stand-in kept up and the next test has no use
        for. It is part of the teardown of the test before."""
        if self._fits(following):
            return
        item.stash[caplog_records_key] = {}
        with self.next.as_kept(), catch_warnings(item.config, item.ihook, "runtest", item):
            report = _rest_of_teardown(item, self.node(following) if following else None)
        self.attempt.amend(report)


def _rest_of_teardown(item, nextitem):
    """A second call of the hook, as pytest's own runner makes it, for what does
    the teardown and what is around that. What a project or a plugin does
    besides, it has done in the first one."""
    manager, hook = item.config.pluginmanager, item.ihook.pytest_runtest_teardown
    around = [implementation.plugin for implementation in hook.get_hookimpls() if _is_around(implementation)]
    hook = manager.subset_hook_caller(hook.name, [plugin for plugin in manager.get_plugins() if plugin not in around])
    # A partial, since a function of ours would show in tracebacks.
    call = CallInfo.from_call(functools.partial(hook, item=item, nextitem=nextitem), "teardown", reraise=(Exit, KeyboardInterrupt))
    return item.ihook.pytest_runtest_makereport(item=item, call=call)


def _apart(fields):
    """The fields, with lists and dicts of their own."""
    return {name: type(value)(value) if type(value) in (list, dict) else value for name, value in fields.items()}


def _is_around(implementation):
    wraps = implementation.hookwrapper or getattr(implementation, "wrapper", False)
    return wraps or (implementation.function.__module__ or "").startswith("_pytest.")


class Next:
    """What pytest gets for the next test. It asks for it once, when it is
    looked at. A test whose file is still to be collected is as good as that
    file. While none is known it stands for a neighbour of the current test, so
    that only what is the current test's own is torn down."""

    def __init__(self, loop, current):
        self._loop = loop
        self._current = current
        self.state = None
        self.leased = None
        self._kept = {}

    def resolve(self):
        if self.state is None:
            self.state, self.leased = self._loop.lease(wait=False)
            if self.leased is None or self.leased.item is None:
                self._kept = dict(vars(self._current))

    @contextlib.contextmanager
    def as_kept(self):
        """The current test as it was while its teardown ran: pytest and
        plugins empty it behind that, and hooks of the teardown look into it."""
        held = vars(self._current)
        restored = {name: value for name, value in self._kept.items() if name in ("_request", "funcargs") or name not in held}
        emptied = {name: held[name] for name in restored if name in held}
        held.update(restored)
        try:
            yield
        finally:
            for name in restored:
                held.pop(name, None)
            held.update(emptied)

    def forget(self):
        self._kept = {}

    def _node(self):
        self.resolve()
        if self.state == ENDED:
            return None
        return self._current.parent if self.leased is None else self._loop.node(self.leased)

    def __bool__(self):
        return self._node() is not None

    def listchain(self):
        node = self._node()
        return node.listchain() if node is not None else []

    def __getattr__(self, name):
        return getattr(self._node(), name)


class Attempt:
    """One execution of one test, as the agent hears of it."""

    # An argument's default is where tools that freeze time do not look.
    def __init__(self, wire, leased, suspicion, clock=time.time):
        self._wire = wire
        self._suspicion = suspicion
        self._id = leased.id
        self._file = leased.file
        self._suspect = False
        self.stray = False  # something failed when no test ran
        self._token = leased.token
        self._verdict = verdict.Verdict(leased.item, wire.config.invocation_params.dir)
        self._teardown = None  # the last report of a teardown, before hooks edited it
        self._first = None, None, None  # a report, and a copy and its data from before hooks edited it
        self._closed = False
        # Both before anything else runs: a hook of the protocol can end the
        # process before pytest logs the start.
        wire.emit("started", now=False, test=self._id, token=self._token, at_ms=round(1000 * clock(), 3))
        if suspicion is not None:
            suspicion.begins()
        self._start = {"nodeid": leased.item.nodeid, "location": leased.item.location}
        self.log("logstart", self._start)

    def log(self, kind, data, now=True, called=False):
        """A call of pytest's logging hooks."""
        self._wire.reported(self._id, kind, data, now, called)

    def logstart(self, nodeid, location):
        """A start that pytest logs: the first is known, a plugin may make others."""
        start, told = {"nodeid": nodeid, "location": location}, self._start
        self._start = None
        if start != told:
            self.log("logstart", start)

    def seen(self, report):
        before = copy.copy(report)
        vars(before).update(_apart(vars(before)))
        self._first = report, before, _apart(self._wire.serialise(report))

    def report(self, report, now):
        seconds = self._verdict.add(report)
        when = getattr(report, "when", None)
        if when == "setup" and self._suspicion is not None:
            self._suspicion.set_up()
        first, before, data = self._first
        if first is not report:
            before, data = report, self._wire.serialise(report)
        if when == "teardown":
            self._teardown = before
        self.log("report", self._wire.timed(data, seconds), now, called=when == "call")

    def lacks(self, lack):
        """Something failed because of what is not there."""
        self._verdict.lack = self._verdict.lack or lack

    def close(self, now):
        if not self._closed:
            self._closed = True
            self._suspect = self._suspicion is not None and self._suspicion.ends(self._file)
            self._finished(now)

    def amend(self, report):
        """The rest of the teardown, told when there is something to tell."""
        self._verdict.add(report)
        told = self._teardown is not None and report.sections == self._teardown.sections
        if report.passed and told and report.duration < WORTH_TELLING:
            return
        if self._teardown is not None:
            report = verdict.merge(self._teardown, report)
        self._teardown = report
        self.log("amend", self._wire.timed(self._wire.serialise(report)))
        self._finished(now=True)

    def _finished(self, now):
        suspect = {"tentative": True} if self._suspect else {}
        if self.stray:
            suspect["stray"] = True
        self._wire.emit("finished", now, test=self._id, token=self._token, **suspect, **self._verdict.finished())
