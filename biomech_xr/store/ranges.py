"""Values of stored arrays by byte ranges: many requests in flight, every checksum compared, decoded in place.

Zarr fetches the inner chunks of a shard one after the other and starts anew for every call. Here the objects of a read
are fetched in pieces at the same time, the index of a shard is kept, and chunks are decoded on a few threads straight
into the result.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import LostDataError
from biomech_xr.store import remote
from biomech_xr.store.checked import NOT_LISTED
from biomech_xr.store.clients import MISSING
from biomech_xr.store.objects import join, local_path
from biomech_xr.store.stored_array import Buffer, Convert, CorruptedError, StoredArray, decode, read_index

PIECE: Final = 2**20
"""Bytes of one request inside an object; with `remote.IN_FLIGHT` it was measured at 30 ms latency, 60 MB/s."""

OBJECTS_AHEAD: Final = 64
"""Objects of one read that are being fetched before the first of them is decoded."""

INLINE: Final = 2**19
"""Results of so many bytes are decoded by the thread that asks; larger ones are spread over the processor's cores."""

REFETCHES: Final = 2
"""How often bytes are fetched again that came corrupted; then they are so in the store."""

INDEXES_KEPT: Final = 16_384
"""Shard indexes that one reader keeps, of 128 bytes each."""

_T = TypeVar("_T")
_Fetch = Callable[[str, int, int], Callable[[], Buffer]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows:
    """Rows ``start`` to ``stop`` of one object, which go to the result from row ``place`` on."""

    key: str
    start: int
    stop: int
    place: int
    whole: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """A range of an object on its way; `data` waits for it."""

    rows: _Rows
    start: int
    data: Callable[[], Buffer]


class RangeReader:
    """Reads rows of the arrays of one Zarr group. Any number of threads may use it at once.

    Parameters
    ----------
    url
        The Zarr group.
    expected
        Size in bytes of every object, from a manifest; what is not listed is no data.
    """

    def __init__(self, url: str, expected: Mapping[str, int]) -> None:
        self._url = url
        self._expected = expected
        self._folder = local_path(url)
        self._indexes: dict[str, npt.NDArray[np.uint64]] = {}

    def read(
        self,
        array: StoredArray,
        ranges: Sequence[tuple[int, int]],
        *,
        dtype: np.dtype[Any] | None = None,
        convert: Convert | None = None,
    ) -> npt.NDArray[Any]:
        """Return rows of an array, one range after the other, dims as stored.

        Parameters
        ----------
        array
            Facts of the array.
        ranges
            First row and the one after the last, each within the array.
        dtype, convert
            Type of the result, and what makes its values from stored ones (see `stored_array.decode`); by default
            values come as they are stored.

        Raises
        ------
        LostDataError
            An object is missing, short, corrupted, or not listed; the message names URL, key and range.
        StoreError
            The storage could not be reached.
        """
        out = np.empty((sum(max(0, stop - start) for start, stop in ranges), *array.tail), dtype=dtype or array.dtype)
        if not out.size:
            return out
        wanted = _wanted(array, ranges)
        self._learn(array, wanted)
        decoders = None if out.nbytes <= INLINE else _decoders()
        read = partial(decode, array=array, convert=convert)
        decoding: list[Future[None]] = []
        flying: deque[_Span] = deque()
        fetched = lru_cache(maxsize=OBJECTS_AHEAD)(self._fetched)
        for rows in wanted:
            flying.append(self._sent(array, rows, fetched))
            if self._folder is not None or len(flying) >= OBJECTS_AHEAD:
                decoding += self._decoded(array, flying.popleft(), out, read, decoders)
        while flying:
            decoding += self._decoded(array, flying.popleft(), out, read, decoders)
        for future in decoding:
            future.result()
        return out

    def _learn(self, array: StoredArray, wanted: Sequence[_Rows]) -> None:
        """Fetch the indexes that are not known yet of objects that are not read whole, all at the same time."""
        if not array.index_size:
            return
        unknown = dict.fromkeys(rows.key for rows in wanted if not rows.whole and rows.key not in self._indexes)
        flying = {key: self._fetched(key, 0, array.index_size) for key in unknown}
        for key, data in flying.items():
            self._keep(array, key, data())

    def _keep(self, array: StoredArray, key: str, buffer: Buffer) -> npt.NDArray[np.uint64]:
        """Return the index of a shard from its first bytes, and keep it."""
        index = self._tried(key, 0, array.index_size, buffer, read_index)
        while len(self._indexes) >= INDEXES_KEPT:
            with suppress(KeyError, RuntimeError, StopIteration):  # another thread may have been first
                del self._indexes[next(iter(self._indexes))]
        self._indexes[key] = index
        return index

    def _places(self, array: StoredArray, rows: _Rows, index: npt.NDArray[np.uint64]) -> list[tuple[int, int]]:
        """Return the first byte of each chunk that holds some of the rows, and the one after its last."""
        chunks = index[rows.start // array.chunk_rows : -(-rows.stop // array.chunk_rows)].tolist()
        places = [(offset, offset + size) for offset, size in chunks]
        if any(stop > self._size(rows.key) for _, stop in places):
            raise self._lost(rows.key, f"chunks of strides {rows.start} to {rows.stop} of this object are missing")
        return places

    def _sent(self, array: StoredArray, rows: _Rows, fetched: _Fetch) -> _Span:
        """Ask for the bytes of some rows of an object: for all of it where its index is not known."""
        start, stop = 0, self._size(rows.key)
        if array.index_size and (index := self._indexes.get(rows.key)) is not None:
            places = self._places(array, rows, index)
            start, stop = min(place[0] for place in places), max(place[1] for place in places)
        return _Span(rows=rows, start=start, data=fetched(rows.key, start, stop))

    def _fetched(self, key: str, start: int, stop: int) -> Callable[[], Buffer]:
        """Send the requests for a range of an object and return what waits for them."""
        self._size(key)
        if self._folder is not None:
            data = self._read_local(self._folder / key, key, start, stop)
            return lambda: data
        url = join(self._url, key)
        edges = [*range(start, max(stop, start + 1), PIECE), stop]
        pool = remote.request_pool()
        pieces = [pool.submit(remote.fetch, url, *edges[i : i + 2]) for i in range(len(edges) - 1)]
        return lambda: self._joined(key, start, stop, pieces)

    def _joined(self, key: str, start: int, stop: int, pieces: Sequence[Future[bytes]]) -> Buffer:
        try:
            parts = [piece.result() for piece in pieces]
        except MISSING as error:
            raise self._lost(key, f"found nothing, expected {self._size(key)} bytes") from error
        found = sum(map(len, parts))
        if found != stop - start:
            raise self._lost(key, f"bytes {start} to {stop}: found {found} bytes, expected {stop - start}")
        return np.frombuffer(parts[0] if len(parts) == 1 else b"".join(parts), dtype=np.uint8)

    def _read_local(self, path: Path, key: str, start: int, stop: int) -> Buffer:
        expected = self._size(key)
        try:
            with path.open("rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                buffer = np.empty(stop - start, dtype=np.uint8)
                view = memoryview(buffer.data)
                file.seek(start)
                while size == expected and view and (count := file.readinto(view)):
                    view = view[count:]
        except MISSING as error:
            raise self._lost(key, f"found nothing, expected {expected} bytes") from error
        if size != expected or view:
            raise self._lost(key, f"found {size} bytes, expected {expected} bytes")
        return buffer

    def _decoded(
        self,
        array: StoredArray,
        span: _Span,
        out: npt.NDArray[Any],
        read: Callable[..., None],
        decoders: ThreadPoolExecutor | None,
    ) -> list[Future[None]]:
        """Decode the chunks of a span, here or on other threads; return what is not done yet."""
        rows, buffer = span.rows, span.data()
        places = [(0, len(buffer))]
        if array.index_size:
            index = self._indexes.get(rows.key) if span.start else None
            if index is None:
                head = self._fetched(rows.key, 0, array.index_size)() if span.start else buffer[: array.index_size]
                index = self._keep(array, rows.key, head)
            places = self._places(array, rows, index)
        futures: list[Future[None]] = []
        first = rows.start // array.chunk_rows * array.chunk_rows
        for place in places:
            start, stop = max(rows.start, first), min(rows.stop, first + array.chunk_rows)
            target = out[rows.place + start - rows.start : rows.place + stop - rows.start]
            part = partial(read, out=target, start=start - first, stop=stop - first)
            piece = buffer[place[0] - span.start : place[1] - span.start]
            work: Callable[[], None] = partial(self._tried, rows.key, *place, piece, part)
            if decoders is None:
                work()
            else:
                futures.append(decoders.submit(work))
            first += array.chunk_rows
        return futures

    def _tried(self, key: str, start: int, stop: int, buffer: Buffer, read: Callable[[Buffer], _T]) -> _T:
        """Read bytes; when they are corrupted and came over a network, fetch them again."""
        more = REFETCHES if self._folder is None else 0
        while True:
            try:
                return read(buffer)
            except CorruptedError as error:
                if not more:
                    raise self._lost(key, f"bytes {start} to {stop}: corrupted, {error}") from error
            more -= 1
            buffer = self._fetched(key, start, stop)()

    def _size(self, key: str) -> int:
        if key not in self._expected:
            raise LostDataError(f"{self._url}: {key}: {NOT_LISTED}")
        return self._expected[key]

    def _lost(self, key: str, problem: str) -> LostDataError:
        return LostDataError(f"{self._url}: {key}: {problem}. Restore the object.")


def _wanted(array: StoredArray, ranges: Sequence[tuple[int, int]]) -> list[_Rows]:
    """Return what to read of each object, in the order of the result."""
    wanted, place = [], 0
    for begin, end in ranges:
        for number, start, stop in array.pieces(begin, end):
            last = min(array.object_rows, array.shape[0] - number * array.object_rows) - 1
            whole = start < array.chunk_rows and stop > last // array.chunk_rows * array.chunk_rows
            wanted.append(_Rows(key=array.key(number), start=start, stop=stop, place=place, whole=whole))
            place += stop - start
    return wanted


@cache
def _decoders() -> ThreadPoolExecutor:
    """Return the threads of this process that decode; blosc leaves the interpreter to others meanwhile."""
    return ThreadPoolExecutor(max(2, min(8, os.cpu_count() or 2)), thread_name_prefix="biomech-xr-decode")


os.register_at_fork(after_in_child=_decoders.cache_clear)
