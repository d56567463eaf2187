"""The pytest plugin of the replay: in place of collecting and running tests it
fires the hooks that the workers' pytest fired, with the reports that travelled.
No test code is imported."""

import contextlib
import copy
import gc
import json
import os
import sys

import pytest
from _pytest import junitxml
from _pytest._code.code import ReprFileLocation, TerminalRepr

try:
    from _pytest import subtests
except ImportError:  # before pytest 9
    subtests = None

from . import failures, gathered, owner, verdict
from .ends import End, Tee, lines_of
from .logfile import LogFile
from .replay_records import Once, Paths, Records, in_order, report_of, warning_of
from .reports import COUNTED
from .settings import settle_seed
from .written import Written


# Options that would fight with a replay, and their neutral values, by plugin.
NEUTRAL = {
    "main": {"maxfail": 0},
    "junitxml": {"xmlpath": None},
    "cacheprovider": {"lf": False, "failedfirst": False, "newfirst": False},
    "stepwise": {"stepwise": False, "stepwise_skip": False},
    "debugging": {"usepdb": False, "trace": False},
    "pytest-xdist": {"numprocesses": None, "maxprocesses": None, "dist": "no", "tx": [], "looponfail": False},
    "pytest-cov": {"cov_source": []},
    "pytest-split": {"store_durations": False},
}


class Quiet(junitxml.LogXML):
    """pytest's JUnit writer, less its line about a path that users never see."""

    pytest_terminal_summary = None


class Deselected:
    """Stands for an item that the selection left out: plugins look at all that
    the terminal reporter counts."""

    nodeid = ""
    outcome = "deselected"


class Death(TerminalRepr):
    """How a test failed of which pytest has no report."""

    def __init__(self, location, message):
        self.reprcrash = ReprFileLocation(location[0], (location[1] or 0) + 1, message)

    def toterminal(self, tw):
        tw.line(self.reprcrash.message)


class Gate:
    """Holds the session, before anything of it is printed, until the run is over."""

    def __init__(self, wait):
        self._wait = wait

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self):
        self._wait()


class Replay:
    """Registered with pytest.main. dir is worker.Conclude.Dir, seed the one that
    the sessions had, color "yes", "no" or "": as pytest finds fit. share, if any,
    names a worker, whose reports alone are replayed."""

    def __init__(self, dir, seed, color="", share=None):
        self._dir = dir
        self._share = share
        self._seed = seed
        self._color = color
        self.junitxml = None  # where the user wants the JUnit file
        self._run = None
        self.error = ""
        self.replayed = False  # all reports: what goes wrong then is no matter of ours
        self._config = None
        self._reporter = None
        self._xml = None
        self._paths = None
        self._records = None
        self._once = Once()
        self._firing = False
        self._written = None
        self._closings = {}  # text -> workers
        self._names = gathered.Names()
        self._gathered = None
        self._left = None  # the error that ended pytest before it had begun
        self._last = []  # what sessions gathered behind their last test
        self._failed = self._tests = 0  # when the hooks of the end are called
        self._end = End()

    def copy_written(self):
        """Brings what plugins wrote for the user to the results. Returns the files
        of which workers wrote more."""
        if self._written is None:
            return []
        self._written.copy(os.path.join(self._dir, "out", "reports"))
        return self._written.partial

    def close(self):
        """pytest has ended. pytest.exit before the session can be what became of all
        sessions: then there is nothing to replay."""
        if self._left is not None:
            with open(os.path.join(self._dir, "run.json"), encoding="utf-8") as f:
                self.replayed = not json.load(f)["tests"]
            if not self.replayed:
                self.error = "pytest ended before it saw a report: %s" % self._left.exconly()

    def is_whole(self):
        """Whether the hooks of the end had all that the sessions gathered, and each
        came to its end."""
        return self.replayed and not self._end.excused and (self._gathered is None or self._gathered.is_whole())

    def forgives(self, code):
        """Whether a status of 0 is what the project's hooks have made of it: some
        test failed, or there was none."""
        return code == 0 and self.replayed and bool(self._failed or not self._tests)

    def ends_as(self, session, code):
        """Whether the hooks of the end have made of the share what they made of it
        in the worker: the status and what they say."""
        root = self._paths.root_of(self._share)
        there, here = lines_of(session["closing"], root), lines_of(self._end.heard, str(self._config.rootpath))
        return self.replayed and not self._end.excused and code == session["code"] and there == here

    def counts(self):
        """How many outcomes there were of each category of the terminal's summary."""
        stats = self._reporter.stats if self._reporter is not None else {}
        return {category: len(found) for category, found in stats.items() if category}

    # What would fight with a replay is neutralised. Wrappers come before every
    # other implementation, also before those of plugins registered later.

    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self, early_config):
        if owner.has(early_config.pluginmanager, "pytest-cov"):
            early_config.known_args_namespace.cov_source = []
        self._names.config = frozenset(vars(early_config))
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config):
        manager, option = config.pluginmanager, config.option
        if manager.hasplugin("junitxml"):
            self.junitxml = option.xmlpath
        settle_seed(config, self._seed)
        for plugin, neutral in NEUTRAL.items():
            if manager.hasplugin(plugin) or plugin in owner.MODULES and owner.has(manager, plugin):
                for name, value in neutral.items():
                    if hasattr(option, name):
                        setattr(option, name, value)
        if self._color and manager.hasplugin("terminal"):
            option.color = self._color
        self._written = Written(config, self._junit())
        if manager.hasplugin("junitxml"):
            # Where pytest's own would be among the plugins: what they do to a report depends on it.
            junitxml.LogXML, option.xmlpath = Quiet, self._junit()
        yield

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        self._config = config
        self._paths = Paths(str(config.rootpath))
        self._xml = config.stash.get(junitxml.xml_key, None)
        if self._xml is None:  # -p no:junitxml: the run has a file nevertheless
            self._xml = config.stash[junitxml.xml_key] = Quiet(self._junit(), None)
            config.pluginmanager.register(self._xml)
        elif self._xml.logfile != self._junit():  # a conftest has put it elsewhere
            self.junitxml = config.option.xmlpath
            self._xml.logfile = self._junit()
        self._logs = LogFile(config)
        self._written.look(config, self._logs.path)

    def _junit(self):
        return os.path.join(self._dir, "out", "junit.xml") if self._share is None else os.path.join(self._dir, "shares", self._share + ".xml")

    # The session

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionstart(self, session):
        self._names.session = frozenset(vars(session))
        yield
        self._started(session)

    def _started(self, session):
        self._reporter = session.config.pluginmanager.getplugin("terminalreporter")
        with open(os.path.join(self._dir, "run.json"), encoding="utf-8") as f:
            self._run = json.load(f)
        order = "order.jsonl" if self._share is None else os.path.join("shares", self._share + ".jsonl")
        self._records = Records(os.path.join(self._dir, "reports.jsonl"), os.path.join(self._dir, order), self._paths, self._share)
        session.perform_collect = lambda args=None, genitems=True: self._collect(session)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session):
        self._failed, self._tests = session.testsfailed, session.testscollected
        if self._records is not None:
            if self._share is None:
                self._tell()
            self._records.close()
        if self._gathered is not None:
            self._gathered.give()
            self._end.excuses = bool(self._gathered.given)
        self._end.watch(session.config, self)
        with self._written.opened:
            yield

    def _tell(self):
        """Keeps the texts of failures. That is for people: a report that no plugin can
        show is left out."""
        try:
            failures.write(self._config, self._records, os.path.join(self._dir, "failed.jsonl"), os.path.join(self._dir, "out", "failures.jsonl"))
        except Exception as error:
            print("shardyard: the texts of failures are not all in failures.jsonl: %r" % error, file=sys.stderr)

    def pytest_keyboard_interrupt(self, excinfo):
        if self._gathered is None:
            self._left = excinfo

    def pytest_internalerror(self, excrepr):
        self.error = "internal error of pytest: " + str(excrepr).strip().splitlines()[-1]

    def _collect(self, session):
        self._backdate()
        self._gathered = gathered.Gathered(self._config, session, self._names, self._share is not None)
        for record in self._records.head():
            self._fire(record)
        session.items = []
        session.testscollected = self._run["tests"]
        deselected = self._run.get("deselected") or 0
        if self._reporter is not None:
            self._reporter._numcollected = self._run["tests"] + deselected
            if deselected:
                self._reporter._add_stats("deselected", [Deselected()] * deselected)
        self._config.hook.pytest_collection_finish(session=session)
        self._gathered.give_collected()
        return session.items

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            n = session.testsfailed
            raise session.Interrupted("%d error%s during collection" % (n, "s" if n != 1 else ""))
        # What is made here is kept to the end: nothing of it is garbage, and
        # nobody need look through it again, as pytest does five times when it ends.
        gc.disable()
        try:
            with self._unhurried():
                for records in self._records.tests():
                    for record in in_order(records):
                        self._fire(record)
            for data in self._last:
                self._gathered.add(data)
        finally:
            gc.freeze()
            gc.enable()
        self.replayed = True
        return True

    @contextlib.contextmanager
    def _unhurried(self):
        """Without what pytest does to show each test's letter at once: all
        come within a moment, and each would be a message of its own."""
        writer = getattr(self._reporter, "_tw", None)
        if writer is None:
            yield
            return
        writer.flush = lambda: None
        try:
            yield
        finally:
            del writer.flush
            writer.flush()

    def _fire(self, record):
        act = getattr(self, "_on_" + record["kind"].replace("-", "_"), None)
        if act is not None:
            act(record, record["data"])

    # One method for each kind of record. Kinds that say nothing to pytest
    # (the coordinator's own) have none.

    def _on_collect(self, record, data):
        if self._once.first(record["worker"], "collect", data):
            self._config.hook.pytest_collectreport(report=report_of(self._config, data))

    def _on_collected(self, record, data):
        """What was collected as it should: every worker that collects all says so."""
        if self._once.first(record["worker"], "collected", data):
            self._config.hook.pytest_collectreport(report=report_of(self._config, data))

    def _on_logstart(self, record, data):
        self._config.hook.pytest_runtest_logstart(nodeid=data["nodeid"], location=tuple(data["location"]))

    def _on_report(self, record, data):
        counted = data.pop(COUNTED, True)
        report = report_of(self._config, data)
        if report.failed and counted and verdict.is_subtest(report) and subtests is not None:
            # pytest 9 counts them where they run, and fails their test by the count.
            self._config.stash[subtests.failed_subtests_key][getattr(report, "id", report.nodeid)] += 1
        self._config.hook.pytest_runtest_logreport(report=report)

    def _on_logs(self, record, data):
        self._logs.add(data["text"])

    def _on_logfinish(self, record, data):
        self._config.hook.pytest_runtest_logfinish(nodeid=data["nodeid"], location=tuple(data["location"]))

    def _on_rerun_of(self, record, data):
        """A report of an earlier attempt: shown when that attempt failed."""
        if data.get("outcome") == "failed":
            report = report_of(self._config, data)
            report.outcome = "rerun"
            self._config.hook.pytest_runtest_logreport(report=report)

    def _on_died(self, record, data):
        """pytest had no say: the test's process ended, or its time did."""
        nodeid = data.get("nodeid") or record["test"]
        location = tuple(data.get("location") or (nodeid.split("::")[0], None, nodeid.split("::", 1)[-1]))
        report = pytest.TestReport(
            nodeid=nodeid, location=location, keywords={}, outcome="failed", longrepr=Death(location, data["message"]),
            when="call", duration=data.get("duration") or 0,
        )  # fmt: skip
        self._config.hook.pytest_runtest_logreport(report=report)

    def _on_warning(self, record, data):
        if data["when"] != "runtest" and not self._once.first(record["worker"], "warning", _key(data)):
            return
        self._firing = True
        try:
            self._config.hook.pytest_warning_recorded.call_historic(
                kwargs=dict(
                    warning_message=warning_of(data["warning"]),
                    when=data["when"],
                    nodeid=data["nodeid"],
                    location=tuple(data["location"]) if data["location"] else None,
                )
            )
        finally:
            self._firing = False

    def pytest_warning_recorded(self, warning_message, when, nodeid):
        """A warning of this process itself (configuration, conftest files)
        came in the workers as well, and is shown once."""
        if not self._firing:
            data = {"message": str(warning_message.message), "filename": warning_message.filename, "lineno": warning_message.lineno}
            self._once.first("", "warning", _key({"warning": data, "when": when, "nodeid": nodeid}))

    def _on_xml(self, record, data):
        reporter = self._xml.node_reporter(data.get("nodeid") or record["test"])
        for name, value in data["attributes"].items():
            reporter.add_attribute(name, value)

    def _on_suite(self, record, data):
        for name, value in data["properties"]:
            if record["test"] or self._once.first(record["worker"], "suite", [name, value]):
                self._xml.add_global_property(name, value)

    def _on_gathered(self, record, data):
        if not record["test"] and not data.get("collected"):
            self._last.append(data)
        else:
            self._gathered.add(data)

    def _on_wrote(self, record, data):
        self._written.wrote(data)

    def _on_closing(self, record, data):
        self._closings.setdefault(data["text"].strip("\n"), []).append(record["worker"])

    @contextlib.contextmanager
    def tee(self, hear):
        """Has what is written to the terminal meanwhile heard."""
        writer = getattr(self._reporter, "_tw", None)
        if writer is None:
            yield
            return
        file, writer._file = writer._file, Tee(writer._file, hear)
        try:
            yield
        finally:
            writer._file = file

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter):
        """What hooks of the project and of plugins said in the workers, where
        they do not say it here too, of all reports and all that was gathered."""
        for text in self._end.excused:
            terminalreporter.write_line(text, yellow=True)
        said = self._end.heard.splitlines()
        here, given = set(said), self._gathered is not None and self._gathered.given
        for text, workers in self._closings.items():
            lines = text.splitlines()
            if not here.issuperset(lines) and not (given and len(said) >= len(lines)):
                terminalreporter.section("%s: the end of the session there" % ", ".join(sorted(workers)), sep="-")
                terminalreporter.write_line(text)

    # What users see

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report):
        if report.outcome == "rerun":
            return "rerun", "R", ("RERUN", {"yellow": True})
        return None

    def _backdate(self):
        """Lets the session have begun when the run's tests did, so that the
        closing line and the JUnit file tell its time, not the replay's."""
        seconds = self._run.get("duration_seconds")
        if not seconds:
            return
        for owner, name in ((self._reporter, "_session_start"), (self._xml, "suite_start")):
            instant = copy.copy(getattr(owner, name, None))
            if hasattr(instant, "perf_count"):  # pytest 8.4 and later
                object.__setattr__(instant, "time", instant.time - seconds)
                object.__setattr__(instant, "perf_count", instant.perf_count - seconds)
                setattr(owner, name, instant)
        for owner, name in ((self._reporter, "_sessionstarttime"), (self._xml, "suite_start_time")):
            if isinstance(getattr(owner, name, None), float):
                setattr(owner, name, getattr(owner, name) - seconds)


def _key(data):
    warning = data["warning"]
    return [data["when"], data["nodeid"], warning["message"], warning["filename"], warning["lineno"]]
