"""Parsers of binary formats at arm's length: each file in a process of its own with limits on memory, time and files.

One server (`_limited_server`) is started where the first such file is opened and ends with this process; it forks a
child for every file, which costs milliseconds. Whatever becomes of the child, here it is a `LimitedError`.

Questions are numbered and each frame of an answer carries the number of its question, so no answer is ever taken for
that of another; whoever leaves a question half answered closes the line.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from biomech_xr.errors import MissingDependencyError

_SERVER: Final = Path(__file__).with_name("_limited_server.py")
_HEAD: Final = struct.Struct("<cIQ")
_ORDER: Final = 128
_GRACE: Final = 5.0
"""How much longer than the child's own limit an answer may take, s."""


class LimitedError(ValueError):
    """The parser refused the file, crashed, or passed its limits."""


class UnavailableError(LimitedError):
    """There is no process for the parser, so the file was not looked at."""

    action: Final = "Close other files or programs, or raise the limits of this process; the file was not opened"


class Line:
    """The way to the child that has one file open; one question at a time, of any thread of one process."""

    def __init__(self, ours: socket.socket) -> None:
        self._lock = threading.RLock()
        self._ours = ours
        self._owner = os.getpid()
        self._number = 0

    @property
    def usable(self) -> bool:
        """Whether questions can be asked: the line is open, and this process is the one that opened it."""
        return self._ours.fileno() >= 0 and self._owner == os.getpid()

    @contextmanager
    def talk(self) -> Iterator[None]:
        """Keep other threads off for a question and its whole answer; any exception closes the line."""
        self._check()
        with self._lock, self._or_close():
            yield

    def close(self) -> None:
        """End the child; a process forked from ours only lets go of the line."""
        if self.usable:
            with contextlib.suppress(OSError):
                self._ours.shutdown(socket.SHUT_RDWR)
        self._ours.close()

    def ask(self, request: object) -> None:
        """Send a request."""
        self._check()
        content = json.dumps(request, separators=(",", ":")).encode()
        with self._or_close():
            self._number = (self._number + 1) % (1 << 32)
            try:
                self._ours.sendall(_HEAD.pack(b"Q", self._number, len(content)) + content)
            except OSError as error:
                raise LimitedError("parsing ended before its time (a crash, or a limit)") from error

    def value(self, most: int) -> Any:
        """Return the JSON value of the next frame, which may have ``most`` bytes."""
        with self._or_close():
            content = bytearray(self._length(most))
            self._fill(memoryview(content))
            try:
                return json.loads(content)
            except ValueError as error:
                raise LimitedError("an answer that is none") from error

    def into(self, memory: memoryview) -> int:
        """Fill the beginning of ``memory`` with the next frame and return its length."""
        with self._or_close():
            length = self._length(len(memory))
            self._fill(memory[:length])
            return length

    def ready(self) -> None:
        """Wait until the child has taken its limits on itself."""
        with self._or_close():
            try:
                kind, _, length = self._head()
            except LimitedError as error:
                raise UnavailableError("the parser's process did not start") from error
            if (kind, length) != (b"R", 0):
                self._refused(kind, length)

    @contextmanager
    def _or_close(self) -> Iterator[None]:
        """Close the line on whatever is raised: what was not received would be taken for the next answer."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        if self._owner != os.getpid():
            raise UnavailableError("a file that another process opened; open it again after a fork")
        if not self.usable:
            raise UnavailableError("a line to the parser that is closed")

    def _head(self) -> tuple[bytes, int, int]:
        self._check()
        head = bytearray(_HEAD.size)
        self._fill(memoryview(head))
        kind, number, length = _HEAD.unpack(head)
        return kind, number, length

    def _length(self, most: int) -> int:
        kind, number, length = self._head()
        if kind != b"D":
            self._refused(kind, length)
        if number != self._number:
            raise LimitedError(f"an answer to question {number} where {self._number} was asked")
        if length > most:
            raise LimitedError(f"an answer of {length} bytes where at most {most} are due")
        return length

    def _refused(self, kind: bytes, length: int) -> NoReturn:
        """Raise what a frame without data says."""
        if kind not in (b"E", b"I", b"U") or length > 1 << 12:
            raise LimitedError("an answer that is none")
        content = bytearray(length)
        self._fill(memoryview(content))
        text = content.decode("utf-8", "replace")
        if kind == b"I":
            again = "pip install --force-reinstall 'biomech-xr[readers]'"
            raise MissingDependencyError(f"the library that reads this format cannot be loaded ({text}). Run: {again}")
        raise UnavailableError(text) if kind == b"U" else LimitedError(text)

    def _fill(self, memory: memoryview) -> None:
        while memory:
            try:
                count = self._ours.recv_into(memory)
            except OSError as error:
                raise LimitedError(f"parsing did not go on ({error})") from error
            if not count:
                raise LimitedError("parsing ended before its time (a crash, or a limit of memory or time)")
            memory = memory[count:]


@contextmanager
def opened(worker: str, path: Path, *, memory: int, seconds: int) -> Iterator[Line]:
    """Yield the line to a child that serves one file with a worker module beside this one.

    Parameters
    ----------
    worker
        Name of the module; its `serve` gets a channel, the path, and the function that closes the file system.
    path
        The file.
    memory
        Bytes of address space that the child may use.
    seconds
        Limit of time for every answer.

    Raises
    ------
    UnavailableError
        The system has, or gives, no such process.
    MissingDependencyError
        The library of the format cannot be loaded.
    LimitedError
        From the line, whatever goes wrong in the child.
    """
    order = json.dumps({"worker": worker, "memory": memory, "seconds": seconds}).encode().ljust(_ORDER)
    try:
        line = _dial(order, seconds + _GRACE)
    except UnavailableError:  # a server that is just dying still takes orders
        _server.stop()
        line = _dial(order, seconds + _GRACE)
    try:
        line.ask(str(path.resolve()))
        yield line
    finally:
        line.close()


def _dial(order: bytes, patience: float) -> Line:
    """Return the line to a new child of the server that is ready; answers may take ``patience`` s."""
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        raise UnavailableError(f"no process for the parser ({error})") from error
    line = Line(ours)
    try:
        with theirs:
            _server.send(order, theirs.fileno())
        ours.settimeout(patience)
        line.ready()
    except BaseException:
        line.close()
        raise
    return line


def stop() -> None:
    """End the server, where one runs."""
    _server.stop()


class _Server:
    """The server's process; a fork of ours starts another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def send(self, order: bytes, descriptor: int) -> None:
        with self._lock:
            for attempt in (True, False):
                try:
                    control = self._control or self._start()
                    socket.send_fds(control, [order], [descriptor])
                    return
                except OSError as error:
                    self._end()
                    if not attempt:
                        raise UnavailableError(f"no process for the parser ({error})") from error

    def stop(self) -> None:
        with self._lock:
            self._end()

    def forget(self) -> None:
        """Leave the server to the process that this one was forked from."""
        self._lock = threading.Lock()
        if self._process is not None:
            self._process.returncode = 0
        if self._control is not None:
            self._control.close()
        self._process = self._control = None

    def _start(self) -> socket.socket:
        if not hasattr(os, "fork"):
            raise UnavailableError("this system cannot parse in a process of its own; use Linux, macOS or WSL")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        folders = [str(_SERVER.parents[2]), *filter(None, [os.environ.get("PYTHONPATH", "")])]
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment = {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(folders)}
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603  our own interpreter and script
                    [sys.executable, "-P", str(_SERVER), str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                    start_new_session=True,
                )
        except BaseException:
            ours.close()
            raise
        self._control = ours
        return ours

    def _end(self) -> None:
        process, control = self._process, self._control
        self._process = self._control = None
        if control is not None:
            control.close()
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
            if process.returncode is None:
                process.kill()
                process.wait()


_server: Final = _Server()
atexit.register(stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_server.forget)
