"""A plugin for plain pytest that writes down every report, for comparison."""

import fcntl
import os
from json import JSONEncoder
from os import write

encode = JSONEncoder(default=str).encode  # tests replace json.dumps and os.write


class Recorder:
    def __init__(self, config):
        self.config = config
        file = os.open(os.environ.pop("RECORD"), os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self.file = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 500)
        os.close(file)

    def write(self, kind, report):
        data = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        write(self.file, encode({"kind": kind, "data": data}).encode() + b"\n")

    def pytest_runtest_logreport(self, report):
        self.write("report", report)

    def pytest_collectreport(self, report):
        if not report.passed:
            self.write("collect", report)


def pytest_configure(config):
    if "RECORD" in os.environ:
        config.pluginmanager.register(Recorder(config))
