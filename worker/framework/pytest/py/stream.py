"""Tests as they arrive: pytest's loop, with the next test not yet known.

pytest wants to know the next test before it tears the current one down, so
that fixtures that both need stay up. Here the next test is asked for only
when pytest looks, so that no more than the running test is locked.
"""

import contextlib

from _pytest.logging import caplog_records_key
from _pytest.runner import call_and_report

from . import verdict
from .lazy import catch_warnings

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

    def __init__(self, session, wire, collection):
        self.session = session
        self._wire = wire
        self._collection = collection
        self.attempt = None
        self.next = None

    def run(self):
        leased = self._wait()
        while leased is not None:
            leased = self._run(leased)

    def peek(self):
        """Asks for the next test, without waiting. Its item is not set when
        its file is still to be collected, which is not this test's time."""
        while True:
            state, leased = self._ask(wait=False)
            if leased is None or not self._collection.holds(leased.file):
                return state, leased
            if self._resolve(leased):
                return state, leased

    def _wait(self):
        while True:
            _, leased = self._ask(wait=True)
            if leased is None or self._resolve(leased):
                return leased

    def _resolve(self, leased):
        """Sets the test's item; tells the agent when there is none."""
        if not self._collection.holds(leased.file):
            self._wire.send({"opening": {"test": leased.id, "token": leased.token}})
        leased.item = self._collection.find(leased.file, leased.id)
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
        self.attempt = Attempt(self._wire, leased)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self.next)
        if session.shouldfail or session.shouldstop:
            self.attempt.close()
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            raise session.Interrupted(session.shouldstop)
        following = self._following()
        self.attempt.close()
        self._finish_teardown(item, following)
        return following

    def _following(self):
        """The test after this one, once it is known for certain."""
        following = self.next.leased
        if self.next.state == ENDED or (following is not None and following.item is not None):
            return following
        # What follows can take its time, and can end the process.
        self.attempt.close()
        if following is not None and self._resolve(following):
            return following
        return self._wait()

    def _finish_teardown(self, item, following):
        """Takes down what the stand-in kept up and the next test has no use
        for. It is part of the teardown of the test before."""
        stack = list(self.session._setupstate.stack)
        chain = following.item.listchain() if following else []
        if stack == chain[: len(stack)]:
            return
        item.stash[caplog_records_key] = {}
        with self.next.as_kept(), catch_warnings(item.config, item.ihook, "runtest", item):
            report = call_and_report(item, "teardown", log=False, nextitem=following.item if following else None)
        self.attempt.amend(report)


class Next:
    """What pytest gets for the next test. It asks for it once, when it is
    looked at. While none is known it stands for a neighbour of the current
    test, so that only what is the current test's own is torn down."""

    def __init__(self, loop, current):
        self._loop = loop
        self._current = current
        self.state = None
        self.leased = None
        self._kept = {}

    def resolve(self):
        if self.state is None:
            self.state, self.leased = self._loop.peek()
            if self.stands_in():
                held = vars(self._current)
                self._kept = {name: held[name] for name in ("_request", "funcargs") if name in held}

    @contextlib.contextmanager
    def as_kept(self):
        """The current test as it was while its teardown ran: pytest empties
        it behind that, and hooks of the teardown look into it."""
        emptied = {name: getattr(self._current, name) for name in self._kept}
        vars(self._current).update(self._kept)
        try:
            yield
        finally:
            vars(self._current).update(emptied)
            self._kept = {}

    def stands_in(self):
        """Whether pytest was told less than it will turn out to be."""
        return self.state == EMPTY or (self.state == READY and self.leased.item is None)

    def __bool__(self):
        self.resolve()
        return self.state != ENDED

    def listchain(self):
        self.resolve()
        if self.state == ENDED:
            return []
        if self.stands_in():
            return self._current.listchain()[:-1]
        return self.leased.item.listchain()

    def __getattr__(self, name):
        self.resolve()
        if self.state == ENDED:
            return getattr(None, name)
        return getattr(self._current.parent if self.stands_in() else self.leased.item, name)


class Attempt:
    """One execution of one test, as the agent hears of it."""

    def __init__(self, wire, leased):
        self._wire = wire
        self._id = leased.id
        self._token = leased.token
        self._verdict = verdict.Verdict()
        self._teardown = None  # the last report of a teardown
        self._closed = False
        wire.emit("started", test=self._id, token=self._token)

    def log(self, kind, data):
        """A call of pytest's logging hooks."""
        self._wire.reported(self._id, kind, data)

    def report(self, report):
        self._verdict.add(report)
        if getattr(report, "when", None) == "teardown":
            self._teardown = report
        self.log("report", self._wire.serialise(report))

    def close(self):
        if not self._closed:
            self._closed = True
            self._finished()

    def amend(self, report):
        """The rest of the teardown, told when there is something to tell."""
        self._verdict.add(report)
        told = self._teardown is not None and report.sections == self._teardown.sections
        if report.passed and told and report.duration < WORTH_TELLING:
            return
        if self._teardown is not None:
            report = verdict.merge(self._teardown, report)
        self.log("amend", self._wire.serialise(report))
        self._finished()

    def _finished(self):
        self._wire.emit("finished", test=self._id, token=self._token, **self._verdict.finished())
