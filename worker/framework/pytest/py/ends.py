"""What a session says at its end: hooks of the project and of plugins look
there at the whole session, and this one saw a part of the tests.

What these hooks write is heard here; pytest's own text is made by the replay,
which shows what they said in the workers and do not say there.
"""

import contextlib
import functools
import inspect
import re
import sys
import traceback

HOOKS = ("pytest_sessionfinish", "pytest_terminal_summary", "pytest_unconfigure")

# Plugins of which it is known that the replay, which has all reports, does what
# they do at the end, or that they only tidy up after themselves there.
HARMLESS = {
    "_hypothesis_pytestplugin", "_pytest", "_shardyard", "anyio", "faulthandler", "hypothesis", "pluggy", "pytest_asyncio", "pytest_cov",
    "pytest_django", "pytest_forked", "pytest_html", "pytest_instafail", "pytest_jsonreport", "pytest_metadata", "pytest_mock",
    "pytest_randomly", "pytest_reportlog", "pytest_rerunfailures", "pytest_split", "pytest_sugar", "pytest_timeout", "random_order", "xdist",
}  # fmt: skip

LONGEST = 16 << 10  # characters of what is heard


class End:
    """The end of one session. heard is the text, saw says whose hooks saw a
    part only: (hook, module or file)."""

    def __init__(self):
        self.heard = ""
        self.saw = []
        # Whether hooks look at objects of other processes here, and may find
        # that these are of no use; and what was said of those that did.
        self.excuses = False
        self.excused = []
        self._terminal = None
        self._known = set()

    def watch(self, config, terminal):
        """Finds the hooks that are neither pytest's nor known to be harmless,
        and listens to what they write. terminal, if any, has a method tee."""
        self._terminal = terminal
        for name in HOOKS:
            for implementation in getattr(config.hook, name).get_hookimpls():
                owner = owner_of(implementation, config)
                if not owner or id(implementation) in self._known:
                    continue
                self._known.add(id(implementation))
                if (name, owner) not in self.saw:
                    self.saw.append((name, owner))
                if not inspect.isgeneratorfunction(implementation.function):
                    implementation.function = self._listening(implementation.function)

    def note(self):
        """A sentence on whose hooks saw a part only; "" for none."""
        if not self.saw:
            return ""
        files = {}
        for name, owner in self.saw:
            files.setdefault(owner, []).append(name)
        whose = "; ".join("%s of %s" % (", ".join(names), owner) for owner, names in sorted(files.items()))
        return (
            "at the end of each worker's session these hooks saw what ran on that worker only, and once more, where the "
            "reports are made, all reports but no fixture and no module of the tests: " + whose
        )

    def failed(self, error):
        """An error that left pytest.main is a part of what was said."""
        self.hear("".join(traceback.format_exception_only(type(error), error)))

    def hear(self, text):
        self.heard = (self.heard + text)[:LONGEST]

    def _listening(self, function):
        @functools.wraps(function)
        def listening(*args, **kwargs):
            with self._overhear():
                try:
                    return function(*args, **kwargs)
                except Exception as error:
                    if not self.excuses or _is_deliberate(error, function):
                        raise
                    text = "%s of %s ended here, where the reports are made: %s"
                    said = "".join(traceback.format_exception_only(type(error), error)).strip()
                    self.excused.append(text % (function.__name__, function.__module__, said))
                    return None

        return listening

    @contextlib.contextmanager
    def _overhear(self):
        tee = self._terminal.tee(self.hear) if self._terminal is not None else contextlib.nullcontext()
        with tee, contextlib.redirect_stdout(Tee(sys.stdout, self.hear)), contextlib.redirect_stderr(Tee(sys.stderr, self.hear)):
            yield


_COLOURS = re.compile("\x1b\\[[0-9;]*m")
_FRACTIONS = re.compile(r"\d+\.\d+")


def lines_of(text, root):
    """What was said, less what depends on where and how fast it was said: the
    project's directory, colours, rules as wide as the terminal, seconds."""
    text = _FRACTIONS.sub("0.0", _COLOURS.sub("", text)).replace(root, ".")
    lines = [line.strip("=-_ \t\r") for line in text.splitlines()]
    return [line for line in lines if line]


def _is_deliberate(error, function):
    """Whether the hook wants the run to fail. An error of a call that it made is
    due to what is not there, as a process or a file of a worker."""
    if isinstance(error, (OSError, AttributeError, TypeError, LookupError, NameError)):
        return False
    module = type(error).__module__
    return module in ("builtins", "_pytest", "pytest") or module.split(".")[0] in ("_pytest", (function.__module__ or "").split(".")[0])


class Tee:
    """A text file that is heard as well."""

    def __init__(self, file, hear):
        self._file = file
        self._hear = hear

    def write(self, text):
        self._hear(text)
        return self._file.write(text)

    def __getattr__(self, name):
        return getattr(self._file, name)


def owner_of(implementation, config):
    """Whose an implementation is: a file of the project, or a plugin; "" when
    nobody need know."""
    module = getattr(implementation.function, "__module__", None) or ""
    if module.split(".")[0] in HARMLESS:
        return ""
    code = getattr(inspect.unwrap(implementation.function), "__code__", None)
    root = str(config.rootpath) + "/"
    if code is not None and code.co_filename.startswith(root) and "/site-packages/" not in code.co_filename:
        return code.co_filename[len(root) :]
    return module.split(".")[0] or implementation.plugin_name or ""
