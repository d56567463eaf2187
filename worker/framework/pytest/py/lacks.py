"""What a failure says is not there, as data: worker.Lack.

Only what an exception says is looked at. What is to be done about it is the
coordinator's to say, which knows the user's machine.
"""

import os
import re

LIMIT = 200  # characters of a name
DEPTH = 20  # exceptions of a chain

# The texts of exceptions that carry no values: those of libraries that are
# written in C, of database drivers, and of packages that read variables.
LIBRARY = (
    re.compile(r"(lib[\w+.-]+\.so[.\d]*): cannot open shared object file"),
    re.compile(r"cannot load library '?(lib[\w+.-]+)"),
    re.compile(r"no library called \"?(lib[\w+.-]+|[\w+.-]+)\"? was found"),
)
SERVICE = (
    re.compile(r"connection to server at \"([^\"]+)\"[^\n]*, port (\d+) failed: (?:Connection refused|.*timeout)"),
    re.compile(r"Error (?:111|61) connecting to ([\w.-]+):(\d+)"),
    re.compile(r"Connect call failed \('([^']+)', (\d+)"),
    re.compile(r"([\w.-]+):(\d+): \[Errno (?:111|61)\]"),
    re.compile(r"Can't connect to (?:MySQL|local|MariaDB) server on '([\w.-]+)(?::(\d+))?'"),
    re.compile(r"host='([^']+)', port=(\d+)\)[^\n]*(?:Connection refused|Errno 111)"),
)
SOCKET = re.compile(r"(?:on socket|through socket) \"?'?([^\"'\n ]+)[\"']?[^\n]*(?:No such file|\(2)")
HOST = (
    re.compile(r"could not translate host name \"([^\"]+)\""),
    re.compile(r"Failed to resolve '([^']+)'"),
    re.compile(r"connecting to ([\w.-]+):\d+\. (?:Name or service not known|Temporary failure in name resolution)"),
)
VARIABLE = re.compile(r"\b([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])\b")
ENVIRONMENT = re.compile(r"environment variable|envvar|env var", re.IGNORECASE)
ZONE = re.compile(r"[Tt]ime ?zone found with key ([\w/+-]+)")
HISTORY = re.compile(r"fatal: (?:unable to read|bad object|missing \w+ object) '?[0-9a-f]{40}")
MARKER = re.compile(r"^'(\w+)' not found in `markers` configuration option")


def lack_of(error, directory):
    """What an exception, or one that it was raised from, says is not there;
    None when none says such a thing. Files below the directory are named
    relative to it."""
    for _ in range(DEPTH):
        if error is None:
            return None
        try:
            found = _of(error, directory)
        except Exception:  # an exception of the project's may be anything
            found = None
        if found is not None:
            kind, name = found
            return {"kind": kind, "name": str(name)[:LIMIT]}
        group = getattr(error, "exceptions", None)
        if isinstance(group, tuple) and group:
            error = group[0]
        else:
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def _of(error, directory):
    if isinstance(error, ModuleNotFoundError) and error.name:
        return "module", error.name
    frame = _innermost(error)
    text = str(error)
    found = _of_operating_system(error, frame, directory) if isinstance(error, OSError) else None
    return found or _of_type(error, frame) or _of_text(error, text)


def _of_operating_system(error, frame, directory):
    here = frame.f_code.co_name if frame is not None else ""
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, (str, bytes)):
        name = os.fsdecode(error.filename)
        if here == "_execute_child" and name == _text(frame.f_locals.get("orig_executable")):
            return "program", name
        return "file", _below(name, directory)
    if isinstance(error, ConnectionRefusedError):
        address = _address(error)
        if address is not None:
            return "service", _service(*address)
    if error.errno == 28 and isinstance(error.filename, str):
        return "space", error.filename
    if error.errno == 99:
        return "address", "::1" if "::1" in str(_locals(error, "address", "sa")) else ""
    if type(error).__name__ == "gaierror":
        host = _locals(error, "host")
        return ("host", host) if isinstance(host, str) else None
    if type(error).__name__ == "SSLCertVerificationError":
        return "certificate", ""
    if isinstance(error, PermissionError) and isinstance(error.filename, str):
        return "permission", _below(error.filename, directory)
    return None


def _of_type(error, frame):
    """Of exceptions that hold what they miss as a value."""
    name = type(error).__name__
    if isinstance(error, KeyError) and frame is not None and len(error.args) == 1:
        if frame.f_locals.get("self") is os.environ and isinstance(error.args[0], str):
            return "variable", error.args[0]
    if name == "FixtureLookupError" and getattr(error, "argname", None):
        return "fixture", error.argname
    if name == "CalledProcessError" and getattr(error, "returncode", None) == 127:
        command = error.cmd if isinstance(error.cmd, str) else " ".join(map(_text, error.cmd))
        return "program", command.split()[0]
    if name == "Error" and type(error).__module__ == "locale":
        locale = _locals(error, "locale")
        return "locale", locale if isinstance(locale, str) else ""
    if name == "UnknownTimeZoneError":
        return "zone", error.args[0] if error.args else ""
    return None


def _of_text(error, text):
    for kind, patterns in (("library", LIBRARY), ("host", HOST)):
        for pattern in patterns:
            match = pattern.search(text)
            if match:
                return kind, match.group(1)
    for pattern in SERVICE:
        match = pattern.search(text)
        if match:
            return "service", _service(*match.groups())
    match = SOCKET.search(text)
    if match:
        return "service", match.group(1)
    if ENVIRONMENT.search(text):
        match = VARIABLE.search(text)
        if match:
            return "variable", match.group(1)
    if "$DISPLAY" in text or "couldn't connect to display" in text:
        return "variable", "DISPLAY"
    for kind, pattern in (("zone", ZONE), ("marker", MARKER)):
        match = pattern.search(text)
        if match:
            return kind, match.group(1)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "certificate", ""
    if text.startswith("async def functions are not natively supported"):
        return "marker", "asyncio"
    text += _text(getattr(error, "stderr", ""))
    if HISTORY.search(text):
        return "repository", "history"
    if "not a git repository" in text or type(error).__name__ == "InvalidGitRepositoryError":
        return "repository", ""
    return None


def _innermost(error):
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame if traceback is not None else None


def _locals(error, *names):
    """A variable by one of these names in the innermost frame that has one."""
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    for frame in reversed(frames):
        for name in names:
            if frame.f_locals.get(name) is not None:
                return frame.f_locals[name]
    return None


def _address(error):
    """The host and the port of a connection that was refused."""
    found = _locals(error, "sa", "address", "sockaddr", "addr")
    if isinstance(found, tuple) and len(found) >= 2 and isinstance(found[0], str) and isinstance(found[1], int):
        return found[0], found[1]
    host, port = _locals(error, "host"), _locals(error, "port")
    if isinstance(host, str) and isinstance(port, (int, str)):
        return host, port
    return None


def _service(host, port):
    if host in ("127.0.0.1", "::1", "0.0.0.0"):
        host = "localhost"
    return "%s:%s" % (host, port or 3306)  # only MySQL's message may leave it out


def _below(name, directory):
    """A path relative to the directory, where it is below that."""
    path = os.path.realpath(os.path.join(directory, name))
    root = os.path.join(os.path.realpath(directory), "")
    return os.path.relpath(path, root) if path.startswith(root) else os.path.abspath(name)


def _text(value):
    if isinstance(value, (bytes, os.PathLike)):
        return os.fsdecode(value)
    return str(value) if value is not None else ""
