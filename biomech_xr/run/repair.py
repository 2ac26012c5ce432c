"""Redo what a check found broken, and nothing else: every object comes out as it was, or it is said why not.

Ledgers, manifests and pointers are made again from intact objects (`biomech_xr.store.rebuilding`), strides from the
recordings, recordings from the raw files. What is made again lies in a temporary folder of this machine until it is
proved; an intact object is never written: each is read again right before.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from biomech_xr.errors import BiomechXRError
from biomech_xr.run.remaking import RawFolder, Remade, remake_part, remake_patient
from biomech_xr.store import layout, rebuilding, rebuilding_people
from biomech_xr.store.check import Checked
from biomech_xr.store.look import Look, Place, pointer_key, seal_key
from biomech_xr.store.planned import plan_number

_SHARD: Final = re.compile(r"\.shard-(\d{5})\.json$")
_COPY: Final = "Restore it from a copy of the store"


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """One broken object: whether it is whole now, and what proves it, or what to do; `written` unless it was intact."""

    key: str
    done: bool
    how: str
    written: bool = True


@dataclass(kw_only=True, slots=True)
class _Work:
    """A store that is being repaired: the broken objects that are left, by unit."""

    look: Look
    raw: Mapping[str, RawFolder]
    broken: dict[str, set[str]]
    folder: str
    remade: dict[str, Remade] = field(default_factory=dict)


def repair_store(
    root: str, checked: Iterable[Checked], *, raw: Mapping[str, RawFolder] | None = None
) -> Iterator[Repaired]:
    """Make the broken objects of a store again and yield what became of each.

    Lists of parts come first, then recordings, parts, manifests and versions, because each is made of those before.

    Parameters
    ----------
    root
        URL of the store.
    checked
        What `biomech_xr.store.check_store` yielded for it.
    raw
        Source -> the raw folder that its recordings were parsed from, for recordings that are broken.
    """
    broken = {unit.name: set(unit.broken) for unit in checked if unit.broken}
    with tempfile.TemporaryDirectory(prefix="biomech-xr-repair-") as folder:
        work = _Work(look=Look(root), raw=raw or {}, broken=broken, folder=folder)
        yield from _seals(work)
        yield from _metadata(work)
        for name in sorted(broken):
            kind, *rest = name.split("/")
            if kind == "recordings" and not plan_number(rest[1]):
                yield from _patient(work, name, *rest)
        for place in list(work.look.parts):
            if "/".join(("strides", *place)) in broken:
                yield from _part(work, place)
        for name in sorted(broken):
            yield from _rest(work, name)


def _rest(work: _Work, name: str) -> Iterator[Repaired]:
    """Repair manifests, versions, and say of whatever is left what to do."""
    kind, *rest = name.split("/")
    if kind == "recordings" and plan_number(rest[1]):
        yield from _plan(work, name, rest[0])
    if kind == "strides" and len(rest) == 2:
        key = f"{name}/{layout.MANIFEST}"
        again = "Run process again: it keeps the parts and writes it"
        yield from _rebuild(
            work,
            name,
            key,
            lambda: rebuilding.rebuilt_manifest(work.look, rest[0], rest[1]),
            "from the lists of its parts, as a version knows them",
            again,
        )
    if kind == layout.VERSIONS:
        yield from _version(work, name, rest[0], int(rest[1]))
    for key in sorted(work.broken[name]):
        yield Repaired(key=key, done=False, how=f"nothing else holds it. {_COPY}")


def _rebuild(
    work: _Work, name: str, key: str, make: Callable[[], bytes | None], how: str, otherwise: str
) -> Iterator[Repaired]:
    """Put a sealed object in place where intact objects prove it; leave it broken, without a word, for ``""``."""
    if key not in work.broken[name]:
        return
    reason = "intact objects do not prove what it was"
    try:
        data = make()
    except BiomechXRError as error:
        data, reason = None, str(error)
    if data is not None:
        yield _put(work, name, key, data, how)
    elif otherwise:
        work.broken[name].discard(key)
        yield Repaired(key=key, done=False, how=f"{reason}. {otherwise}")


def _put(work: _Work, name: str, key: str, data: bytes, how: str) -> Repaired:
    written = work.look.replace(key, data)
    work.broken[name].discard(key)
    how = how if written else "nothing was written, it is intact when it is read again"
    return Repaired(key=key, done=True, how=how, written=written)


def _seals(work: _Work) -> Iterator[Repaired]:
    for place in list(work.look.parts):
        name = "/".join(("strides", *place))
        if name in work.broken:
            yield from _seal(work, name, place)


def _seal(work: _Work, name: str, place: Place) -> Iterator[Repaired]:
    how = "from the ledger of the part; its digest is the one that the manifest or a version knows"
    yield from _rebuild(work, name, seal_key(*place), lambda: rebuilding.rebuilt_seal(work.look, place), how, "")


def _metadata(work: _Work) -> Iterator[Repaired]:
    """Repair the metadata of arrays and tables from the copy of them in the root of their group."""
    for name, keys in work.broken.items():
        for key in sorted(key for key in keys if key.endswith("/zarr.json") and not key.endswith(".zarr/zarr.json")):
            data = rebuilding.rebuilt_metadata(work.look, key)
            if data is not None:
                yield _put(work, name, key, data, "from the copy in the root of its group; the list holds its checksum")


def _patient(work: _Work, name: str, dataset: str, patient: str) -> Iterator[Repaired]:
    """Repair a person: the entry from the group that a part was made of, anything else from the raw files."""
    entry_key = layout.patient_ledger_url("", dataset, patient).lstrip("/")
    how = "from the recordings; its digest is the one that a finished part knows"

    def entry() -> bytes | None:
        return rebuilding_people.rebuilt_patient_entry(work.look, dataset, patient)

    if work.broken[name] == {entry_key}:
        yield from _rebuild(work, name, entry_key, entry, how, "")
    if not work.broken[name]:
        return
    try:
        remade = remake_patient(work.look, work.raw, f"{work.folder}/{patient}", dataset, patient)
    except BiomechXRError as error:
        yield from _give_up(work, name, str(error))
        return
    yield from _graft(work, name, remade, "parsed again from the raw files")
    if work.broken[name] == {entry_key}:
        yield from _rebuild(work, name, entry_key, entry, how, "")
    if entry_key in work.broken[name] and remade.entry is not None and not remade.different:
        yield _put(work, name, entry_key, remade.entry, "parsed again from the raw files; every object is the same")


def _plan(work: _Work, name: str, dataset: str) -> Iterator[Repaired]:
    """Repair the plan of a parse from the people who are accounted for."""
    how = "from the people who were parsed; its digest is the one that a part knows"
    again = "Run parse again, which writes it"
    yield from _rebuild(work, name, name, lambda: rebuilding_people.rebuilt_plan(work.look, dataset), how, again)


def _give_up(work: _Work, name: str, why: str) -> Iterator[Repaired]:
    for key in sorted(work.broken[name]):
        yield Repaired(key=key, done=False, how=why)
    work.broken[name].clear()


def _graft(work: _Work, name: str, remade: Remade, how: str) -> Iterator[Repaired]:
    """Put the broken objects of a group in place from one that was made again."""
    prefix = f"{remade.group}/"
    for key in sorted(key for key in work.broken[name] | remade.broken if key.startswith(prefix)):
        data = remade.object(key.removeprefix(prefix))
        if data is None:
            work.broken[name].discard(key)
            yield Repaired(key=key, done=False, how=f"{remade.refusal(key.removeprefix(prefix))}. {_COPY}")
        else:
            yield _put(work, name, key, data, f"{how}; {remade.proof}")


def _part(work: _Work, place: Place) -> Iterator[Repaired]:
    """Repair a part: its objects from the recordings, its ledger from what is intact then."""
    name, folder = "/".join(("strides", *place)), f"strides/{place[0]}/{place[1]}"
    entry_key = layout.part_ledger_url(folder, place[2])
    yield from _part_entry(work, name, place, entry_key)
    group = f"{folder}/{place[2]}.zarr/"
    shards = _broken_shards(work.broken[name])
    seal_lost = seal_key(*place) in work.broken[name]
    if any(key.startswith(group) for key in work.broken[name]) or entry_key in work.broken[name] or seal_lost:
        try:
            remade = remake_part(work.look, f"{work.folder}/{place[2]}", place, work.broken[name], every=seal_lost)
        except BiomechXRError as error:
            yield from _give_up(work, name, str(error))
            return
        if seal_lost and remade.seal is not None:
            how = "processed again; its digest is the one that the manifest or a version knows"
            yield _put(work, name, seal_key(*place), remade.seal, how)
        yield from _graft(work, name, remade, "processed again from the recordings")
        yield from _part_entry(work, name, place, entry_key)
    for key, shard in shards.items():
        how = "from the list of the part and the values of the shard"
        rebuilt = (lambda number: lambda: rebuilding.rebuilt_shard_entry(work.look, place, number))(shard)
        yield from _rebuild(work, name, key, rebuilt, how, "Repair the part first")


def _part_entry(work: _Work, name: str, place: Place, key: str) -> Iterator[Repaired]:
    how = "from the list of the part and its root group, whose checksum the list holds"
    yield from _rebuild(work, name, key, lambda: rebuilding.rebuilt_part_entry(work.look, place), how, "")


def _broken_shards(keys: Collection[str]) -> dict[str, int]:
    """Return key -> number of the shards whose ledger entries are among the keys."""
    return {key: int(match[1]) for key in sorted(keys) if (match := _SHARD.search(key))}


def _version(work: _Work, name: str, chain: str, number: int) -> Iterator[Repaired]:
    """Repair a version: the catalogue from the labels of the parts, a pointer from a catalogue that matches."""
    key = pointer_key(chain, number)
    if key in work.broken[name]:
        try:
            made = rebuilding.rebuilt_pointer(work.look, chain, number, work.broken[name])
        except BiomechXRError as error:
            yield from _give_up(work, name, str(error))
            return
        if made is None:
            yield from _give_up(
                work,
                name,
                "no catalogue that matches is left. Open another version, or run process again, which makes one",
            )
            return
        how = f"from {made[0]}, which is the catalogue that its parts give, byte for byte"
        yield _put(work, name, key, made[1], how)
    pointer = work.look.sealed(key)
    if not work.broken[name] or pointer is None:
        return
    group = f"{layout.VERSIONS}/{chain}/{pointer['catalogue']['name']}"
    try:
        objects = rebuilding.rebuilt_catalogue(work.look, chain, number)
    except BiomechXRError as error:
        yield from _give_up(work, name, str(error))
        return
    remade = Remade.of(work.look, group, objects.get, work.broken[name], pointer["catalogue"])
    yield from _graft(work, name, remade, "from the labels of the parts")
