"""The plugin of pytest that lets pytest-cov measure where the suite asks for it."""

import os

import pytest


class GiveWay:
    """Finds out whether pytest-cov measures, keeps its data in our directory,
    and leaves its reports and its limit to the end of the whole run."""

    def __init__(self, measurement):
        self._measurement = measurement

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config):
        options = early_config.known_args_namespace
        if not getattr(options, "cov_source", None) or getattr(options, "no_cov", False):
            yield
            return
        how = {
            "config": options.cov_config,
            "report": dict(options.cov_report),
            "fail_under": options.cov_fail_under,
            "precision": getattr(options, "cov_precision", None),
        }
        before = os.environ.get("COVERAGE_FILE")
        os.environ["COVERAGE_FILE"] = self._measurement.give_way()
        yield
        plugin = early_config.pluginmanager.getplugin("_cov")
        # Children that a project or multiprocessing starts with coverage need it on.
        by_itself = "multiprocessing" in (plugin.cov_controller.cov.get_option("run:concurrency") or ())
        if "COVERAGE_PROCESS_START" not in os.environ and not by_itself:
            del os.environ["COVERAGE_FILE"]
            if before is not None:
                os.environ["COVERAGE_FILE"] = before
        how["path"] = self._measurement.path()
        how["exact"] = "should_fail_under" not in type(plugin).pytest_runtestloop.__code__.co_names
        if how["fail_under"] is None:
            how["fail_under"] = plugin.cov_controller.cov.get_option("report:fail_under") or None
        plugin.options.cov_report = {}
        plugin.options.cov_fail_under = None
        self._measurement.given_way(plugin.cov_controller, how)
