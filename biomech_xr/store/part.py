"""Writing a part of a strides product: metadata first, then shards in any order; `finishing` closes it.

A part holds whole patients and is named after all that it was made of, so that other people, recordings or settings
make another part and nothing is ever rewritten. A shard exists when its ledger entry does: a worker that died leaves
objects without an entry, no reader believes them, and the next attempt overwrites them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy.typing as npt
import pandas as pd
import zarr

from biomech_xr.errors import LostDataError, NotAStoreError, OccupiedError
from biomech_xr.store import layout, ledger
from biomech_xr.store.objects import (
    Url,
    digest,
    exists,
    join,
    names,
    plain,
    read_sealed,
    sealed_or_none,
    sizes,
    sizes_of,
    write_sealed,
)
from biomech_xr.store.ranges import RangeReader
from biomech_xr.store.repeated import TRIES
from biomech_xr.store.stride_objects import reads_back, write_object
from biomech_xr.store.table import fingerprint as table_fingerprint
from biomech_xr.store.table import write_table
from biomech_xr.store.template import ALL_SETTINGS, CLIPPED, Template, checked_labels, checked_template, encoded_block
from biomech_xr.store.writing import consolidate, create_root


def create_part(
    root: Url,
    chain: str,
    dataset: str,
    labels: pd.DataFrame,
    rejected: pd.DataFrame,
    template: Template,
    attrs: Mapping[str, Any],
    *,
    config_hash: str,
    software: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write the metadata and the tables of a part and return its ledger entry; calling it again resumes.

    ``fingerprint`` of the entry stands for all that the part was made of; `write_shard` asks for it.

    Parameters
    ----------
    root, chain, dataset
        URL of the store; names of the chain and of the source.
    labels
        One row a stride, in the order of the part. Together with the label variables of `template` and
        ``emg_clipped`` (which `write_shard` finds) it holds exactly `schema.LABELS`.
    rejected
        Candidates that the process stage did not keep.
    template
        Name of each variable -> (dims, shape without the strides), for example
        ``{"emg": (("stride", "channel", "time"), (13, 1850))}``. A name of `schema.LABELS` is a label that is known
        only when its shard is processed.
    attrs
        Facts stored with the part, plain JSON: ``spec``, ``lookahead``, ``grid`` and what the chain adds.
    config_hash
        Hash of all settings that shape the numbers.
    software
        Releases and code that make the numbers (see `ledger.software`), those of this process by default. They are
        part of what a part is made of: another release begins a part of its own.

    Raises
    ------
    SchemaError
        Labels are missing or unknown, the index is not unique, or a variable's dims do not fit.
    OccupiedError
        The output holds files that are not ours.
    LostDataError
        Objects vanished while they were written.
    """
    table = checked_labels(labels, template)
    variables = checked_template(template)
    folder = layout.strides_url(root, chain, dataset)
    made_with = dict(software or ledger.software())
    fingerprint = part_fingerprint(labels, rejected, template, attrs, config_hash=config_hash, software=made_with)
    name = layout.part_name(fingerprint)
    entry_url = layout.part_ledger_url(folder, name)
    ledger.refuse_foreign(folder, _ours)
    url, seal_url = join(folder, f"{name}.zarr"), layout.part_seal_url(folder, name)
    begun = exists(entry_url)
    if not begun and exists(seal_url):
        raise LostDataError(
            f"{entry_url}: not there, but {name} is finished. Run `biomech-xr check --repair`, which makes the entry "
            "again; nothing was changed."
        )
    head = {"chain": chain, "dataset": dataset, "size": len(table), "config_hash": config_hash}
    head |= {"fingerprint": fingerprint, "software": made_with, "attrs": plain(attrs), "variables": variables}
    if begun or not ledger.clear_leftovers(url, entry_url, seal_url):
        entry = read_sealed(entry_url)
        ledger.restore(url, entry, lambda place: _write_metadata(place, head, table, rejected), later=variables)
        return entry
    group = _write_metadata(url, head, table, rejected)
    counts = {"strides": len(table), "rejected": len(rejected), "patients": int(table["patient"].nunique())}
    return ledger.seal(entry_url, url, group, {**head, "counts": counts}, later=variables)


def part_fingerprint(
    labels: pd.DataFrame,
    rejected: pd.DataFrame,
    template: Template,
    attrs: Mapping[str, Any],
    *,
    config_hash: str,
    software: Mapping[str, str] | None = None,
) -> str:
    """Return what stands for all that a part is made of; arguments as for `create_part`, nothing is written."""
    return digest(
        {
            "config_hash": config_hash,
            "software": dict(software or ledger.software()),
            "labels": table_fingerprint(checked_labels(labels, template)),
            "rejected": table_fingerprint(rejected),
            "variables": checked_template(template),
            "attrs": plain({name: value for name, value in attrs.items() if name != ALL_SETTINGS}),
        }
    )


def _ours(name: str) -> bool:
    return name in (layout.LEDGER, layout.MANIFEST) or (name.startswith("part-") and name.endswith(".zarr"))


def _write_metadata(url: str, head: Mapping[str, Any], table: pd.DataFrame, rejected: pd.DataFrame) -> zarr.Group:
    group = create_root(url, head)
    write_table(group, "labels", table)
    write_table(group, "rejected", rejected)
    for name, variable in head["variables"].items():
        layout.create_stride_array(
            group, name, strides=head["size"], tail=tuple(variable["tail"]), dims=tuple(variable["dims"])
        )
    consolidate(group)
    return group


def part_entry(folder: str, part: str) -> dict[str, Any]:
    """Return the ledger entry of a part, or raise `NotAStoreError` where it was never created."""
    url = layout.part_ledger_url(folder, part)
    if not exists(url):
        raise NotAStoreError(f"{folder}: {part} was not created. Run the process stage from its start.")
    return read_sealed(url)


def _arrays(url: str, part: Mapping[str, Any]) -> dict[str, zarr.Array[Any]]:
    """Return the arrays of all variables, for what they say of themselves: nothing but the root's metadata is read."""
    with ledger.lost_data(url):
        group = ledger.open_checked(url, part["objects"], part["checksums"])
        return {name: cast("zarr.Array[Any]", group[name]) for name in part["variables"]}


def _shard_keys(arrays: Mapping[str, zarr.Array[Any]], shard: int) -> set[str]:
    return {key for name, array in arrays.items() for key in layout.chunk_keys(name, array, first=shard)}


def write_shard(
    root: Url,
    chain: str,
    dataset: str,
    shard: int,
    block: Mapping[str, npt.NDArray[Any]],
    *,
    fingerprint: str,
    software: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write one shard of a part, read it back, and return its ledger entry; a shard that exists is left alone.

    Parameters
    ----------
    root, chain, dataset
        As for `create_part`.
    shard
        Number of the shard: strides ``shard * 512`` and on.
    block
        Every variable of the template for these strides: float32 (EMG divided by `emg_scale`, unit 1), bool masks.
    fingerprint
        ``fingerprint`` of the entry that `create_part` returned to the run that made the block.
    software
        What made the block, where that is not this process's own.

    Raises
    ------
    SchemaError
        A variable is missing, unknown, or of the wrong shape.
    NotAStoreError
        There is no such part.
    StoreError
        The part was begun with other code or other libraries.
    OccupiedError
        Another run wrote the shard meanwhile, with other values.
    LostDataError
        What was read back is not what was written, or an object of it is not there.
    """
    folder = layout.strides_url(root, chain, dataset)
    name = layout.part_name(fingerprint)
    part = part_entry(folder, name)
    url = join(folder, f"{name}.zarr")
    ledger.refuse_other_software(url, part["software"], software or ledger.software())
    arrays = _arrays(url, part)
    keys = _shard_keys(arrays, shard)
    entry_url = layout.shard_ledger_url(folder, name, shard)
    entry = _shard_entry(entry_url, fingerprint)
    if entry is not None and entry["objects"].keys() == keys and sizes_of(url, keys) == entry["objects"]:
        return entry
    start, stop = layout.shard_bounds(shard, part["size"])
    encoded = encoded_block(part, block, stop - start)
    checksums: dict[str, int] = {}
    left = dict(encoded)
    for _ in range(TRIES):
        if not left:
            break
        for variable, values in left.items():
            checksums |= write_object(url, arrays[variable], variable, shard, values)
        objects = sizes_of(url, sorted(keys))
        ledger.require_complete(url, objects, keys)
        reader = RangeReader(url, objects)
        left = {one: values for one, values in left.items() if not reads_back(reader, arrays[one], one, start, values)}
    if left:
        what = ", ".join(left)
        raise LostDataError(f"{url}: shard {shard}: {what} reads back differently. Check the disk, run again.")
    content = {
        "format": layout.FORMAT,
        "config_hash": part["config_hash"],
        "fingerprint": part["fingerprint"],
        "shard": shard,
        "start": start,
        "stop": stop,
        "clipped": int(encoded[CLIPPED].sum()),
        "objects": objects,
        "checksums": {key: checksums[key] for key in objects},
    }
    return _written_entry(entry_url, content, replace=entry is not None)


def _written_entry(url: str, content: Mapping[str, Any], *, replace: bool) -> dict[str, Any]:
    """Write the ledger entry of a shard, not in place of an intact one that came meanwhile; return what is there."""
    try:
        return write_sealed(url, content, create_only=not replace)
    except OccupiedError as error:
        found = _shard_entry(url, content["fingerprint"])
        if found is None:
            return write_sealed(url, content)
        if found["objects"] != content["objects"] or not ledger.same_checksums(found, content):
            raise OccupiedError(
                f"{url}: another run wrote this shard meanwhile, and not the same. Let one run at a time write to an "
                "output, then run again: the shard is done anew."
            ) from error
        return found


def _shard_entry(url: str, fingerprint: str) -> dict[str, Any] | None:
    """Return a shard's ledger entry; None where there is none, a damaged one, or one of a part that was here before."""
    entry = sealed_or_none(url)
    return entry if entry is not None and entry.get("fingerprint") == fingerprint else None


def shards_done(root: Url, chain: str, dataset: str, *, fingerprint: str) -> set[int]:
    """Return the shards of a part that have a ledger entry and whose objects are all there; others are to be done."""
    folder = layout.strides_url(root, chain, dataset)
    name = layout.part_name(fingerprint)
    if not exists(layout.part_ledger_url(folder, name)):
        return set()
    return set(intact_shards(folder, name, part_entry(folder, name)))


def intact_shards(folder: str, name: str, part: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Return the entries of the shards of a part whose objects are all listed and all there, none without metadata."""
    url = join(folder, f"{name}.zarr")
    listed = set(names(join(folder, layout.LEDGER)))
    entries = {}
    for shard in range(layout.shard_count(part["size"])):
        entry_url = layout.shard_ledger_url(folder, name, shard)
        if entry_url.rsplit("/", 1)[-1] in listed and (entry := _shard_entry(entry_url, part["fingerprint"])):
            entries[shard] = entry
    present = sizes(url) if entries else {}
    if not entries or any(present.get(key) != size for key, size in part["objects"].items()):
        return {}
    arrays = _arrays(url, part)
    return {
        shard: entry
        for shard, entry in entries.items()
        if entry["objects"] == {key: present.get(key) for key in _shard_keys(arrays, shard)}
    }
