"""Objects that look damaged, read again: what came damaged over a network is no damage in the store."""

from __future__ import annotations

from collections.abc import Callable

from biomech_xr.store.objects import Url, read_bytes
from biomech_xr.store.repeated import again


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
    """Return the bytes of an object that carries no checksum: those that came twice, else those that came last.

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
