"""A plugin for plain pytest that writes what workers report, as the conclusion
reads it: $JOURNAL becomes a Conclude.Dir."""

import json
import os
import sys
import types

import pytest
from _pytest.junitxml import xml_key

PY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "py")


class Journal:
    def __init__(self, config, directory):
        package = types.ModuleType("_shardyard")
        package.__path__ = [PY]
        sys.modules["_shardyard"] = package
        from _shardyard import channel, reports

        self.encode, self.warning = channel.encode, reports.warning
        self.config, self.directory = config, directory
        self.records, self.tests, self.deselected, self.test = [], 0, 0, ""

    def write(self, kind, data, test=""):
        self.records.append({"worker": "worker-1", "test": test, "kind": kind, "data": data})

    def serialised(self, report):
        return self.config.hook.pytest_report_to_serializable(config=self.config, report=report)

    def pytest_collectreport(self, report):
        if not report.passed:
            self.write("collect", self.serialised(report))

    def pytest_deselected(self, items):
        self.deselected += len(items)

    def pytest_collection_finish(self, session):
        self.tests = len(session.items)

    def pytest_runtest_logstart(self, nodeid, location):
        self.test = nodeid.encode("utf-8", "backslashreplace").decode()
        self.write("logstart", {"nodeid": nodeid, "location": location}, self.test)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        xml = self.config.stash.get(xml_key, None)
        if xml is not None and (report.when == "call" or not report.passed):
            # Before pytest adds its own attributes to the test's.
            reporter = xml.node_reporter(report)
            if reporter.attrs and "name" not in reporter.attrs:
                self.write("xml", {"attributes": reporter.attrs}, self.test)
        self.write("report", self.serialised(report), self.test)

    def pytest_runtest_logfinish(self, nodeid, location):
        self.write("logfinish", {"nodeid": nodeid, "location": location}, self.test)
        self.test = ""

    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        data = {"warning": self.warning(warning_message), "when": when, "nodeid": nodeid, "location": location}
        self.write("warning", data, self.test if when == "runtest" else "")

    def pytest_sessionfinish(self, session):
        xml = self.config.stash.get(xml_key, None)
        if xml is not None and xml.global_properties:
            self.write("suite", {"properties": xml.global_properties})
        self.records.sort(key=lambda record: record["test"] != "")
        with open(os.path.join(self.directory, "reports.jsonl"), "wb") as f:
            for record in self.records:
                f.write(self.encode(record))
        with open(os.path.join(self.directory, "run.json"), "w") as f:
            json.dump({"tests": self.tests, "deselected": self.deselected}, f)


def pytest_load_initial_conftests(early_config):
    if "JOURNAL" in os.environ:
        early_config.pluginmanager.register(Journal(early_config, os.environ.pop("JOURNAL")))
