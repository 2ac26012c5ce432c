"""Values of stored arrays by byte ranges: many requests in flight, every checksum compared, decoded in place.

Zarr fetches the inner chunks of a shard one after the other and starts anew for every call. Here the objects of a read
are fetched in pieces at the same time, the index of a shard is kept, and chunks are decoded on a few threads straight
into the result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt

from biomech_xr.errors import LostDataError
from biomech_xr.store import remote
from biomech_xr.store.checked import NOT_LISTED
from biomech_xr.store.clients import MISSING
from biomech_xr.store.decoders import decoders_of
from biomech_xr.store.local_cache import LocalCache, entry_name, read_file
from biomech_xr.store.objects import join, local_path
from biomech_xr.store.rows import Rows, wanted_rows
from biomech_xr.store.stored_array import (
    Buffer,
    Convert,
    CorruptedError,
    StoredArray,
    check_range,
    decode,
    read_index,
)

PIECE: Final = 2**20
"""Bytes of one request inside an object; with `remote.IN_FLIGHT` it was measured at 30 ms latency, 60 MB/s."""

OBJECTS_AHEAD: Final = 64
"""Objects of one read that are being fetched before the first of them is decoded."""

REFETCHES: Final = 2
"""How often bytes are fetched again that came corrupted; then they are so in the store."""

INDEXES_KEPT: Final = 16_384
"""Shard indexes that one reader keeps, of 128 bytes each."""

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """A range of an object on its way; `data` waits for it."""

    rows: Rows
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
    cache, digest
        Where ranges are kept that came over a network, and what names the content: the digest of that manifest.
    """

    def __init__(
        self, url: str, expected: Mapping[str, int], *, cache: LocalCache | None = None, digest: str = ""
    ) -> None:
        self._url = url
        self._expected = expected
        self._folder = local_path(url)
        self._cache, self._digest = cache, digest
        self._coming: dict[str, Event] = {}
        self._indexes: dict[str, npt.NDArray[np.uint64]] = {}

    def read(
        self,
        array: StoredArray,
        ranges: Sequence[tuple[int, int]],
        *,
        dtype: np.dtype[Any] | None = None,
        convert: Convert | None = None,
        out: npt.NDArray[Any] | None = None,
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
        out
            Where the result goes, of its shape and type; a new array when left out.

        Raises
        ------
        LostDataError
            An object is missing, short, corrupted, or not listed; the message names URL, key and range.
        StoreError
            The storage could not be reached.
        """
        if out is None:
            count = sum(max(0, stop - start) for start, stop in ranges)
            out = np.empty((count, *array.tail), dtype=dtype or array.dtype)
        if not out.size:
            return out
        wanted = wanted_rows(array, ranges)
        self._learn(array, wanted)
        several = sum(-(-rows.stop // array.chunk_rows) - rows.start // array.chunk_rows for rows in wanted) > 1
        decoders = decoders_of(out.nbytes) if several else None
        read = partial(decode, array=array, convert=convert)
        decoding: list[Future[None]] = []
        flying: deque[_Span] = deque()
        for rows in wanted:
            flying.append(self._sent(array, rows))
            if self._folder is not None or len(flying) >= OBJECTS_AHEAD:
                decoding += self._decoded(array, flying.popleft(), out, read, decoders)
        while flying:
            decoding += self._decoded(array, flying.popleft(), out, read, decoders)
        for future in decoding:
            future.result()
        return out

    def _learn(self, array: StoredArray, wanted: Sequence[Rows]) -> None:
        """Fetch unknown indexes of objects that are not read whole: all at one time, each by one thread alone."""
        if not array.index_size:
            return
        unknown = dict.fromkeys(rows.key for rows in wanted if not rows.whole and rows.key not in self._indexes)
        alone = (0, array.index_size)
        flying: dict[str, Callable[[], Buffer]] = {}
        ours: dict[str, Event] = {}
        others: list[Event] = []
        try:
            for key in unknown:
                known = Event()
                asked = self._coming.setdefault(key, known)
                if asked is not known:
                    others.append(asked)
                    continue
                ours[key] = known
                if key not in self._indexes:  # else another thread has just been told
                    flying[key] = self._fetched(array, key, *alone)
            for key, data in flying.items():
                self._keep(array, key, data(), alone)
        finally:
            for key, known in ours.items():
                del self._coming[key]
                known.set()
        for asked in others:
            asked.wait()

    def _keep(self, array: StoredArray, key: str, buffer: Buffer, span: tuple[int, int]) -> npt.NDArray[np.uint64]:
        """Return the index of a shard from its first bytes, and keep it."""
        index = self._tried(key, (0, array.index_size), buffer, read_index, span)
        while len(self._indexes) >= INDEXES_KEPT:
            with suppress(KeyError, RuntimeError, StopIteration):  # another thread may have been first
                del self._indexes[next(iter(self._indexes))]
        self._indexes[key] = index
        return index

    def _places(self, array: StoredArray, rows: Rows, index: npt.NDArray[np.uint64]) -> list[tuple[int, int]]:
        """Return the first byte of each chunk that holds some of the rows, and the one after its last."""
        chunks = index[rows.start // array.chunk_rows : -(-rows.stop // array.chunk_rows)].tolist()
        places = [(offset, offset + size) for offset, size in chunks]
        if any(stop > self._size(rows.key) for _, stop in places):
            raise self._lost(rows.key, f"chunks of strides {rows.start} to {rows.stop} of this object are missing")
        return places

    def _sent(self, array: StoredArray, rows: Rows) -> _Span:
        """Ask for the bytes of some rows of an object: for all of it where all its chunks have some."""
        start, stop = 0, self._size(rows.key)
        if not rows.whole and (index := self._indexes.get(rows.key)) is not None:
            places = self._places(array, rows, index)
            start, stop = min(place[0] for place in places), max(place[1] for place in places)
        return _Span(rows=rows, start=start, data=self._fetched(array, rows.key, start, stop))

    def _fetched(self, array: StoredArray, key: str, start: int, stop: int) -> Callable[[], Buffer]:
        """Send the requests for a range of an object that no cache has, and return what waits for them."""
        size = self._size(key)
        if self._folder is not None:
            data = self._read_local(self._folder / key, key, start, stop)
            return lambda: data
        send, joined = partial(self._requested, key, start, stop), partial(self._joined, key, start, stop)
        if self._cache is None:
            return partial(joined, send())
        name = entry_name(self._digest, key, size, start, stop)
        check = partial(check_range, array, start, self._indexes.get(key))
        return self._cache.fetched(name, stop - start, send, joined, check)

    def _requested(self, key: str, start: int, stop: int) -> list[Future[Buffer]]:
        """Ask for a range in pieces, each of which is put in its place in one buffer by the thread that gets it."""
        url, buffer, pool = join(self._url, key), np.empty(stop - start, dtype=np.uint8), remote.request_pool()
        places = range(0, max(len(buffer), 1), PIECE)
        return [pool.submit(_fetched_into, buffer[place : place + PIECE], url, start + place) for place in places]

    def _joined(self, key: str, start: int, stop: int, pieces: Sequence[Future[Buffer]]) -> Buffer:
        try:
            parts = [piece.result() for piece in pieces]
        except MISSING as error:
            raise self._lost(key, f"found nothing, expected {self._size(key)} bytes") from error
        found = sum(map(len, parts))
        if found != stop - start:
            raise self._lost(key, f"bytes {start} to {stop}: found {found} bytes, expected {stop - start}")
        return cast("Buffer", parts[0].base)  # the pieces lie side by side in it

    def _read_local(self, path: Path, key: str, start: int, stop: int) -> Buffer:
        expected = self._size(key)
        try:
            size, buffer = read_file(path, start, stop)
        except MISSING as error:
            raise self._lost(key, f"found nothing, expected {expected} bytes") from error
        if size != expected or len(buffer) < stop - start:
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
        bounds = (span.start, span.start + len(buffer))
        places = [bounds]
        if array.index_size:
            index = self._indexes.get(rows.key) if span.start else None
            if index is None:
                alone = (0, array.index_size)
                head = self._fetched(array, rows.key, *alone)() if span.start else buffer[: array.index_size]
                index = self._keep(array, rows.key, head, alone if span.start else bounds)
            places = self._places(array, rows, index)
        futures: list[Future[None]] = []
        first = rows.start // array.chunk_rows * array.chunk_rows
        for place in places:
            start, stop = max(rows.start, first), min(rows.stop, first + array.chunk_rows)
            parts = [(start, stop, rows.place + start - rows.start), *rows.more]
            targets = [(out[to : to + last - one], one - first, last - first) for one, last, to in parts]
            piece = buffer[place[0] - span.start : place[1] - span.start]
            work: Callable[[], None] = partial(
                self._tried, rows.key, place, piece, partial(read, targets=targets), bounds
            )
            if decoders is None:
                work()
            else:
                futures.append(decoders.submit(work))
            first += array.chunk_rows
        return futures

    def _tried(
        self, key: str, place: tuple[int, int], buffer: Buffer, read: Callable[[Buffer], _T], span: tuple[int, int]
    ) -> _T:
        """Read bytes that came in a span; when they are corrupted and came over a network, fetch them again."""
        more = REFETCHES if self._folder is None else 0
        while True:
            try:
                return read(buffer)
            except CorruptedError as error:
                if not more:
                    raise self._lost(key, f"bytes {place[0]} to {place[1]}: corrupted, {error}") from error
            more -= 1
            if self._cache is not None:
                self._cache.drop(entry_name(self._digest, key, self._size(key), *span))
            buffer = self._joined(key, *place, self._requested(key, *place))

    def _size(self, key: str) -> int:
        if key not in self._expected:
            raise LostDataError(f"{self._url}: {key}: {NOT_LISTED}")
        return self._expected[key]

    def _lost(self, key: str, problem: str) -> LostDataError:
        return LostDataError(f"{self._url}: {key}: {problem}. Restore the object.")


def _fetched_into(out: Buffer, url: str, start: int) -> Buffer:
    """Fetch the bytes of an object from ``start`` on into ``out`` and return as many of it as there were."""
    found = remote.fetch_view(url, start, start + len(out))
    if found:
        out[: len(found)] = np.frombuffer(found, dtype=np.uint8)
    return out[: len(found)]
