"""What suites that know pytest-xdist ask for: who of the workers this is.

Such suites name databases, ports and folders by it. It is said where xdist is
installed, in xdist's own words: "gw0" is the first worker. config.workerinput
is not set: plugins take that for a promise of what only xdist's own controller
does.
"""

import importlib.util
import os

import pytest


def announce():
    """Sets xdist's variables, before anything of the project is imported.
    Returns a plugin with xdist's fixtures, or None where there is no xdist."""
    worker = os.environ.get("SHARDYARD_WORKER", "")
    if not worker.isdigit() or importlib.util.find_spec("xdist") is None:
        return None
    Fixtures.worker, Fixtures.run = "gw%d" % (int(worker) - 1), os.environ.get("SHARDYARD_RUN", "")
    os.environ["PYTEST_XDIST_WORKER"] = Fixtures.worker
    os.environ["PYTEST_XDIST_WORKER_COUNT"] = os.environ.get("SHARDYARD_WORKERS", "1")
    os.environ["PYTEST_XDIST_TESTRUNUID"] = Fixtures.run
    return Fixtures


class Fixtures:
    """Registered last: of two fixtures of the same name, that one holds. Tests
    empty os.environ: that has the values no more."""

    worker = run = ""

    @staticmethod
    @pytest.fixture(scope="session")
    def worker_id():
        """The id of this worker."""
        return Fixtures.worker

    @staticmethod
    @pytest.fixture(scope="session")
    def testrun_uid():
        """The id of the run, the same on every worker."""
        return Fixtures.run
