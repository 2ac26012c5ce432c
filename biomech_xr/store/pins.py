"""Of what a copy that is under way is one: kept beside it until it is done, so that two states are never mixed.

Names of objects do not tell one state of a person's recordings from another, and neither do checksums that objects
carry of themselves. So the target holds ``copying.json`` while a copy is under way: Zarr group -> digest of the list
(ledger entry, list of a part, pointer) that its objects belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from biomech_xr.errors import StoreError
from biomech_xr.store import layout, remote
from biomech_xr.store.half_copied import PINS
from biomech_xr.store.holdings import Holding
from biomech_xr.store.integrity import sealed_bytes
from biomech_xr.store.look import READERS, Look
from biomech_xr.store.objects import join, sealed_or_none, write_sealed
from biomech_xr.store.rereading import is_same

_MIXED: Final = ""
"""Pin of a group at the target whose objects may be of several states."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pins:
    """The lists that a copy is made by: group -> key of its list; what is believed of the target; what is replaced.

    Objects of a group in `believed` count as copied when they are intact, all others when they are those of the source,
    byte for byte. Groups in `replaced` were begun by a copy of another state of the source.
    """

    look: Look
    target: str
    lists: dict[str, str]
    believed: frozenset[str]
    replaced: frozenset[str]
    pins: dict[str, str]

    @classmethod
    def of(cls, look: Look, other: Look, held: Sequence[Holding]) -> Pins:
        """Return the pins of a copy that begins, given the source, the target and the units to copy."""
        lists = {group: next(iter(one.objects)) for one in held if (group := _group_of(one))}
        before = (sealed_or_none(join(other.root, PINS)) or {"groups": {}})["groups"]
        believed, replaced, pins = set(), set(), {}
        for group, key in lists.items():
            digest = (look.sealed(key) or {})["digest"]
            there = other.sealed(key)
            if before.get(group) == digest or (there is not None and there["digest"] == digest):
                believed.add(group)
                pins[group] = digest
            elif group in before:
                replaced.add(group)
                pins[group] = _MIXED
            elif group not in other.groups:
                pins[group] = digest
        return cls(
            look=look,
            target=other.root,
            lists=lists,
            believed=frozenset(believed),
            replaced=frozenset(replaced),
            pins=pins,
        )

    def write(self) -> None:
        """Say at the target what is being copied, before the first object is."""
        write_sealed(join(self.target, PINS), {"format": layout.FORMAT, "source": self.look.root, "groups": self.pins})

    def remove(self) -> None:
        """Remove what `write` wrote: the copy is done."""
        remote.remove(join(self.target, PINS))

    def require_unchanged(self) -> None:
        """Raise `StoreError` where a list of the source is not the one that the copy began with."""

        def changed(key: str) -> bool:
            return not is_same(join(self.look.root, key), sealed_bytes(self.look.sealed(key) or {}))

        with ThreadPoolExecutor(READERS) as pool:
            keys = list(self.lists.values())
            wrong = [key for key, bad in zip(keys, pool.map(changed, keys), strict=True) if bad]
        if wrong:
            raise StoreError(
                f"{self.look.root}: changed while it was copied: {', '.join(wrong[:5])}. A reader believes nothing of "
                "what was copied so far; run again when nobody writes there."
            )


def _group_of(one: Holding) -> str:
    """Return the Zarr group of a unit, empty where it has none."""
    key = next((key for key in one.objects if ".zarr/" in key), "")
    return f"{key.partition('.zarr/')[0]}.zarr" if key else ""
