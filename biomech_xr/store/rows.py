"""Which rows of which object a read needs, and where they go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from biomech_xr.store.stored_array import StoredArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Rows ``start`` to ``stop`` of one object, which go to the result from row ``place`` on.

    `whole` says that they touch all its chunks; `more` holds (start, stop, place) of others of the same chunk, so that
    it is fetched and decoded once.
    """

    key: str
    start: int
    stop: int
    place: int
    whole: bool
    more: list[tuple[int, int, int]]


def wanted_rows(array: StoredArray, ranges: Sequence[tuple[int, int]]) -> list[Rows]:
    """Return what to read of each object, in the order of the result.

    Parameters
    ----------
    array
        Facts of the array.
    ranges
        First row and the one after the last, each within the array.
    """
    wanted: list[Rows] = []
    alone: dict[tuple[int, int], Rows] = {}
    place = 0
    for begin, end in ranges:
        for number, start, stop in array.pieces(begin, end):
            chunk = (number, start // array.chunk_rows)
            single = stop <= (chunk[1] + 1) * array.chunk_rows
            if single and chunk in alone:
                alone[chunk].more.append((start, stop, place))
            else:
                last = min(array.object_rows, array.shape[0] - number * array.object_rows) - 1
                whole = start < array.chunk_rows and stop > last // array.chunk_rows * array.chunk_rows
                rows = Rows(key=array.key(number), start=start, stop=stop, place=place, whole=whole, more=[])
                wanted.append(rows)
                if single:
                    alone[chunk] = rows
            place += stop - start
    return wanted
