"""Writing a part of a strides product: metadata first, then shards in any order, then the manifest.

A part is finished when its manifest lists every object with its size; a shard exists when its ledger entry does. A
worker that died leaves objects without an entry: no reader believes them and the next attempt overwrites them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
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
    sizes,
    sizes_of,
    write_sealed,
    zarr_store,
)
from biomech_xr.store.table import as_categorical, write_table
from biomech_xr.store.template import CLIPPED, Template, checked_labels, checked_template, encoded_block


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
) -> dict[str, Any]:
    """Write the metadata and the tables of a part and return its ledger entry; calling it again resumes.

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
        Hash of everything that shapes the numbers.

    Raises
    ------
    SchemaError
        Labels are missing or unknown, the index is not unique, or a variable's dims do not fit.
    OccupiedError
        The output holds another configuration, other strides, or files that are not ours.
    """
    table = checked_labels(labels, template)
    variables = checked_template(template)
    folder = layout.strides_url(root, chain, dataset)
    entry_url = layout.part_ledger_url(folder, layout.PART)
    fingerprint = digest(
        {
            "labels": _fingerprint(table),
            "rejected": _fingerprint(rejected),
            "variables": variables,
            "attrs": plain(attrs),
        }
    )
    ledger.refuse_foreign(folder, _ours)
    if exists(entry_url):
        return _resumed(entry_url, fingerprint, config_hash, len(table))
    ledger.clear_leftovers(join(folder, f"{layout.PART}.zarr"))
    head = {"chain": chain, "dataset": dataset, "size": len(table), "config_hash": config_hash}
    head |= {"software": ledger.software(), "attrs": plain(attrs), "variables": variables}
    _write_metadata(join(folder, f"{layout.PART}.zarr"), head, table, rejected)
    inventory = ledger.inventory(join(folder, f"{layout.PART}.zarr"))
    counts = {"strides": len(table), "rejected": len(rejected), "patients": int(table["patient"].nunique())}
    return write_sealed(
        entry_url, {"format": layout.FORMAT, **head, "fingerprint": fingerprint, "counts": counts, **inventory}
    )


def _resumed(entry_url: str, fingerprint: str, config_hash: str, size: int) -> dict[str, Any]:
    entry = read_sealed(entry_url)
    ledger.refuse_other_config(entry_url, entry, config_hash)
    if entry["fingerprint"] != fingerprint:
        raise OccupiedError(
            f"{entry_url}: holds {entry['size']} strides of other recordings or facts under the same configuration, "
            f"this run has {size}. Remove the dataset's folder and run again, or choose another output."
        )
    return entry


def _ours(name: str) -> bool:
    return name in (layout.LEDGER, layout.MANIFEST) or (name.startswith("part-") and name.endswith(".zarr"))


def _fingerprint(table: pd.DataFrame) -> str:
    frame = table.reset_index(drop=True)
    for name in frame:
        if isinstance(frame[name].dtype, pd.CategoricalDtype) or frame[name].dtype.kind not in "biuf":
            frame[name] = as_categorical(frame[name]).astype(object)
    hashes = pd.util.hash_pandas_object(frame, index=False)
    return digest([list(map(str, frame.columns)), [int(value) for value in hashes]])


def _write_metadata(url: str, head: Mapping[str, Any], table: pd.DataFrame, rejected: pd.DataFrame) -> None:
    group = ledger.create_root(url, head)
    write_table(group, "labels", table)
    write_table(group, "rejected", rejected)
    for name, variable in head["variables"].items():
        layout.create_stride_array(
            group, name, strides=head["size"], tail=tuple(variable["tail"]), dims=tuple(variable["dims"])
        )
    ledger.consolidate(url)


def _part_entry(folder: str) -> dict[str, Any]:
    url = layout.part_ledger_url(folder, layout.PART)
    if not exists(url):
        raise NotAStoreError(f"{folder}: the part was not created. Run the process stage from its start.")
    return read_sealed(url)


def write_shard(
    root: Url, chain: str, dataset: str, shard: int, block: Mapping[str, npt.NDArray[Any]]
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

    Raises
    ------
    SchemaError
        A variable is missing, unknown, or of the wrong shape.
    LostDataError
        What was read back is not what was written.
    """
    folder = layout.strides_url(root, chain, dataset)
    part = _part_entry(folder)
    url = join(folder, f"{layout.PART}.zarr")
    entry_url = layout.shard_ledger_url(folder, layout.PART, shard)
    entry = _shard_entry(entry_url)
    if entry is not None and sizes_of(url, entry["objects"]) == entry["objects"]:
        return entry
    start, stop = layout.shard_bounds(shard, part["size"])
    encoded = encoded_block(part, block, stop - start)
    with zarr.config.set({"array.write_empty_chunks": True}):
        group = zarr.open_group(zarr_store(url, read_only=False), mode="r+", zarr_format=3, use_consolidated=True)
        arrays = {name: cast("zarr.Array[Any]", group[name]) for name in encoded}
    keys = []
    for name, values in encoded.items():
        arrays[name][start:stop] = values
        if np.asarray(arrays[name][start:stop]).tobytes() != values.tobytes():
            raise LostDataError(f"{url}: {name}: shard {shard} reads back differently. Check the disk, run again.")
        keys.append(f"{name}/{arrays[name].metadata.encode_chunk_key((shard, *(0,) * (values.ndim - 1)))}")
    clipped = int(encoded[CLIPPED].sum())
    return write_sealed(
        entry_url,
        {
            "format": layout.FORMAT,
            "config_hash": part["config_hash"],
            "fingerprint": part["fingerprint"],
            "shard": shard,
            "start": start,
            "stop": stop,
            "clipped": clipped,
            "objects": sizes_of(url, keys),
        },
    )


def _shard_entry(url: str) -> dict[str, Any] | None:
    """Return a shard's ledger entry; None where there is none, or a damaged one: that shard is to be redone."""
    try:
        return read_sealed(url)
    except (NotAStoreError, LostDataError):
        return None


def shards_done(root: Url, chain: str, dataset: str) -> set[int]:
    """Return the shards that have a ledger entry and whose objects are all there; damaged ones are to be redone."""
    folder = layout.strides_url(root, chain, dataset)
    return set(_intact_shards(folder))


def _intact_shards(folder: str) -> dict[int, dict[str, Any]]:
    prefix = f"{layout.PART}.shard-"
    entries = [name for name in names(join(folder, layout.LEDGER)) if name.startswith(prefix)]
    present = sizes(join(folder, f"{layout.PART}.zarr")) if entries else {}
    found = {}
    for name in entries:
        entry = _shard_entry(join(folder, layout.LEDGER, name))
        if entry is not None and all(present.get(key) == size for key, size in entry["objects"].items()):
            found[int(entry["shard"])] = entry
    return found


def finish(root: Url, chain: str, dataset: str) -> dict[str, Any]:
    """Check that every shard is there, write ``MANIFEST.json`` and return it; readers open nothing without it.

    Raises
    ------
    NotAStoreError
        The part was not created, or shards are missing; the message names them.
    LostDataError
        A metadata object is missing.
    """
    folder = layout.strides_url(root, chain, dataset)
    part = _part_entry(folder)
    shards = _intact_shards(folder)
    missing = sorted(set(range(layout.shard_count(part["size"]))) - set(shards))
    if missing:
        raise NotAStoreError(f"{folder}: {missing_shards(missing)}. Run the process stage again; it does the rest.")
    objects = dict(part["objects"])
    if sizes_of(join(folder, f"{layout.PART}.zarr"), objects) != objects:
        raise LostDataError(f"{folder}: metadata of {layout.PART} is not complete. Remove the folder and run again.")
    for shard in sorted(shards):
        objects |= shards[shard]["objects"]
    counts = {**part["counts"], "clipped": sum(entry["clipped"] for entry in shards.values())}
    return write_sealed(
        join(folder, layout.MANIFEST),
        {
            "format": layout.FORMAT,
            **{name: part[name] for name in ("chain", "dataset", "config_hash", "software", "fingerprint")},
            "spec": part["attrs"].get("spec", {}),
            "counts": counts,
            "parts": [{"name": layout.PART, "size": part["size"], "objects": objects, "checksums": part["checksums"]}],
        },
    )


def missing_shards(missing: Sequence[int]) -> str:
    """Return a phrase that names the shards that are missing."""
    shown = ", ".join(map(str, missing[:20])) + (" ..." if len(missing) > 20 else "")
    return f"{len(missing)} shard(s) missing: {shown}"
