"""Objects that look damaged, read again: what came damaged over a network is no damage in the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from biomech_xr.store.objects import Url, read_bytes

READS: Final = 3
"""How often an object that comes damaged is read before it is believed to be so in the store."""

_T = TypeVar("_T")


def read_intact(url: Url, wrong: Callable[[bytes], object]) -> bytes:
    """Return the bytes of an object, read until nothing is wrong with them, at most `READS` times.

    Parameters
    ----------
    url
        The object.
    wrong
        What is wrong with its bytes; nothing, or an empty text, where they are as they should be.

    Returns
    -------
    bytes
        As they came the last time; still wrong where the object is damaged in the store.

    Raises
    ------
    NotAStoreError
        There is no such object.
    """
    return again(lambda: read_bytes(url), wrong)


def read_settled(url: Url) -> bytes:
    """Return the bytes of an object that carries no checksum: those that came twice, of at most `READS` times.

    Raises
    ------
    NotAStoreError
        There is no such object.
    """
    seen = [read_bytes(url)]

    def new(data: bytes) -> bool:
        seen.append(data)
        return data not in seen[:-1]

    return read_intact(url, new)


def is_same(url: Url, data: bytes) -> bool:
    """Return whether an object holds these bytes; that it holds others is believed after `READS` times.

    Raises
    ------
    NotAStoreError
        There is no such object.
    """
    return read_intact(url, lambda found: found != data) == data


def again(find: Callable[[], _T], wrong: Callable[[_T], object]) -> _T:
    """Return what a look at the store gives, looked until nothing is wrong with it, at most `READS` times."""
    found = find()
    for _ in range(READS - 1):
        if not wrong(found):
            break
        found = find()
    return found
