"""Looking at a store again where something seems wrong: what came damaged over a network is no damage in the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

READS: Final = 3
"""How often an object that comes damaged is read before it is believed to be so in the store."""

TRIES: Final = 3
"""How often an object is put that comes in damaged, before the storage counts as broken."""

_T = TypeVar("_T")


def again(find: Callable[[], _T], wrong: Callable[[_T], object]) -> _T:
    """Return what a look at the store gives, looked until nothing is wrong with it, at most `READS` times."""
    found = find()
    for _ in range(READS - 1):
        if not wrong(found):
            break
        found = find()
    return found
