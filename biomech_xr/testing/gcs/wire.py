"""HTTP/1.1 on a socket: reading requests, writing replies, at a given pace."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from biomech_xr.testing.gcs.answers import RefusedError, Reply, Request, whole

LONGEST_HEAD: Final = 65_536
LARGEST_BODY: Final = 5 << 30
PIECE: Final = 1 << 20
SMALL: Final = 1 << 16
TICK: Final = 0.005
"""Seconds that one piece of a paced body takes."""

_REASONS: Final = {status.value: status.phrase for status in HTTPStatus} | {308: "Resume Incomplete", 499: "Canceled"}


class ClosedError(Exception):
    """The other side, or a fault, closed the connection."""


class Wire:
    """One connection.

    Parameters
    ----------
    sock
        A connected socket.
    bandwidth
        Bytes a second in each direction, 0 for no limit.
    closing
        Set when the server stops; ends every wait.
    """

    def __init__(self, sock: socket.socket, *, bandwidth: float, closing: threading.Event) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock
        self._bandwidth = bandwidth
        self._piece = min(PIECE, max(SMALL // 4, int(bandwidth * TICK))) if bandwidth else PIECE
        self._closing = closing
        self._buffer = bytearray()

    def wait(self, seconds: float) -> None:
        """Wait; if the server stops meanwhile, the connection closes."""
        if seconds > 0 and self._closing.wait(seconds):
            raise ClosedError

    def read(self) -> Request:
        """Return the next request, its body included."""
        head = self._head()
        try:
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, version = first.split(" ")
            headers = {}
            for line in lines:
                name, sign, value = line.partition(":")
                if not sign:
                    raise RefusedError(400, "badRequest", f"A header line without a colon: {line!r}.")
                headers[name.strip().lower()] = value.strip()
        except ValueError as error:
            raise RefusedError(400, "badRequest", "This is no HTTP request.") from error
        if version == "HTTP/1.0":
            headers.setdefault("connection", "close")
        path, _, query = target.partition("?")
        return Request(
            method=method,
            path=path,
            query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            headers=headers,
            body=self._body(headers),
        )

    def _more(self) -> None:
        data = self._socket.recv(SMALL)
        if not data:
            raise ClosedError
        self._buffer += data

    def _head(self) -> bytes:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > LONGEST_HEAD:
                raise RefusedError(431, "headersTooLong", f"More than {LONGEST_HEAD} bytes of headers.")
            self._more()
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return head.lstrip(b"\r\n")

    def _body(self, headers: dict[str, str]) -> bytearray:
        length = headers.get("content-length")
        chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        if headers.get("expect", "").lower() == "100-continue" and (chunked or length):
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        started = time.monotonic()
        if chunked:
            return self._chunks(started)
        return self._exactly(whole(length, "Content-Length"), started) if length else bytearray()

    def _exactly(self, size: int, started: float, *, before: int = 0) -> bytearray:
        if size + before > LARGEST_BODY:
            raise RefusedError(413, "uploadTooLarge", f"A body takes at most {LARGEST_BODY} bytes.")
        body = bytearray(size)
        view = memoryview(body)
        done = min(size, len(self._buffer))
        view[:done] = memoryview(self._buffer)[:done]
        del self._buffer[:done]
        piece = self._piece if self._bandwidth else size
        while done < size:
            taken = self._socket.recv_into(view[done : done + piece])
            if not taken:
                raise ClosedError
            done += taken
            self._pace(started, before + done)
        return body

    def _chunks(self, started: float) -> bytearray:
        body = bytearray()
        while True:
            try:
                size = int(self._line().split(b";")[0], 16)
            except ValueError as error:
                raise RefusedError(400, "badRequest", "A chunk without its size.") from error
            if not size:
                break
            body += self._exactly(size, started, before=len(body))
            self._line()
        while self._line():
            pass
        return body

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _pace(self, started: float, done: int) -> None:
        if self._bandwidth:
            self.wait(started + done / self._bandwidth - time.monotonic())

    def write(
        self, reply: Reply, blocks: Iterable[memoryview], *, silent: bool, close: bool, stall: float = 0.0
    ) -> None:
        """Send a reply.

        Parameters
        ----------
        reply
            Status and headers; its size is announced, whatever `blocks` hold.
        blocks
            The body.
        silent
            Send no body (HEAD).
        close
            Announce that the connection ends.
        stall
            Wait this long in the middle of the body, or before the reply if it has none.
        """
        head = _head_of(reply, close=close)
        if silent or reply.size == 0:
            self.wait(stall)
            self._socket.sendall(head)
            return
        sent, middle, started = 0, reply.size // 2, time.monotonic()
        if not middle:
            self.wait(stall)
            stall = 0.0
        for block in blocks:
            start = 0
            while start < len(block):
                limit = start + self._piece
                if stall and sent < middle:
                    limit = min(limit, start + middle - sent)
                part = block[start:limit]
                start += len(part)
                sent += len(part)
                self._pace(started, sent)
                if head and len(part) <= SMALL:
                    self._socket.sendall(head + part)
                else:
                    if head:
                        self._socket.sendall(head)
                    self._socket.sendall(part)
                head = b""
                if stall and sent >= middle:
                    self.wait(stall)
                    stall = 0.0
        if head:
            self._socket.sendall(head)

    def close(self) -> None:
        """End the connection at once."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _head_of(reply: Reply, *, close: bool) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    if reply.status not in (204, 304):
        lines.append(f"Content-Length: {reply.size}")
    if close:
        lines.append("Connection: close")
    text = "\r\n".join(lines)
    return (text.replace("\r\n", "\0").replace("\n", " ").replace("\0", "\r\n") + "\r\n\r\n").encode(
        "latin-1", "replace"
    )
