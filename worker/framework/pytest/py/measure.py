"""Measures coverage in a worker's pytest process.

The project's pytest-cov measures when the suite asks for it (--cov in the
arguments or in addopts), else coverage.py does, started here with the
project's own configuration. Which it is, only pytest knows, when it has read
its options: so coverage.py starts before pytest is imported, as under
`coverage run -m pytest`, and gives way to pytest-cov.

Every process has a directory of its own for its data, so that none erases
another's. It leaves two files: NAME.data, one data file with paths relative to
the working directory, and NAME.json, which says how it was measured and is
meant for the conclusion.
"""

import glob
import json
import os
import sys
import tempfile
import warnings

from .measure_data import gather


def start(options, results):
    """Begins to measure, in the working directory of the suite. options is
    CoverageOptions of the Go side; results is the worker's directory."""
    os.makedirs(results, exist_ok=True)
    return Measurement(options or {}, tempfile.mkdtemp(prefix="coverage-", dir=results))


class Measurement:
    def __init__(self, options, directory):
        self._root = os.getcwd()
        self._directory = directory
        self._data_file = os.path.join(directory, ".coverage")
        self.absent = False  # there is no coverage.py
        self._missing = None
        self._cov = None
        self._controller = None
        self._how = {}
        self._notes = []
        try:
            import coverage
        except ImportError:
            self.absent = True
            return
        try:
            self._start(coverage, options)
        except Exception as error:
            self._missing = "coverage.py did not start: %s: %s" % (type(error).__name__, error)

    def _start(self, coverage, options):
        self._cov = coverage.Coverage(
            data_file=self._data_file,
            data_suffix=True,
            config_file=options.get("config") or True,
            source=options.get("sources") or None,
            branch=options.get("branch"),
        )
        self._cov.set_option("run:parallel", True)
        if options.get("subprocess"):
            patches = self._cov.get_option("run:patch") or []
            self._cov.set_option("run:patch", sorted(set(patches) | {"subprocess"}))
            if self._cov.config.config_file is None:
                # The patch wants the name of a file, which need not exist.
                self._cov.config.config_file = os.path.abspath(".coveragerc")
        self._how = {
            "by": "coverage",
            "config": options.get("config"),
            "fail_under": self._cov.get_option("report:fail_under") or None,
            "path": self.path(),
        }
        if "multiprocessing" in (self._cov.get_option("run:concurrency") or ()):
            os.environ["COVERAGE_FILE"] = self._data_file  # where its children leave theirs
        self._cov.start()

    def path(self):
        """Where modules are looked for, plugins of coverage.py among them: those
        of the project relative to its directory."""
        root = os.path.join(self._root, "")
        return [os.path.relpath(entry, self._root) if os.path.join(entry, "").startswith(root) else entry for entry in sys.path if entry]

    @property
    def plugin(self):
        """What is to be registered with pytest. It imports pytest."""
        from .measure_plugin import GiveWay

        return GiveWay(self)

    def give_way(self):
        """Forgets what was measured so far: pytest-cov is about to start."""
        self._missing = None
        if self._cov is not None:
            self._cov.stop()
            self._cov._auto_save = False  # nothing is written at exit
            self._cov = None
            os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
        return self._data_file

    def given_way(self, controller, how):
        self._controller = controller
        self._how = dict(how, by="pytest-cov")

    def stop(self):
        """Ends it: the files that were written, and why there are fewer than
        there should be."""
        files = []
        if self._missing is None:
            try:
                files = self._save()
            except Exception as error:
                self._missing = "coverage data was not saved: %s: %s" % (type(error).__name__, error)
        return {"files": files, "missing": self._missing, "notes": self._notes}

    def _save(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._cov is not None:
                self._cov.stop()
                self._cov.save()
                self._cov._auto_save = False
                main = self._cov.get_data().data_filename()
            else:
                controller = self._controller
                if controller.cov is not controller.combining_cov:
                    controller.finish()  # the run loop was left early
                main = controller.cov.get_data().data_filename()
            parts = glob.glob(glob.escape(self._data_file) + "*")
            for part, why in gather(main, parts, self._directory + ".data", self._root):
                self._notes.append("coverage of a child process is left out: %s %s" % (os.path.basename(part), why))
        with open(self._directory + ".json", "w", encoding="ascii") as f:
            json.dump(self._how, f)
        return [self._directory + ".data", self._directory + ".json"]
