"""The line to the agent: over an inherited socket, lines of JSON, and the data
of reports behind theirs.

Tests put their own things where modules keep theirs, json.loads and os.getpid
among them. What is needed while such a test runs is taken here, before any.
"""

import errno
import fcntl
import faulthandler
import json
import os
import resource
import signal
from os import _exit, getpid, read, write
from signal import SIG_BLOCK, SIG_SETMASK

try:
    # Without the enumerations that the signal module makes of each signal, at
    # a seventh of a short test's time.
    from _signal import pthread_sigmask
except ImportError:
    from signal import pthread_sigmask

_decode = json.JSONDecoder().decode


def _encoder():
    """What encodes a value: the C part of json.JSONEncoder where there is one,
    which that makes anew for each value, at half of its time."""
    encode = json.JSONEncoder(default=str, allow_nan=False, separators=(",", ":")).encode
    try:
        # As json.encoder has it, but that it does not look for circles.
        fast = json.encoder.c_make_encoder(None, str, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, False)
        if "".join(fast({"a": [1, None]}, 0)) != '{"a":[1,null]}':
            return encode
    except (AttributeError, TypeError):
        return encode
    join = "".join
    return lambda value: join(fast(value, 0))


_encode = _encoder()
ALL_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


class Channel:
    """Messages to and from the agent.

    The socket moves to a high descriptor, out of the way of tests that close
    every low one, and is closed on exec; os.close and os.closerange pass it
    over. A forked child of a test says nothing and hears nothing. Signals wait while a message is on its way, so that an
    exception raised by a handler (a time limit, Ctrl-C) never cuts one short.
    """

    def __init__(self, descriptor):
        self._pid = getpid()
        self._fd = _raise(descriptor)
        os.close(descriptor)
        self._rest = b""
        self._held = []
        # The agent asks for the stacks of a test that hangs by this signal.
        self._stderr = _raise(2)
        _guard(self.here, (self._fd, self._stderr))
        dump = getattr(signal, "SIGRTMAX", signal.SIGUSR2) - (2 if hasattr(signal, "SIGRTMAX") else 0)
        faulthandler.register(dump, file=self._stderr, all_threads=True)
        self.send({"hello": {"dump": int(dump)}})

    def here(self):
        """Whether this is the process that the agent started, not a fork of it."""
        return getpid() == self._pid

    def send(self, message, data=None):
        if not self.here():
            return
        frame = encode(message, data)
        with _Uninterrupted():
            self._write(frame)

    def hold(self, message, data=None):
        """Sends a message together with the next one: for what is worth
        nothing to the agent before that. It is lost when the process dies."""
        self._held.append(encode(message, data))

    def ask(self, message):
        """Sends a message and waits for its answer; None in a forked child."""
        if not self.here():
            return None
        frame = encode(message)
        with _Uninterrupted():
            self._write(frame)
            return self._read()

    def receive(self):
        with _Uninterrupted():
            return self._read()

    def _write(self, frame):
        self._held.append(frame)
        view = memoryview(b"".join(self._held))
        self._held.clear()
        while view:
            view = view[write(self._fd, view) :]

    def _read(self):
        while b"\n" not in self._rest:
            data = read(self._fd, 1 << 16)
            if not data:
                # The agent is gone: nobody can hear of another test.
                _exit(70)
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return _decode(line.decode("utf-8"))


class _Uninterrupted:
    def __enter__(self):
        self._mask = pthread_sigmask(SIG_BLOCK, ALL_SIGNALS)

    def __exit__(self, *exc):
        pthread_sigmask(SIG_SETMASK, self._mask)


def _raise(descriptor):
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY or soft > 4096:
        soft = 4096
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, max(64, soft - 16))


def _guard(here, own):
    """Lets os.close and os.closerange pass over descriptors of ours in this
    process: a test that closes all that it finds would end it. A fork of it may
    close them."""
    close, closerange = os.close, os.closerange

    def guarded_close(fd):
        if fd in own and here():
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return close(fd)

    def guarded_closerange(fd_low, fd_high, /):
        if not here():
            return closerange(fd_low, fd_high)
        for fd in sorted(own):
            if fd_low <= fd < fd_high:
                closerange(fd_low, fd)
                fd_low = fd + 1
        return closerange(fd_low, fd_high)

    for guarded, real in ((guarded_close, close), (guarded_closerange, closerange)):
        guarded.__name__ = guarded.__qualname__ = real.__name__
        guarded.__module__, guarded.__doc__ = real.__module__, real.__doc__
        setattr(os, real.__name__, guarded)


def encode(message, data=None):
    """One line of JSON that says how much data is behind it, and the data."""
    if data is None:
        return text(message) + b"\n"
    message["size"] = len(data)
    return b"%s\n%s\n" % (text(message), data)


def text(value):
    """JSON of anything: what JSON cannot say travels as its str."""
    try:
        encoded = _encode(value)
    except (TypeError, ValueError):
        encoded = _encode(_plain(value))
    return encoded.encode("ascii")


def _plain(value):
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value)
