"""What tests wrote into this process's own JUnit file.

record_xml_attribute and record_testsuite_property reach past the reports. The
user's --junitxml is replaced by a private file, so that they work as always;
what they left there travels. The file itself nobody reads: pytest's own
entries for it are not made.
"""

from _pytest.junitxml import xml_key


def idle(config):
    """Has pytest write nothing about a test into the private file, at a
    sixteenth of a trivial test's time."""
    xml = _log(config)
    if xml is not None:
        for implementation in config.hook.pytest_runtest_logreport.get_hookimpls():
            if implementation.plugin is xml:
                implementation.function = _forget(xml)


def _forget(xml):
    def pytest_runtest_logreport(report):
        if report.when == "teardown":
            xml.node_reporters.clear()
            xml.node_reporters_ordered.clear()

    return pytest_runtest_logreport


def attributes(config, nodeid):
    """What record_xml_attribute set for a test, before pytest adds its own:
    to be asked for at the report of its call, or of a failed setup."""
    xml = _log(config)
    # Only the running test is there; from 9.2 on, keys are no strings.
    for (name, _), reporter in xml.node_reporters.items() if xml is not None else ():
        if str(name) == nodeid:
            return {str(name): str(value) for name, value in reporter.attrs.items()}
    return {}


class Properties:
    """What record_testsuite_property set. What a test itself did is its own; what
    fixtures did is the session's, which every worker has."""

    def __init__(self):
        self._seen = 0
        self._others = []

    def of(self, config, called):
        """What was set since the last report, if this one is of a call: in order."""
        fresh = self._fresh(config)
        if called:
            return fresh
        self._others += fresh
        return []

    def others(self, config):
        """What was no test's own."""
        return self._others + self._fresh(config)

    def _fresh(self, config):
        xml = _log(config)
        found = xml.global_properties[self._seen :] if xml is not None else []
        self._seen += len(found)
        return [[str(name), str(value)] for name, value in found]


def _log(config):
    return config.stash.get(xml_key, None)
