"""Units of a store made again in a folder of this machine, to repair the originals with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import dask
from dask import delayed

from biomech_xr.errors import NotAStoreError, StoreError
from biomech_xr.process import make_plan, shard_blocks
from biomech_xr.process.chains.in_force import held_chain
from biomech_xr.run.parse import parse_patient
from biomech_xr.run.process import create_planned
from biomech_xr.run.reuse import MADE_OF
from biomech_xr.store import finish, layout, ledger, write_shard
from biomech_xr.store.checked import is_chunk
from biomech_xr.store.integrity import Expected, problem, read_sealed_bytes
from biomech_xr.store.look import Look, Place, seal_key
from biomech_xr.store.objects import exists, join, read_bytes
from biomech_xr.store.rebuilding_people import patient_digests
from biomech_xr.store.rereading import is_same

_ROOT: Final = "zarr.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class RawFolder:
    """The raw tree of a source, and the options with which it was parsed."""

    folder: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remade:
    """A Zarr group that was made again.

    `read` returns the bytes of an object, None where it was not made; `objects` and `checksums` are what the list of
    the original says; `different` holds intact values of the original that came out differently: nothing is proved
    then. `entry` and `seal` are the bytes of the ledger objects where they came out as others know them.
    """

    group: str
    read: Callable[[str], bytes | None]
    objects: Mapping[str, int]
    checksums: Mapping[str, int]
    broken: frozenset[str]
    different: tuple[str, ...]
    compared: int
    entry: bytes | None = None
    seal: bytes | None = None

    @classmethod
    def of(
        cls,
        look: Look,
        group: str,
        read: Callable[[str], bytes | None],
        broken: Collection[str],
        listed: Mapping[str, Mapping[str, int]],
        **sealed: bytes | None,
    ) -> Remade:
        """Return a group that was made again after comparing it with all that is intact of the original."""
        intact = [key for key in look.groups.get(group, ()) if is_chunk(key) and f"{group}/{key}" not in broken]
        made = {key: data for key in intact if (data := read(key)) is not None}
        different = tuple(key for key, data in made.items() if not is_same(join(look.root, group, key), data))
        return cls(
            group=group,
            read=read,
            objects=listed["objects"],
            checksums=listed["checksums"],
            broken=frozenset(broken),
            different=different,
            compared=len(made),
            **sealed,
        )

    def object(self, key: str) -> bytes | None:
        """Return the bytes of an object that is proved: its neighbors came out the same, and it fits the list."""
        data = self.read(key)
        if self.different or data is None or (self.objects and key not in self.objects):
            return None
        expected = Expected(size=self.objects.get(key), checksum=self.checksums.get(key))
        return None if problem(data, expected) else data

    @property
    def proof(self) -> str:
        """What proves an object that was put in place."""
        return f"size and checksum are those of the list, {self.compared} intact object(s) came out the same"

    def refusal(self, key: str) -> str:
        """Return why an object was not put in place."""
        if self.different:
            return f"made again, but {len(self.different)} intact object(s) come out differently: other software"
        if self.read(key) is None:
            return "not made again"
        return "made again, but it comes out differently: other software, other raw files, or no list of it"


def remake_patient(look: Look, raw: Mapping[str, RawFolder], folder: str, dataset: str, patient: str) -> Remade:
    """Parse one person again into a folder and compare with what is intact.

    Raises
    ------
    NotAStoreError
        No raw folder is given; the message says what to do.
    StoreError
        The raw files, the reader or its options are not those of then. Another release or other code is none of that:
        what comes out the same is put in place.
    BiomechXRError
        As `biomech_xr.run.parse_patient`.
    """
    where = f"recordings/{dataset}/{patient}"
    group = f"{where}.zarr"
    entry_key = layout.patient_ledger_url("", dataset, patient).lstrip("/")
    if dataset not in raw:
        raise NotAStoreError(
            f"only the raw files hold it. Run again with --raw {dataset}=FOLDER; or remove {group} and {entry_key} and "
            "run parse, then process"
        )
    source = raw[dataset]
    entry = look.sealed(entry_key)
    facts = entry or look.root_metadata(group, None).get("attributes") or {}
    own, software = patient.removeprefix(f"{dataset}-"), facts.get("software")
    made = parse_patient(dataset, source.folder, folder, own, source.options, software=software)
    wrong = [name for name in ("config_hash", "fingerprint") if facts and facts[name] != made[name]]
    if wrong:
        raise StoreError(
            f"{where}: parsed again from {source.folder} it has another {' and '.join(wrong)}: other raw files, "
            "another reader or release, or other options (--option). Remove it and run parse, then process"
        )
    known = patient_digests(look, dataset, patient)
    listed = entry or made
    broken = set(look.damage(group, listed["objects"], listed["checksums"]))
    sealed = read_bytes(join(folder, entry_key)) if not known or made["digest"] in known else None
    return Remade.of(look, group, _reader(join(folder, group)), broken, listed, entry=sealed)


def remake_part(look: Look, folder: str, place: Place, broken: Collection[str], *, every: bool) -> Remade:
    """Process the people of a part again into a folder: its metadata and tables, and the shards that are broken.

    Parameters
    ----------
    look, folder
        The store; a folder of this machine.
    place
        The part; its name is a fingerprint of all that it was made of, which must come out again.
    broken
        Keys of its broken objects.
    every
        Make all shards, and the list of the part with them.

    Raises
    ------
    StoreError
        Nothing intact says which chain and people it was made of, or it does not come out as the same part.
    BiomechXRError
        As `biomech_xr.process.make_plan`.
    """
    chain, dataset, name = place
    own = f"strides/{chain}/{dataset}"
    group = f"{own}/{name}.zarr"
    attrs = _attributes(look, place)
    recordings = attrs.get("recordings", {})
    _require_recordings(look, dataset, recordings)
    plan = make_plan(look.root, dataset, held_chain(attrs["chain"]), list(recordings) or None)
    made_of: dict[str, Any] = {key: attrs[key] for key in MADE_OF if key in attrs}
    plan = replace(plan, attrs={**plan.attrs, "recordings": recordings, **made_of})
    software = _made_with(look, place)
    entry = create_planned(folder, plan, software=software)
    if layout.part_name(entry["fingerprint"]) != name:
        raise StoreError(
            f"{own}/{name}: processed again it is {layout.part_name(entry['fingerprint'])}: the code or the facts of "
            "the source changed since. Run process: it makes a new part, and a new version"
        )
    seal = look.sealed(seal_key(*place))
    listed = seal or look.sealed(layout.part_ledger_url(own, name)) or entry
    shards = [
        shard
        for shard in range(layout.shard_count(entry["size"]))
        if every or _touches(folder, group, entry, shard, broken)
    ]
    blocks = shard_blocks(plan)
    write = delayed(write_shard, pure=True)
    facts = {"fingerprint": entry["fingerprint"], "software": entry["software"]}
    tasks = [write(folder, chain, dataset, shard, blocks[shard], **facts) for shard in shards]
    dask.compute(*tasks, scheduler="threads")
    made = None
    if every:
        finish(folder, chain, dataset, [entry["fingerprint"]])
        made = read_bytes(join(folder, seal_key(*place)))
        value = read_sealed_bytes(made)
        if value is None or value["digest"] not in look.parts[place].values():
            made = None
        else:
            listed = value
    return Remade.of(look, group, _reader(join(folder, group)), broken, listed, seal=made)


def _touches(folder: str, group: str, entry: Mapping[str, Any], shard: int, broken: Collection[str]) -> bool:
    """Return whether an object of a shard is broken; the arrays of the part that was made again say which there are."""
    opened = ledger.open_checked(join(folder, group), entry["objects"], entry["checksums"])
    keys = {
        f"{group}/{key}"
        for name in entry["variables"]
        for key in layout.chunk_keys(name, opened[name], first=shard)  # type: ignore[arg-type]
    }
    return not keys.isdisjoint(broken)


def _attributes(look: Look, place: Place) -> dict[str, Any]:
    """Return the facts that a part was made with, from its ledger, its root group, or the catalogue of a version."""
    chain, dataset, name = place
    own = f"strides/{chain}/{dataset}"
    entry = look.sealed(layout.part_ledger_url(own, name))
    if entry is not None:
        return dict(entry["attrs"])
    found = look.root_metadata(f"{own}/{name}.zarr", None).get("attributes", {}).get("attrs")
    for number in look.pointers.get(chain, []):
        for group in [] if found else look.catalogues(chain, number):
            for part in look.root_metadata(group, None).get("attributes", {}).get("parts", []):
                if (part["dataset"], part["name"]) == (dataset, name):
                    found = part["head"]["attrs"]
    if not found:
        raise StoreError(f"{own}/{name}: nothing intact says how it was made. Run process: it makes a new part")
    return dict(found)


def _made_with(look: Look, place: Place) -> dict[str, str] | None:
    """Return what made a part, by its own ledger or whoever lists it; only what comes out the same is put in place."""
    chain, dataset, name = place
    folder = f"strides/{chain}/{dataset}"
    manifest = look.sealed(f"{folder}/{layout.MANIFEST}") or {"parts": []}
    known = [look.sealed(seal_key(*place)), look.sealed(layout.part_ledger_url(folder, name))]
    known += [part for part in manifest["parts"] if part["name"] == name]
    known.append(look.root_metadata(f"{folder}/{name}.zarr", None).get("attributes"))
    return next((dict(facts["software"]) for facts in known if facts), None)


def _require_recordings(look: Look, dataset: str, recordings: Mapping[str, str]) -> None:
    """Refuse a part whose recordings are not those that it was made of."""
    changed = []
    for patient, digest in recordings.items():
        entry = look.sealed(layout.patient_ledger_url("", dataset, patient).lstrip("/"))
        if entry is None or entry["digest"] != digest:
            changed.append(patient)
    if changed:
        raise StoreError(
            f"the recordings of {', '.join(changed[:5])} that it was made of are not in the store any more, or broken. "
            f"Repair those first (--raw {dataset}=FOLDER), or run process: it makes a new part"
        )


def _reader(url: str) -> Callable[[str], bytes | None]:
    def read(key: str) -> bytes | None:
        place = join(url, key)
        return read_bytes(place) if exists(place) else None

    return read
