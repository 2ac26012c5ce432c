"""Text tables of nothing but plain decimal numbers, scanned by a compiled loop several times as fast as by pandas.

Plain is what the conversion of is exact: digits with a sign and a point or without, at most 17 of them and as a whole
number at most 2**53. A number is then that whole number over a power of ten, both exact, so that the quotient is the
nearest double, as `float` gives it. A cell may be empty or ``NaN`` too. Anything else (an exponent, a quote, a row of
another length) is left to pandas.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from biomech_xr.compiled import compiled

FloatArray = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

_NEWLINE, _RETURN, _MINUS, _POINT, _ZERO, _NINE, _N, _A = b"\n\r-.09Na"
_MOST_DIGITS: Final = 17
_LARGEST: Final = 2**53
_TENS: Final = np.array([10.0**power for power in range(_MOST_DIGITS + 1)])
_HEADER: Final = 1 << 20
_PIECE: Final = 4 << 20
_MOST_THREADS: Final = 4


def read_plain(path: Path, *, columns: int, delimiter: str = ",") -> FloatArray | None:
    """Return the numbers below the one header row of a text table, shape (column, row); None unless all are plain.

    Parameters
    ----------
    path
        The file. It is mapped, not loaded; a file of several megabytes is read by up to four threads.
    columns
        How many cells the header has, and each row must have.
    delimiter
        The one ASCII character between cells.
    """
    if columns < 2 or not path.stat().st_size:  # of one column an empty row would be a cell
        return None
    content: Bytes = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
    header, found, _ = content[:_HEADER].tobytes().partition(b"\n")
    begin = len(header) + 1
    if not found or b'"' in header or b"\r" in header[:-1] or begin == content.size or content[-1] != _NEWLINE:
        return None
    pieces = _pieces(content, begin)
    with ThreadPoolExecutor(len(pieces), thread_name_prefix="biomech-xr-decimals") as pool:
        counts = list(pool.map(_count, pieces))
        values = np.empty((columns, sum(counts)))
        firsts = np.cumsum([0, *counts[:-1]]).tolist()
        done = pool.map(lambda piece, first: _fill(piece, ord(delimiter), values, first), pieces, firsts)
        return values if all(done) else None


def _pieces(content: Bytes, begin: int) -> list[Bytes]:
    """Return the rows from ``begin`` on in pieces that end with a row, one a thread."""
    size = content.size - begin
    threads = min(_MOST_THREADS, len(os.sched_getaffinity(0)), 1 + size // _PIECE)
    ends = [begin + size * number // threads for number in range(1, threads)]
    after = [end + content[end : end + _HEADER].tobytes().find(b"\n") + 1 for end in ends]
    return [content[start:stop] for start, stop in pairwise([begin, *after, content.size]) if start < stop]


@compiled()
def _count(text: Bytes) -> int:
    """Return the number of line breaks."""
    count = 0
    for byte in text:
        count += byte == _NEWLINE
    return count


@compiled()
def _fill(text: Bytes, delimiter: int, values: FloatArray, row: int) -> bool:
    """Write the numbers of whole rows, a line break at the end of each, to ``values`` (column, row) from ``row`` on.

    Return False at the first cell that is not plain. Every row takes one line break, and no cell goes past one.
    """
    place, last = 0, values.shape[0] - 1
    while place < text.size:
        for column in range(last + 1):
            negative = text[place] == _MINUS
            place += negative
            whole, digits, decimals, point = 0, 0, 0, False
            byte = text[place]
            while _ZERO <= byte <= _NINE or (byte == _POINT and not point):
                if byte == _POINT:
                    point = True
                else:
                    whole = 10 * whole + (byte - _ZERO)
                    digits += 1
                    decimals += point
                place += 1
                byte = text[place]
            number = whole / _TENS[min(decimals, _MOST_DIGITS)]
            if digits == 0 and not negative and not point:
                number = np.nan
                if byte == _N and place + 3 < text.size and text[place + 1] == _A and text[place + 2] == _N:
                    place += 3
                    byte = text[place]
            elif digits == 0 or digits > _MOST_DIGITS or whole > _LARGEST or (negative and whole == 0 and not point):
                return False
            if column == last and byte == _RETURN:
                place += 1
                byte = text[place]
            if byte != (_NEWLINE if column == last else delimiter):
                return False
            place += 1
            values[column, row] = -number if negative else number
        row += 1
    return True
