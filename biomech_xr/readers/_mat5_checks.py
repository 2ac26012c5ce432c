"""Contents of a MATLAB v5 file that SciPy or mat-io would follow without end, size memory by, or write to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

REFERENCE: Final = 0xDD000000
"""The first word of a reference to objects: then the number of dims, the dims, an id per object, and the class."""

_HEAD: Final = 10
_WIDTHS: Final = {1: 3, 3: 3, 4: 1}
"""Region of records to words of an entry: properties of two kinds of objects, and dynamic ones."""

_MOST_DIMS: Final = 32


class DamageError(ValueError):
    """The bytes are no MATLAB v5 structure."""


class CutError(DamageError):
    """The bytes end too early."""


class TooLargeError(DamageError):
    """More content than allowed."""


def sound_reference(content: bytes, order: str) -> bool:
    """Return whether words that begin with `REFERENCE` hold as many ids as their dims say."""
    words = [int(word) for word in np.frombuffer(content, f"{order}u4", count=len(content) // 4)]
    count = words[1]
    return 2 <= count <= min(_MOST_DIMS, len(words) - 3) and len(words) == 3 + count + math.prod(words[2 : 2 + count])


def sound_metadata(content: bytes, order: str) -> bool:
    """Return whether the regions of the objects' metadata follow each other and their records go forward.

    A region holds records, each a count and so many entries; a negative count would lead back.
    """
    words = np.frombuffer(content, f"{order}i4", count=len(content) // 4)
    if words.size < _HEAD:
        return False
    bounds = [int(word) for word in words[2:8]]
    if bounds[0] < 4 * _HEAD or bounds[-1] > len(content) or any(a > b for a, b in pairwise(bounds)):
        return False
    return all(_forward(words[bounds[k] // 4 : bounds[k + 1] // 4], width) for k, width in _WIDTHS.items())


def _forward(region: npt.NDArray[np.int32], width: int) -> bool:
    """Return whether no count in a region of records is negative."""
    at = int(region[0]) if region.size and width > 1 else 0
    if at < 0:
        return False
    while at < region.size:
        if region[at] < 0:
            return False
        at += 1 + width * int(region[at])
        at += at % 2
    return True


def sound_indices(rows: bytes, columns: bytes, order: str, dims: Sequence[int], stored: int) -> bool:
    """Return whether the indices of a sparse matrix with so many ``stored`` values lie inside its two dims."""
    if len(dims) != 2 or len(rows) % 4 or len(columns) % 4:
        return False
    inner, starts = np.frombuffer(rows, f"{order}i4"), np.frombuffer(columns, f"{order}i4")
    if starts.size <= dims[1] or starts[0] != 0 or (np.diff(starts) < 0).any() or starts[-1] > min(inner.size, stored):
        return False
    used = inner[: starts[-1]]
    return bool((used >= 0).all() and (used < dims[0]).all())
