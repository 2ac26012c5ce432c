"""A copy that is under way, or that died: what its target says to whoever finds no store there."""

from __future__ import annotations

from typing import Final

from biomech_xr.errors import NotAStoreError
from biomech_xr.store.objects import Url, join, read_bytes

PINS: Final = "copying.json"
"""Object at the root of a target while a copy to it is not done."""


def what_to_do(root: Url, otherwise: str) -> str:
    """Return what to do where a store, or a version of it, is not found: to end the copy, where one was begun."""
    try:
        read_bytes(join(root, PINS))
    except NotAStoreError:
        return otherwise
    return "A copy to here was begun and is not finished: run `biomech-xr copy` again, it goes on."
