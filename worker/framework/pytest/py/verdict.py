"""From pytest's reports of one test to the outcome of the attempt."""

import time

from .place import place_of

LIMIT = 500  # characters of a message


class Verdict:
    """Folds the reports of one attempt. The outcome, in order of precedence:

    failed   the call failed, or a subtest did
    error    setup or teardown failed
    xpassed  passed, though marked xfail
    xfailed  failed, as marked
    skipped
    passed

    A report with the outcome "rerun" forgets what came before it: the last
    attempt of a rerun plugin counts. Times add up over all attempts. A report's
    duration counts where it fits between that report and the one before, by a
    clock that no test can set: tests stop, shift and replace the clock that
    pytest reads.
    """

    # An argument's default is where tools that freeze time do not look.
    def __init__(self, item, directory, clock=time.perf_counter):
        self._item = item
        self._directory = directory  # that the session was started in
        self._clock = clock
        self._last = clock()
        self._ms = {"setup": 0.0, "call": 0.0, "teardown": 0.0}
        self._seen = {}
        self.lack = None  # what its failure says is not there

    def add(self, report):
        """Returns how long it took by that clock, in seconds."""
        when = getattr(report, "when", None)
        passed = self._clock() - self._last
        if when in self._ms and not is_subtest(report):  # of a subtest, it is part of its test's
            duration = getattr(report, "duration", None)
            if not (is_time(duration) and duration <= passed + 0.001):
                duration = passed
            self._ms[when] += 1000 * duration
            self._last += passed
        if report.outcome == "rerun":
            self._seen.clear()
            return passed
        outcome = outcome_of(report)
        if outcome is not None:
            if outcome not in self._seen:
                where = place_of(report, self._item, self._directory) if report.failed else {}
                self._seen[outcome] = message_of(report), where
        return passed

    def finished(self):
        """The fields of worker.Finished that reports decide."""
        outcome, message, where = "error", "pytest gave no report of the test", {}
        for candidate in ("failed", "error", "xpassed", "xfailed", "skipped", "passed"):
            if candidate in self._seen:
                outcome, (message, where) = candidate, self._seen[candidate]
                break
        result = {"outcome": outcome}
        if message:
            result["message"] = message
        if self.lack is not None and outcome in ("failed", "error"):
            result["lack"] = self.lack
        result.update(where)
        for when, ms in self._ms.items():
            result[when + "_ms"] = round(ms, 3)
        return result


def is_time(value, most=1e9):
    """Whether a number can be of seconds: NaN is not, nor is infinity, nor what
    makes infinity when it is added up."""
    return isinstance(value, (int, float)) and 0 <= value < most


def is_subtest(report):
    """Whether it is of a part of a test, which goes on behind it."""
    return type(report).__name__.lower() == "subtestreport"


def outcome_of(report):
    """The outcome that one report argues for; None: it says nothing."""
    subtest = is_subtest(report)
    when = getattr(report, "when", None)
    if hasattr(report, "wasxfail"):
        if report.skipped:
            return None if subtest else "xfailed"
        if report.passed:
            return None if subtest else "xpassed"
    if report.failed:
        return "failed" if when == "call" or subtest else "error"
    if subtest:
        return None
    if report.skipped:
        return "skipped"
    return "passed" if when == "call" else None


def message_of(report):
    """The report in one line."""
    if report.passed and not hasattr(report, "wasxfail"):
        return ""
    text = getattr(report, "wasxfail", "")
    longrepr = report.longrepr
    if report.failed or not text:
        crash = getattr(longrepr, "reprcrash", None)
        if crash is not None:
            text = crash.message
        elif isinstance(longrepr, tuple) and len(longrepr) == 3:
            text = longrepr[2]
        elif hasattr(longrepr, "errorstring"):
            text = longrepr.errorstring
        elif longrepr is not None:
            text = str(longrepr)
    for line in str(text).splitlines():
        if line.strip():
            line = line.strip()
            return line if len(line) <= LIMIT else line[: LIMIT - 1] + "…"
    return ""


def merge(first, second):
    """One teardown report out of two: the function's fixtures went down
    first, those of wider scope later. `second` is spent."""
    keep = first if first.failed else second
    sections = {}
    for title, text in list(first.sections) + [s for s in second.sections if s not in first.sections]:
        sections[title] = sections.get(title, "") + text
    keep.sections = list(sections.items())
    keep.duration = first.duration + second.duration
    for attribute, source in (("start", first), ("stop", second)):
        if hasattr(source, attribute):
            setattr(keep, attribute, getattr(source, attribute))
    return keep
