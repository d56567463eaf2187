"""The pytest plugin of a session: where pytest's hooks meet our parts."""

import os

import pytest

from . import gathered, junit, lazy, loops, reports, verdict, xdist
from .collection import Collection
from .desk import shown
from .ends import End
from .lacks import lack_of
from .leave import settle
from .logfile import LogFile
from .settings import Settings
from .stream import Loop
from .suspicion import Foresight
from .threads import await_threads, is_stray
from .written import Opened

MAX_SUSPECTS = 5_000  # files


class Plugin:
    """Registered with pytest.main. order is what the agent sent."""

    def __init__(self, channel, order):
        options = order["options"]
        self._wire = reports.Wire(channel, shown(order.get("desk")))
        self._settings = Settings(int(options.get("seed") or 0), order["scratch"])
        self._measured = options.get("coverage") is not None
        self._lazy = order["mode"] == "lazy"
        self._foresees = bool(order.get("foresee"))
        self._suspects = []
        self._reason = order.get("reason") or ""  # why not lazily, when that was asked for
        self._fixtures = xdist.announce()
        self._collection = None
        self._loop = None
        self._stop = ""
        self._notes = []
        self._properties = junit.Properties()
        self._scratch = order["scratch"]
        self._logs = None
        self._names = gathered.Names()
        self._gathering = None
        self._end = End()
        self._terminal = None
        self._session = None
        self._failures = 0
        self._strays = 0
        self._lack = None  # what kept pytest from starting
        self._directory = os.getcwd()
        self._opened = False
        self._ran = False  # to the end of the stream of tests
        # Files of which there was a warning: some come only when they are compiled.
        self.warned = set()

    def ending(self, code, error=None):
        """What is to be said when pytest has returned, or left with an error."""
        if error is not None:
            self._end.failed(error)
        notes = self._notes + ([self._end.note()] if self._end.note() else [])
        said = dict(
            self._wire.counts(),
            code=code,
            stop=self._stop,
            unexplained=self._unexplained(code),
            closing=self._end.heard,
            notes=notes,
            suspects=self._suspects,
        )
        if self._lack is not None:
            said["lack"] = self._lack
        return said

    def lack_of(self, error):
        """What an error says is not there, as data; None for no such thing."""
        return lack_of(error, self._directory)

    @property
    def ran(self):
        """Whether all tests had been run: what goes wrong then is no test's."""
        return self._ran

    def _unexplained(self, code):
        """Whether a status is another one than the tests make it. One that says
        that all is well is no evidence, and nobody's complaint."""
        if self._loop is None:
            return False
        explained = 1 if self._failures else 0 if self._session.testscollected else 5
        return code not in (0, explained) or bool(code and self._strays)

    # Configuration

    # A wrapper, so that it comes before the project's plugins.
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config):
        self._settings.early(early_config)
        # Warnings of the conftests come next, and name files below it.
        self._wire.reported("", "root", {"rootdir": str(early_config.rootpath)})
        self._names.config = frozenset(vars(early_config))
        outcome = yield
        if outcome.excinfo is not None:
            self._lack = self.lack_of(outcome.excinfo[1])

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config):
        self._settings.apply(config)
        yield

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        self._wire.config = config
        self._settings.isolate(config)
        if self._fixtures is not None and config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(self._fixtures, "shardyard-xdist")
        self._terminal = reports.silence(config)
        junit.idle(config)
        self._logs = LogFile(config, os.path.join(self._scratch, "log"))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionstart(self, session):
        self._names.session = frozenset(vars(session))
        yield
        self._started(session)

    def _started(self, session):
        self._session = session
        self._gathering = gathered.Gathering(session.config, session, self._names)
        self._settings.configured(session.config)
        self._wire.reported("", "settings", dict(self._settings.describe(session.config), measured=self._measured or self._settings.measures()))
        if self._lazy and not self._reason:
            self._reason = "; ".join(self._settings.full) or lazy.objection(session) or ""
        if self._lazy and not self._reason:
            self._collection = lazy.LazyCollection(self._wire, session, self._settings.distribution)
        else:
            self._collection = Collection(self._wire, self._settings.distribution)
            self._collection.listen(session.config)

    # Collection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectstart(self, collector):
        self._collection.collecting(collector)

    def pytest_collectreport(self, report):
        self._failures += bool(report.failed)
        self._collection.collected(report)

    def pytest_deselected(self, items):
        self._collection.deselected(items)

    def pytest_exception_interact(self, call, report):
        """Of a test, and of a collector."""
        lack = self.lack_of(call.excinfo.value)
        if lack is None:
            return
        if self._attempt():
            self._attempt().lacks(lack)
        elif isinstance(report, pytest.CollectReport):
            self._collection.lacks.append(lack)

    # Tests

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        self._settings.collected(session.config)
        self._open(self._collection.mode)
        stop = self._collection.publish(session)
        if stop:
            raise session.Interrupted(stop)
        self._tell_gathered(self._gathering.collected(whole=self._collection.mode == "full"))
        self._notes += loops.prepare(session)
        session.config.pluginmanager.register(First(self), "shardyard-first")
        self._loop = Loop(session, self._wire, self._collection, self._gathering)
        foresight = Foresight(session) if self._foresees and self._collection.mode == "full" else None
        try:
            self._loop.run()
        except session.Failed as failed:  # session.shouldfail: no test is to follow
            self._stop = str(failed)
            raise
        finally:
            # What hangs from here on hangs in no test.
            self._wire.send({"finishing": True})
        self._ran = True
        if foresight is not None:
            self._suspects = foresight.suspects(self._loop.files)[:MAX_SUSPECTS]
        await_threads(session.config, self._loop.threads)
        return True

    def _open(self, mode):
        self._opened = True
        self._wire.emit("opened", mode=mode, reason=self._reason, framework=reports.framework(), runtime=reports.runtime())

    def _tell_gathered(self, added):
        if added:
            self._wire.reported("", "gathered", added)

    def _attempt(self):
        return self._loop.attempt if self._loop is not None else None

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        """That the test which is failed for it passes elsewhere proves nothing. Of a
        unittest test, the call has its exception once this hook has run."""
        yield
        if call.excinfo is not None and is_stray(call.excinfo.value):
            self._strays += 1
            self._end.failed(call.excinfo.value)

    def pytest_runtest_logstart(self, nodeid, location):
        if self._attempt():
            self._attempt().logstart(nodeid, location)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        self._failures += bool(report.failed and not hasattr(report, "wasxfail"))  # as the session itself counts
        if not self._attempt():
            return
        called = report.when == "call" or (report.when == "setup" and not report.passed)
        if called:
            attributes = junit.attributes(self._wire.config, report.nodeid)
            if attributes:
                self._attempt().log("xml", {"attributes": attributes}, now=False)
        properties = self._properties.of(self._wire.config, report.when == "call")
        if properties:
            self._attempt().log("suite", {"properties": properties}, now=False)
        # The agent must know of it before the teardown, which may end the
        # process, and of what else failed in time for what follows.
        asks = called and self._loop.next.state is None and not verdict.is_subtest(report)
        self._attempt().report(report, now=not asks and (called or not report.passed))
        if asks:
            # Here, so that the way to the agent and back is no part of what
            # pytest measures for the teardown.
            self._loop.next.resolve()

    def seen(self, report):
        """The report before any other hook has it: hooks of the project edit it, and
        the replay calls these again."""
        if self._attempt():
            self._attempt().seen(report)

    def pytest_runtest_logfinish(self, nodeid, location):
        if self._attempt():
            text = self._logs.more()
            if text:
                self._attempt().log("logs", {"text": text}, now=False)
            self._attempt().log("logfinish", {"nodeid": nodeid, "location": location}, now=False)

    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        self.warned.add(warning_message.filename)
        data = {"warning": reports.warning(warning_message), "when": when, "nodeid": nodeid, "location": location}
        attempt = self._attempt() if when == "runtest" else None
        if attempt is not None:
            attempt.log("warning", data)
        else:
            self._wire.reported("", "warning", data)

    # The end

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session):
        self._end.watch(session.config, self._terminal)
        properties = self._properties.others(session.config)
        if properties:
            self._wire.reported("", "suite", {"properties": properties})
        if self._gathering is not None:
            self._tell_gathered(self._gathering.added(last=True))
        opened = Opened(str(session.config.invocation_params.dir))
        with opened:
            yield
        if opened.sizes():
            self._wire.reported("", "wrote", opened.sizes())
        if self._end.heard:
            self._wire.reported("", "closing", {"text": self._end.heard})

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        settle()

    def pytest_keyboard_interrupt(self, excinfo):
        stop = excinfo.exconly().split(": ", 1)[-1].strip() or excinfo.typename
        if self._opened or getattr(excinfo.value, "returncode", None) != 0:
            self._stop = stop
            return
        # As in plain pytest: there is no test, and that is well.
        self._notes.append("pytest.exit ended the sessions before they had collected any test, with status 0: %s" % stop)
        self._open("full")
        self._wire.emit("collected", tests=0, duration_ms=0)

    def pytest_internalerror(self, excinfo):
        # The traceback is in the output, as pytest writes it.
        entry = excinfo.traceback[-1]
        what = (excinfo.exconly().splitlines() or [excinfo.typename])[0]
        if self._ran:
            self._end.hear("internal error of pytest: %s\n" % what)
            return
        error = "internal error of pytest: %s (%s:%d)%s" % (what, entry.path, entry.lineno + 1, _way(excinfo.traceback))
        self._wire.send({"failed": {"what": "session", "error": error}})


def _way(traceback):
    """How an error came about, in lines of their own: the last calls, less those
    within pytest and in this package, which lies elsewhere on each worker."""
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
    own = [
        entry for entry in traceback if not str(entry.path).startswith(here) and not {"_pytest", "pluggy"}.intersection(str(entry.path).split(os.sep))
    ]
    return "".join("\n%s:%d: in %s\n    %s" % (entry.path, entry.lineno + 1, entry.name, str(entry.statement).strip()) for entry in own[-5:])


class First:
    """Registered when all conftest files are, so that it comes before their
    wrappers, which come before everything else."""

    def __init__(self, plugin):
        self._plugin = plugin

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report):
        self._plugin.seen(report)
        yield
