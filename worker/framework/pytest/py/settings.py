"""Options that would fight with sharding: neutralised, made global, refused.

They come from the command line, addopts and plugins alike, so this works on
what pytest parsed, not on arguments. What was done is published once per
session, so that the coordinator can count failures over the whole run, apply a
coverage limit once, and tell the user.
"""

import os
import platform
import shutil

from . import owner


class Settings:
    """The options of one session. `seed` replaces random seeds."""

    def __init__(self, seed, scratch):
        self._seed = seed
        self._scratch = scratch
        self._notes = []
        self._data = {"maxfail": 0, "cov_fail_under": None, "junitxml": None, "cov": False}
        # Reasons why the whole suite must be collected at once.
        self.full = []
        # What --dist of pytest-xdist says: which tests stay together.
        self.distribution = "no"

    def early(self, config):
        """pytest-cov reads its options before pytest's own are parsed."""
        namespace = config.known_args_namespace
        if not owner.has(config.pluginmanager, "pytest-cov"):
            return
        self._data["cov"] = bool(getattr(namespace, "cov_source", None)) and not getattr(namespace, "no_cov", False)
        self._data["cov_fail_under"] = getattr(namespace, "cov_fail_under", None)
        if hasattr(namespace, "cov_report"):
            namespace.cov_report = {}
            namespace.cov_fail_under = None

    def apply(self, config):
        """Changes the options; raises pytest.UsageError for what is refused."""
        option = config.option
        self._refuse(config)
        self._distribution(config)
        self._randomness(config)
        if config.pluginmanager.hasplugin("cacheprovider"):
            self._history(option)
        if option.maxfail:
            self._data["maxfail"] = option.maxfail
            option.maxfail = 0
        if config.pluginmanager.hasplugin("junitxml"):
            # The run always ends in a JUnit file: what tests put into one must travel.
            self._data["junitxml"] = option.xmlpath
            option.xmlpath = os.path.join(self._scratch, "junit.xml")
        if config.pluginmanager.hasplugin("tmpdir") and option.basetemp:
            # As under xdist: every session begins by removing it.
            os.makedirs(option.basetemp, exist_ok=True)
            option.basetemp = os.path.join(option.basetemp, "worker-%s" % (os.environ.get("SHARDYARD_WORKER") or os.getpid()))
        if config.pluginmanager.hasplugin("debugging") and (option.usepdb or option.trace):
            option.usepdb = option.trace = False
            self._note("--pdb and --trace are left out: a worker has no terminal")

    def configured(self, config):
        """What a conftest file has set while pytest was configured."""
        if config.option.maxfail:
            self._data["maxfail"] = config.option.maxfail
            config.option.maxfail = 0

    def _refuse(self, config):
        import pytest

        option = config.option
        if owner.has(config.pluginmanager, "pytest-split") and (option.splits or option.group):
            raise pytest.UsageError(
                "--splits and --group choose a part of the suite, which is shardyard's own work: remove them from "
                "the arguments and from addopts (`shardyard plan --splits N --group K` prints one part)"
            )
        for name in ("collectonly", "setupplan", "setuponly"):
            if getattr(option, name, False):
                raise pytest.UsageError("--%s runs no test: use pytest itself" % name.replace("only", "-only").replace("plan", "-plan"))

    def _distribution(self, config):
        option = config.option
        if owner.has(config.pluginmanager, "pytest-xdist"):
            asked = getattr(option, "numprocesses", None) or getattr(option, "tx", None)
            self.distribution = getattr(option, "dist", "no")
            if self.distribution in ("loadfile", "loadscope"):
                self._note("-n and --tx of pytest-xdist are left out: shardyard distributes the tests itself, and keeps together what --dist %s does" % self.distribution)
            elif asked or self.distribution != "no":
                self._note("-n, --dist and --tx of pytest-xdist are left out: shardyard distributes the tests itself")
            for name, value in (("numprocesses", None), ("dist", "no"), ("tx", []), ("looponfail", False)):
                if hasattr(option, name):
                    setattr(option, name, value)
        if owner.has(config.pluginmanager, "pytest-split") and option.store_durations:
            option.store_durations = False
            self._note("--store-durations is left out: `shardyard history export` writes that file")

    def _randomness(self, config):
        seed = settle_seed(config, self._seed)
        if seed is not None:
            self._note("the order of tests is random: every worker uses the seed %s" % seed)

    def _history(self, option):
        for name, spelt in (("lf", "--lf"), ("failedfirst", "--ff"), ("newfirst", "--nf"), ("stepwise", "--sw")):
            if getattr(option, name, False):
                self.full.append("%s looks at the whole suite" % spelt)
                self._note("%s uses pytest's own cache as it is in the source tree" % spelt)
        if getattr(option, "stepwise", False) or getattr(option, "stepwise_skip", False):
            option.maxfail = 2 if getattr(option, "stepwise_skip", False) else 1

    def collected(self, config):
        """After collection: what only looks at single failures goes."""
        stepwise = config.pluginmanager.getplugin("stepwiseplugin")
        if stepwise is not None:
            config.pluginmanager.unregister(stepwise)

    def isolate(self, config):
        """Gives the session a cache of its own that starts as the project's."""
        cache = getattr(config, "cache", None)
        if cache is None or not hasattr(cache, "_cachedir"):
            return
        private = os.path.join(self._scratch, "cache")
        if os.path.isdir(str(cache._cachedir)):
            shutil.copytree(str(cache._cachedir), private, ignore_dangling_symlinks=True)
        cache._cachedir = type(cache._cachedir)(private)

    def measures(self):
        """Whether pytest-cov measures."""
        return self._data["cov"]

    def describe(self, config):
        import pytest

        plugins = sorted({"%s-%s" % (dist.project_name, dist.version) for _, dist in config.pluginmanager.list_plugin_distinfo()})
        return dict(
            self._data,
            notes=self._notes,
            inifile=str(config.inipath) if config.inipath else None,
            plugins=plugins,
            pytest=pytest.__version__,
            python=platform.python_version(),
        )

    def _note(self, sentence):
        if sentence not in self._notes:
            self._notes.append(sentence)


def settle_seed(config, seed):
    """Gives plugins that order tests by chance the run's seed, unless the user
    has given one. Returns the seed that is used; None where there is no such
    plugin."""
    used = None
    for name, default, plugin in (
        ("randomly_seed", "default", "pytest-randomly"),
        ("random_order_seed", "default_", "pytest-random-order"),
    ):
        value = getattr(config.option, name, None)
        if value is None or not owner.has(config.pluginmanager, plugin):
            continue
        if str(value).startswith(default):
            value = seed if name == "randomly_seed" else default + str(seed)
            setattr(config.option, name, value)
        used = str(value).replace("default_", "")
    return used
