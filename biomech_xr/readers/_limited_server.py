"""The process that parses binary formats in our place; `readers._limited` runs this file as a script.

It loads the libraries once and then forks a child for every file, which takes limits on itself before it opens
anything: a crash, a bomb or an endless loop ends that child and nothing else.

A frame is one byte of kind, the number of the question in four bytes, the length in eight, and the content. Kinds: `R`
ready, `D` data, `E` error, `I` a library that cannot be loaded, `U` no process.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

HEAD: Final = struct.Struct("<cIQ")
ORDER: Final = 128
"""Length of an order for a child, in bytes; blanks fill it up."""

MOST_REQUEST: Final = 1 << 28
"""Largest request, in bytes."""

BROKEN: Final = (ImportError, AttributeError, RuntimeError, ValueError)
"""What a library raises that is installed badly."""


class Channel:
    """The child's end of the line to the process that asked."""

    def __init__(self, line: socket.socket, seconds: int) -> None:
        self._line = line
        self._seconds = seconds
        self._number = 0

    def receive(self) -> Any:
        """Return the next request, None at the end; its answer has to come within the limit of time."""
        signal.alarm(0)
        head = self._exactly(HEAD.size)
        if head is None:
            return None
        _, self._number, length = HEAD.unpack(head)
        content = self._exactly(length) if length <= MOST_REQUEST else None
        signal.alarm(self._seconds)
        return None if content is None else json.loads(content)

    def send(self, content: bytes | memoryview, kind: bytes = b"D") -> None:
        """Send one frame."""
        self._line.sendall(HEAD.pack(kind, self._number, len(content)))
        self._line.sendall(content)

    def say(self, value: Any) -> None:
        """Send a JSON value."""
        self.send(json.dumps(value, separators=(",", ":")).encode())

    def refuse(self, error: BaseException) -> None:
        """Send the end of a request that failed."""
        self.send(f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:500], b"E")

    def _exactly(self, count: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < count:
            piece = self._line.recv(min(count - len(parts), 1 << 20))
            if not piece:
                return None
            parts += piece
        return bytes(parts)


def seal() -> None:
    """Let this process open no further file; the open ones stay."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def main(control: int) -> None:
    """Serve the requests that come over the socket ``control`` until it closes."""
    signal.signal(signal.SIGCHLD, _reap)
    with socket.socket(fileno=control) as line:
        while True:
            message, files, _, _ = socket.recv_fds(line, ORDER, 1)
            if len(message) < ORDER or not files:
                return
            order = json.loads(message)
            try:
                worker = importlib.import_module(f"biomech_xr.readers.{order['worker']}")
                worker.prepare()
                child = os.fork()
            except BROKEN as error:
                _decline(files[0], b"I", error)
            except (OSError, MemoryError) as error:
                _decline(files[0], b"U", error)
            else:
                if child == 0:
                    line.close()
                    _child(worker, files[0], order)
                os.close(files[0])


def _decline(line: int, kind: bytes, error: BaseException) -> None:
    """Say why there is no child, to whoever still listens, and close the line."""
    text = f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:500]
    with contextlib.suppress(OSError), socket.socket(fileno=line) as theirs:
        theirs.sendall(HEAD.pack(kind, 0, len(text)) + text)


def _reap(*_: object) -> None:
    """Wait for the children that have ended; none stays behind, and their times count as ours."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _child(worker: ModuleType, line: int, order: Mapping[str, Any]) -> None:
    """Serve one file and end."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _limit(memory=order["memory"], seconds=order["seconds"])
        with socket.socket(fileno=line) as ours:
            ours.settimeout(None)
            channel = Channel(ours, order["seconds"])
            channel.send(b"", b"R")
            try:
                worker.serve(channel, channel.receive(), seal)
                code = 0
            except (MemoryError, RecursionError) as error:
                channel.refuse(error)
    finally:
        os._exit(code)


def _limit(*, memory: int, seconds: int) -> None:
    """Bound the address space (bytes) and the processor time (s) of this process; let it write no file, no core."""
    processor = 10 * seconds
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, processor),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (bound, bound))
        except (ValueError, OSError):
            continue


if __name__ == "__main__":
    main(int(sys.argv[1]))
