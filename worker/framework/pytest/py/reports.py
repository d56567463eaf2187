"""pytest's own objects as data, and the way out for them."""

import contextlib
import platform

try:
    from _pytest import subtests
except ImportError:  # before pytest 9
    subtests = None

from . import attributes, cut, verdict
from .channel import text

COUNTED = "$shardyard_counted"  # of a report of a subtest: its test fails with it


class Wire:
    """Events of worker.Event on the channel. Every method is silent in a
    forked child."""

    def __init__(self, channel, shown):
        self._channel = channel
        self.shown = shown  # a text with the user's paths
        self._counts = {"started": 0, "finished": 0}
        self.config = None
        self.send = channel.send
        self.ask = channel.ask
        self._hold = channel.hold

    def emit(self, event, now=True, **fields):
        """Not now: with the next message."""
        if event in self._counts:
            self._counts[event] += 1
        send = self.send if now else self._hold
        send({event: fields})

    def reported(self, test, kind, data, now=True, called=False):
        """A report; nobody looks into its data on the way to the conclusion,
        hence called: it is of the call itself."""
        head = {"reported": {"test": test, "kind": kind}}
        if called:
            head["called"] = True
        send = self.send if now else self._hold
        send(head, cut.fitting(data, text))

    def serialise(self, report):
        """The report as data."""
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        if subtests is not None and report.failed and verdict.is_subtest(report):
            # Those of unittest do not fail the test that they are of.
            data[COUNTED] = bool(self.config.stash[subtests.failed_subtests_key].get(getattr(report, "id", report.nodeid)))
        return attributes.pack(report, data)

    @staticmethod
    def timed(data, seconds=0.0):
        """The data of a report with seconds, how long it took, where its own duration
        cannot be a time: pytest and plugins add durations up."""
        for name, known, most in (("duration", seconds, 1e9), ("start", 0.0, 1e12), ("stop", 0.0, 1e12)):
            if name in data and not verdict.is_time(data[name], most):
                data[name] = known
        return data

    def counts(self):
        return dict(self._counts)


def warning(message):
    """A warnings.WarningMessage as data: enough to make it again where its
    class can be imported, and to show it where it cannot."""
    text = message.message
    cause = text if isinstance(text, Warning) else None
    return {
        "message": str(text),
        "class": _name(type(cause)) if cause is not None else None,
        "args": [arg if isinstance(arg, (str, int, float, bool, type(None))) else str(arg) for arg in cause.args] if cause is not None else None,
        "category": _name(message.category) if message.category else None,
        "filename": message.filename,
        "lineno": message.lineno,
        "line": message.line,
    }


def _name(cls):
    return [cls.__module__, cls.__qualname__]


def framework():
    import pytest

    return "pytest " + pytest.__version__


def runtime():
    return "%s %s" % ({"CPython": "Python"}.get(platform.python_implementation(), platform.python_implementation()), platform.python_version())


class _Nowhere:
    """A file for the terminal reporter, whose text is made by the replay. What
    pytest writes in the middle of a test, as for subtests, it captures itself;
    it still does."""

    encoding = "utf-8"

    def __init__(self, file, captures):
        self._file = file
        self._captures = captures
        self._hear = None

    @contextlib.contextmanager
    def tee(self, hear):
        """Has what is written meanwhile heard."""
        before, self._hear = self._hear, hear
        try:
            yield
        finally:
            self._hear = before

    def write(self, text):
        if self._hear is not None:
            self._hear(text)
        capture = getattr(self._captures, "_global_capturing", None)
        if getattr(capture, "_state", None) == "started":
            return self._file.write(text)
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False


def silence(config):
    """Keeps the terminal reporter's text out of the session's output. Returns
    the file that takes it; None when there is no such reporter."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        captures = config.pluginmanager.getplugin("capturemanager") if getattr(config.option, "capture", "no") != "no" else None
        reporter._tw._file = _Nowhere(reporter._tw._file, captures)
        return reporter._tw._file
    return None
