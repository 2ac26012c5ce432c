"""The listening socket and one thread a connection."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Final

from biomech_xr.errors import StoreError
from biomech_xr.testing.gcs.answers import RefusedError, Request
from biomech_xr.testing.gcs.resources import json_refusal
from biomech_xr.testing.gcs.service import CONTROL, Answer, Service
from biomech_xr.testing.gcs.wire import ClosedError, Wire

BACKLOG: Final = 512
JOIN_SECONDS: Final = 5.0


class Server:
    """Serves a `Service` on a port until it is stopped.

    Parameters
    ----------
    service
        What answers the requests.
    host, port
        Where to listen; port 0 takes a free one.
    latency
        Seconds before the reply to each request.
    bandwidth
        Bytes a second and direction on each connection, 0 for no limit.

    Raises
    ------
    StoreError
        The address is taken or not of this machine.
    """

    def __init__(self, service: Service, *, host: str, port: int, latency: float, bandwidth: float) -> None:
        self._service = service
        self._latency = latency
        self._bandwidth = bandwidth
        self._closing = threading.Event()
        self._wires: dict[Wire, threading.Thread] = {}
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((host, port))
            self._listener.listen(BACKLOG)
        except (OSError, OverflowError) as error:
            self._listener.close()
            raise StoreError(
                f"{host}:{port}: cannot listen there ({error}). Name another port, or 0 for any."
            ) from error
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name=f"gcs-{self.port}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection, whatever they wait for; effects under way are finished."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(JOIN_SECONDS)
        with self._lock:
            wires = dict(self._wires)
        for wire in wires:
            wire.close()
        end = time.monotonic() + JOIN_SECONDS
        for thread in wires.values():
            thread.join(max(0.0, end - time.monotonic()))

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._service.counting.connected()
            wire = Wire(sock, bandwidth=self._bandwidth, closing=self._closing)
            name = f"gcs-{self.port}-connection"
            thread = threading.Thread(target=self._serve, args=(wire,), name=name, daemon=True)
            with self._lock:
                self._wires[wire] = thread
            thread.start()

    def _serve(self, wire: Wire) -> None:
        try:
            while not self._closing.is_set():
                try:
                    request = wire.read()
                except RefusedError as refused:
                    reply = json_refusal(refused)
                    wire.write(reply, reply.blocks(), silent=False, close=True)
                    return
                if not self._exchange(wire, request):
                    return
        except (ClosedError, OSError):
            return
        finally:
            with self._lock:
                self._wires.pop(wire, None)
            wire.close()

    def _exchange(self, wire: Wire, request: Request) -> bool:
        """Answer one request; return whether the connection stays open."""
        arrived = time.monotonic()
        answer = self._service.answer(request)
        close = request.headers.get("connection", "").lower() == "close"
        if answer.operation.kind == "none" and request.path.startswith(CONTROL):
            _send(wire, request, answer, close=close)
            return not close
        counting, silent = self._service.counting, request.method == "HEAD"
        counting.begun(request.method, answer.operation.kind, len(request.body))
        try:
            wire.wait(self._latency + answer.delay - (time.monotonic() - arrived))
            if answer.silent:
                counting.replied(0, 0)
                return False
            counting.replied(answer.reply.status, 0 if silent else answer.sent)
            _send(wire, request, answer, close=close)
            return not close and not answer.dropped
        finally:
            counting.ended()
            answer.close()


def _send(wire: Wire, request: Request, answer: Answer, *, close: bool) -> None:
    silent = request.method == "HEAD" or answer.reply.status in (204, 304)
    wire.write(answer.reply, answer.blocks(), silent=silent, close=close, stall=answer.stall)
