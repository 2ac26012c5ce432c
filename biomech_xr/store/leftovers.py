"""What lies in a store and nothing refers to: bytes, why, and how to remove it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from biomech_xr.store import layout
from biomech_xr.store.look import Look
from biomech_xr.store.objects import join
from biomech_xr.store.planned import FAILED, plan_number

_PART: Final = re.compile(r"(strides/[^/]+/[^/]+)/(?:ledger/)?(part-[0-9a-f]{12})\b.*")
_PATIENT: Final = re.compile(r"(recordings/[^/]+/[^/]+\.zarr)/.*")
_CATALOGUE: Final = re.compile(r"(versions/[^/]+/[^/]+\.zarr)/.*")


def leftovers(look: Look, known: Collection[str]) -> dict[str, tuple[int, int, str]]:
    """Return unit -> (objects, bytes, why it is there and how to remove it) of all objects that nothing refers to.

    Parameters
    ----------
    look
        The store.
    known
        Keys of the objects that belong to a patient with a ledger entry, to a part that is listed, to a version.
    """
    loose: dict[str, list[str]] = {}
    for key in look.there:
        if key not in known:
            loose.setdefault(_unit(key), []).append(key)
    return {
        unit: (len(keys), sum(look.there[key] for key in keys), _why(look, unit, keys, known))
        for unit, keys in loose.items()
    }


def _unit(key: str) -> str:
    """Return what an object belongs to: a part, a patient's group, a catalogue, or itself."""
    if match := _PART.fullmatch(key):
        return f"{match[1]}/{match[2]}"
    for pattern in (_PATIENT, _CATALOGUE):
        if match := pattern.fullmatch(key):
            return match[1]
    return key


def _why(look: Look, unit: str, keys: list[str], known: Collection[str]) -> str:
    kind = unit.partition("/")[0]
    group = unit if unit.endswith(".zarr") else f"{unit}.zarr"
    if any(other in known for other in (f"{group}/zarr.json",)):
        return f"not in the list of what was written, so never read: {keys[0]}. Remove it by hand"
    if unit.endswith(".quarantined"):
        return "whose files kill the process that reads them. Replace them, or parse with retry_quarantined=true"
    if unit.endswith(FAILED):
        reason = (look.sealed(unit) or {}).get("reason", "nobody knows why")
        return f"whose files cannot be parsed: {reason.rstrip('. ')}. Then parse again, or leave the person out"
    if kind == "recordings" and plan_number(unit.rpartition("/")[2]):
        return f"the plan of an earlier parse, a newer one took its place. Remove {join(look.root, unit)}"
    if unit.endswith(".trying"):
        return "the mark of a parse that is running, or that died. Run parse again, which removes it"
    if kind == "recordings" and unit.endswith(".zarr"):
        return f"an attempt that died: no ledger entry. Run parse again, or remove {join(look.root, unit)}"
    if kind == "strides" and _PART.fullmatch(keys[0]):
        folder, _, part = unit.rpartition("/")
        if layout.part_seal_url(folder, part) in look.there:
            return f"finished, but no manifest and no version lists it. Remove {_places(look, folder, part)}"
        places = _places(look, folder, part)
        return f"never finished. If no process is at it, run process again, which does the rest, or remove {places}"
    if kind == layout.VERSIONS:
        return f"a catalogue that no version names. Remove {join(look.root, unit)}"
    return f"not ours. Remove {join(look.root, unit)}"


def _places(look: Look, folder: str, part: str) -> str:
    return f"{join(look.root, folder, part)}.zarr and {join(look.root, folder, layout.LEDGER, part)}.*json"
