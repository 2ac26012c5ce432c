"""What an emulator does with a request, wherever it came from: permissions, faults, the effect, the reply."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from biomech_xr.errors import ConfigError
from biomech_xr.testing.gcs.answers import CHANGES, Operation, RefusedError, Reply, Request
from biomech_xr.testing.gcs.batch import batch
from biomech_xr.testing.gcs.counts import Counting
from biomech_xr.testing.gcs.faults import Fault, Faults, Injector
from biomech_xr.testing.gcs.json_api import JsonApi
from biomech_xr.testing.gcs.objects import Buckets
from biomech_xr.testing.gcs.resources import json_refusal, json_reply
from biomech_xr.testing.gcs.uploads import Uploads
from biomech_xr.testing.gcs.xml_api import XmlApi, xml_refusal

CONTROL: Final = "/_emulator"


@dataclass(kw_only=True, slots=True)
class Answer:
    """A reply and what is to go wrong on its way."""

    reply: Reply
    operation: Operation
    stall: float = 0.0
    delay: float = 0.0
    silent: bool = False
    dropped: bool = False
    cut: int | None = None
    flip: int | None = None

    def blocks(self) -> Iterable[memoryview]:
        """Yield the body as it goes out: cut short or with one changed byte where a fault says so."""
        blocks = self.reply.blocks()
        if self.cut is not None:
            return _cut(blocks, self.cut)
        return blocks if self.flip is None else _flipped(blocks, self.flip)

    @property
    def sent(self) -> int:
        """Number of bytes of body that are to go out, were the reply not to HEAD."""
        return 0 if self.silent else self.reply.size if self.cut is None else self.cut

    def close(self) -> None:
        """Let go of the object that the reply carries."""
        if self.reply.media is not None:
            self.reply.media.close()


@dataclass(kw_only=True, slots=True)
class Service:
    """Buckets behind both interfaces, with permissions, faults and counts.

    Parameters
    ----------
    buckets
        The objects.
    forbidden, read_only
        Patterns of ``bucket/object`` (or ``bucket`` alone) for which every request, or every change, is answered 403.
    injector
        What goes wrong.
    counting
        What was served.
    """

    buckets: Buckets
    forbidden: Sequence[str] = ()
    read_only: Sequence[str] = ()
    injector: Injector
    counting: Counting = field(default_factory=Counting)
    _json: JsonApi = field(init=False)
    _xml: XmlApi = field(init=False)

    def __post_init__(self) -> None:
        uploads = Uploads(self.buckets)
        self._json = JsonApi(self.buckets, uploads)
        self._xml = XmlApi(self.buckets, uploads)

    def answer(self, request: Request) -> Answer:
        """Return the reply to a request, after its effect, with the faults that meet it."""
        if request.path.startswith(CONTROL):
            return Answer(reply=self._control(request), operation=Operation(kind="none", run=Reply))
        try:
            operation = self._find(request)
        except RefusedError as refused:
            operation = Operation(kind="none", run=Reply)
            return Answer(reply=json_refusal(refused), operation=operation)
        if operation is None:
            missing = RefusedError(400, "badRequest", f"The emulator does not know {request.method} {request.path}.")
            return Answer(reply=json_refusal(missing), operation=Operation(kind="none", run=Reply))
        injector = self.injector
        fault = injector.fault(request.method, operation)
        answer = self._before(request, operation, fault, injector)
        if answer is None:
            answer = Answer(reply=_run(operation), operation=operation)
            self._after(request, answer, fault, injector)
        answer.delay = fault.jitter
        return answer

    def _find(self, request: Request) -> Operation | None:
        operation = batch(request, self._find) or self._json.operation(request) or self._xml.operation(request)
        if operation is not None and not self._allowed(operation):
            refused = RefusedError(403, "forbidden", f"Permission denied: {operation.kind} {operation.target}.")
            operation.run = _Refusing(refused)
        return operation

    def _allowed(self, operation: Operation) -> bool:
        places = {operation.target, operation.bucket}
        changed = places if operation.kind in CHANGES else set()
        read = places | ({operation.source, operation.source.partition("/")[0]} - {""})
        return not (_matches(read, self.forbidden) or _matches(changed, self.read_only))

    def _before(self, request: Request, operation: Operation, fault: Fault, injector: Injector) -> Answer | None:
        """Return the answer of a fault that keeps the request from having any effect."""
        if fault.status:
            injector.count(fault)
            refused = RefusedError(fault.status, "injected", f"Injected fault {fault.status}.")
            reply = xml_refusal(refused) if operation.xml else json_refusal(refused)
            return Answer(reply=reply, operation=operation)
        if fault.action == "drop":
            injector.count(fault)
            return Answer(reply=Reply(), operation=operation, silent=True, dropped=True)
        if fault.action == "corrupt_write":

            def spoil(payload: memoryview) -> memoryview:
                injector.count(fault)
                return memoryview(_flip(payload, int(fault.position * len(payload))))

            request.spoil = spoil
        return None

    def _after(self, request: Request, answer: Answer, fault: Fault, injector: Injector) -> None:
        """Mark what goes wrong with the reply, if there is anything to go wrong."""
        size = 0 if request.method == "HEAD" else answer.reply.size
        if fault.action == "lost_reply":
            answer.silent = answer.dropped = True
        elif fault.action == "stall":
            answer.stall = fault.seconds
        elif fault.action == "truncate" and size and answer.reply.status < 300:
            answer.cut, answer.dropped = int(fault.position * size), True
        elif fault.action == "corrupt" and size and answer.reply.media is not None:
            answer.flip = int(fault.position * size)
        else:
            if fault.action != "corrupt_write":  # that had its effect before
                injector.spare(fault)
            return
        injector.count(fault)

    def _control(self, request: Request) -> Reply:
        """Answer a question of the tests: what was served and injected; set faults; start counting again."""
        if request.method == "PUT":
            try:
                self.injector = Injector(faults=Faults.of(request.json()))
            except (ConfigError, RefusedError) as error:
                return json_reply({"error": str(error)}, status=400)
        elif request.method == "DELETE":
            self.counting.reset()
            self.injector.reset()
        return json_reply({"requests": self.counting.snapshot().plain(), "injected": self.injector.snapshot()})


def _matches(places: Iterable[str], patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(place, pattern) for pattern in patterns for place in places)


def _run(operation: Operation) -> Reply:
    try:
        return operation.run()
    except RefusedError as refused:
        return xml_refusal(refused) if operation.xml else json_refusal(refused)
    except OSError as error:
        failed = RefusedError(507, "backendError", f"The emulator's folder cannot be used: {error}")
        return xml_refusal(failed) if operation.xml else json_refusal(failed)


@dataclass(frozen=True, slots=True)
class _Refusing:
    refused: RefusedError

    def __call__(self) -> Reply:
        raise self.refused


def _flip(block: memoryview, position: int) -> bytearray:
    changed = bytearray(block)
    changed[min(position, len(changed) - 1)] ^= 0x5A
    return changed


def _flipped(blocks: Iterable[memoryview], position: int) -> Iterator[memoryview]:
    for block in blocks:
        inside = 0 <= position < len(block)
        yield memoryview(_flip(block, position)) if inside else block
        position -= len(block)


def _cut(blocks: Iterable[memoryview], size: int) -> Iterator[memoryview]:
    for block in blocks:
        if size <= 0:
            return
        yield block[:size]
        size -= len(block)
