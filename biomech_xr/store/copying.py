"""Copying a store between any two URLs: resumable, verified, and never half of a version for a reader."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError
from biomech_xr.store import layout, rebuilding
from biomech_xr.store.half_copied import what_to_do
from biomech_xr.store.holdings import Holding, holdings, part_holding, require_sealed, version_holding
from biomech_xr.store.integrity import Expected, problem, read_sealed_bytes, sealed_bytes
from biomech_xr.store.look import Look
from biomech_xr.store.objects import Url, join
from biomech_xr.store.pins import Pins
from biomech_xr.store.planned import is_passing
from biomech_xr.store.rereading import is_same, read_intact
from biomech_xr.store.versions import publish
from biomech_xr.store.writing import put_verified

IN_FLIGHT: Final = 16
"""Objects copied at a time; so many are in memory at most."""

Progress = Callable[["Copied"], None]


@dataclass(kw_only=True, slots=True)
class Copied:
    """How far a copy is: objects and bytes in all, and how many were written, or were there already and are intact."""

    objects: int = 0
    size: int = 0
    written: int = 0
    written_size: int = 0
    there: int = 0
    there_size: int = 0
    published: list[str] = field(default_factory=list)


def copy_store(
    source: Url,
    target: Url,
    *,
    datasets: Collection[str] | None = None,
    version: int | None = None,
    chain: str = "envelope",
    progress: Progress | None = None,
) -> Copied:
    """Copy a store, byte for byte; what is at the target already and intact is left alone.

    Every object is compared with the lists of the source before it is written, and read back after. What lies at the
    target already counts as copied where an earlier copy of the same state of the source left it, else where it is the
    same to the byte. Values come first,
    then ledgers, lists of parts, manifests, and the pointers of versions last: a reader of the target never sees a
    version whose parts are not there. What nothing refers to is not copied.

    Parameters
    ----------
    source, target
        URLs of the store and of its copy.
    datasets
        Sources to copy, all by default. Versions that hold other sources too are not copied: a new one is made.
    version, chain
        Copy the strides of this version of this chain alone, without recordings.
    progress
        Called after every object.

    Raises
    ------
    NotAStoreError
        The source holds nothing of ours, no such dataset or version.
    LostDataError
        An object of the source is missing or damaged; no version that needs it is made at the target.
    OccupiedError
        The target holds another object where one is to be written; it is named, and nothing was written.
    StoreError
        An object reads back differently, the source changed meanwhile, or storage fails.
    """
    look, other = Look(source), Look(target)
    held, made = _held(look, datasets, version, chain)
    wanted = {key: expected for one in held for key, expected in one.objects.items()}
    wanted |= {key: Expected(size=len(data)) for key, data in made.items()}
    wanted = {key: expected for key, expected in wanted.items() if key not in made or other.sealed(key) is None}
    pins = Pins.of(look, other, held)
    job = _Job(look=look, other=other, wanted=wanted, made=made, pins=pins)
    job.refuse_others()
    pins.write()
    state = Copied(objects=len(wanted), size=sum(look.there.get(key, 0) for key in wanted))
    for rank in range(len(_RANKS) + 1):
        if rank == 1:
            pins.require_unchanged()
        keys = sorted(key for key in wanted if _rank(key) == rank)
        pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="biomech-xr-copy")
        try:
            for size, written in pool.map(job.copy, keys):
                state.written, state.there = state.written + written, state.there + (not written)
                state.written_size += size * written
                state.there_size += size * (not written)
                if progress:
                    progress(state)
        finally:
            pool.shutdown(cancel_futures=True)
    for name, sources in _unpublished(look, datasets, version, chain).items():
        number = publish(target, name, sources).number
        state.published.append(f"version {number} of chain {name}")
    pins.remove()
    return state


_RANKS: Final[tuple[Callable[[str], bool], ...]] = (
    lambda key: ".zarr/" in key,
    lambda key: key.startswith("strides/") and f"/{layout.LEDGER}/" in key and not key.endswith(".finished.json"),
    lambda key: f"/{layout.LEDGER}/" in key,
    lambda key: not key.startswith(f"{layout.VERSIONS}/"),
)


def _rank(key: str) -> int:
    """Return when an object is written: values, ledgers of parts, lists that make a unit exist, manifests, pointers."""
    return next((number for number, holds in enumerate(_RANKS) if holds(key)), len(_RANKS))


def _held(
    look: Look, datasets: Collection[str] | None, version: int | None, chain: str
) -> tuple[list[Holding], dict[str, bytes]]:
    """Return the units to copy, and the bytes of manifests that are made for one version."""
    known = {*look.names("recordings"), *(dataset for _, dataset in look.sources())}
    absent = sorted(set(datasets or ()) - known)
    if not known:
        raise NotAStoreError(f"{look.root}: found nothing of ours to copy. {what_to_do(look.root, 'Check the URL.')}")
    if absent:
        found = ", ".join(sorted(known))
        raise NotAStoreError(f"{look.root}: no source {', '.join(map(repr, absent))}; found {found}. Check the URL.")
    require_sealed(look, datasets if version is None else ())
    if version is not None:
        return _of_version(look, datasets, version, chain)
    return [one for one in holdings(look, datasets=datasets) if _whole(look, one, datasets)], {}


def _whole(look: Look, one: Holding, datasets: Collection[str] | None) -> bool:
    """Return whether a unit is no version, or one that holds none but these sources."""
    if one.kind != layout.VERSIONS or datasets is None:
        return True
    pointer = look.sealed(f"{one.name}.json")
    return pointer is not None and set(pointer["sources"]) <= set(datasets)


def _of_version(
    look: Look, datasets: Collection[str] | None, version: int, chain: str
) -> tuple[list[Holding], dict[str, bytes]]:
    if version not in look.pointers.get(chain, []):
        found = ", ".join(map(str, look.pointers.get(chain, []))) or "none"
        raise NotAStoreError(f"{look.root}: chain {chain!r} has no version {version}; found: {found}. Check --version.")
    whole = version_holding(look, chain, version)
    parts = look.version_parts(chain, version)
    chosen = {dataset for dataset, _, _ in parts if datasets is None or dataset in datasets}
    held = [part_holding(look, (chain, dataset, part)) for dataset, part, _ in parts if dataset in chosen]
    held += [one for one in holdings(look, datasets=()) if one.kind in ("people", "splits")]
    if chosen == {dataset for dataset, _, _ in parts}:
        held.append(whole)
    made = {}
    for dataset in sorted(chosen):
        data = rebuilding.rebuilt_manifest(look, chain, dataset, version=version)
        if data is None:
            raise LostDataError(f"{look.root}: version {version}: no manifest can be made of {dataset}. Run check.")
        made[f"strides/{chain}/{dataset}/{layout.MANIFEST}"] = data
    return held, made


def _unpublished(look: Look, datasets: Collection[str] | None, version: int | None, chain: str) -> dict[str, list[str]]:
    """Return chain -> sources of which the target needs a version of its own."""
    found: dict[str, list[str]] = {}
    for name, numbers in look.pointers.items():
        if datasets is None or not numbers or (version is not None and name != chain):
            continue
        number = version or numbers[-1]
        sources = {dataset for dataset, _, _ in look.version_parts(name, number)}
        if sources & set(datasets) and not sources <= set(datasets):
            found[name] = sorted(sources & set(datasets))
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """What is copied from where to where; `made` holds objects that are not in the source just so."""

    look: Look
    other: Look
    wanted: Mapping[str, Expected]
    made: Mapping[str, bytes]
    pins: Pins

    def refuse_others(self) -> None:
        """Raise `OccupiedError` where the target holds another ledger, list, manifest or pointer than the source."""
        keys = [key for key in self.wanted if ".zarr/" not in key and key in self.other.there]
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            wrong = [key for key, bad in zip(keys, pool.map(self._is_other, keys), strict=True) if bad]
        if wrong:
            raise OccupiedError(
                f"{self.other.root}: {len(wrong)} object(s) differ from those of {self.look.root}: "
                f"{', '.join(wrong[:5])}. Nothing was written; choose another target, or remove them there."
            )

    def _is_other(self, key: str) -> bool:
        there = self.other.sealed(key)
        if there is None or is_same(join(self.other.root, key), self._source(key)):
            return False
        return not (is_passing(key) or (key.endswith(f"/{layout.MANIFEST}") and self._earlier(key)))

    def _earlier(self, key: str) -> bool:
        """Return whether the manifest at the target is one of an earlier state: it lists no part that is not here."""
        folder = key.removesuffix(f"/{layout.MANIFEST}")
        listed = (self.other.sealed(key) or {"parts": []})["parts"]
        seals = {part["name"]: self.look.sealed(layout.part_seal_url(folder, part["name"])) for part in listed}
        return all((seals[part["name"]] or {}).get("digest") == part["digest"] for part in listed)

    def _source(self, key: str) -> bytes:
        """Return the bytes of an object of the source; of ledgers and manifests as they were when the copy began."""
        if key in self.made:
            return self.made[key]
        sealed = None if ".zarr/" in key else self.look.sealed(key)
        if sealed is not None:
            return sealed_bytes(sealed)
        return read_intact(join(self.look.root, key), lambda data: problem(data, self.wanted[key]))

    def copy(self, key: str) -> tuple[int, bool]:
        """Copy one object unless it is there and intact; return its size, and whether it was written."""
        expected, place = self.wanted[key], join(self.other.root, key)
        sealed, group = ".zarr/" not in key, f"{key.partition('.zarr/')[0]}.zarr"
        if key in self.other.there:
            believed = not sealed and group in self.pins.believed
            other = partial(problem, expected=expected) if believed else self._source(key).__ne__
            found = read_intact(place, other)
            if not other(found):
                return len(found), False
            if not sealed and group not in self.pins.replaced and _is_whole(found, expected):
                raise OccupiedError(
                    f"{place}: another object than in {self.look.root} ({len(found)} bytes, expected {expected.size}). "
                    "Choose another target, or remove it there."
                )
        data = self._source(key)
        wrong = "" if sealed and read_sealed_bytes(data) else problem(data, expected) or ("damaged" if sealed else "")
        if wrong:
            raise LostDataError(
                f"{join(self.look.root, key)}: {wrong}. Run `biomech-xr check {self.look.root} --repair` first."
            )
        put_verified(place, data, replace=True, lasting=True)
        return len(data), True


def _is_whole(found: bytes, expected: Expected) -> bool:
    """Return whether an object at the target that is not ours is an intact one, of something else."""
    if expected.chunks is not None:
        return not problem(found, Expected(size=None, chunks=expected.chunks))
    try:
        return isinstance(json.loads(found), dict)
    except ValueError:
        return False
