"""What a store takes and costs in an object store: objects, bytes, requests by price class; of this store or a larger.

Sizes are those of a store that exists, by stride and by patient; the number of objects follows from `store.layout`. How
many requests writing takes was counted (`tests/quality/test_costs.py` counts again).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from biomech_xr.quality.cost_sample import Sample, Source
from biomech_xr.schema import LABELS
from biomech_xr.store import layout
from biomech_xr.store.ranges import PIECE

Row = dict[str, Any]

PRICE_DATE: Final = "June 2025"
"""When the default prices were the list prices in USD of standard storage in one region of Google Cloud Storage (class
A: put, list; class B: get, head). Amazon S3 asked the same for requests and 0.023 a GB-month."""

PRICE_A: Final = 0.005
PRICE_B: Final = 0.0004
PRICE_MONTH: Final = 0.020
"""USD for 1,000 requests of class A and of class B, and for a GB kept for a month."""

LOADED: Final = ("emg", "kinematics", "kinetics", "kinematics_before", "kinematics_after", "kinetics_after")
"""Variables that a loader reads; labels come from the catalogue."""

LARGEST_CHUNK: Final = 2**31 - 1
"""Bytes that blosc compresses as one chunk."""

_GETS: Final = {"patient": 2.5, "part": 4.8, "shard": 2.6, "version": 3.6}
"""Requests of class B for each object written: names looked up, metadata read, values read back, sizes compared."""

LISTS: Final = {"source": 3, "patient": 11, "plan": 18, "part": 9, "version": 1}
"""Listings: to find who is left to parse, by person, to plan a go of processing, to finish its part, by version."""

_LISTED: Final = 70
"""Bytes of an object in the list of a part: its size and its checksum, each under its name."""

_LONG_LIST: Final = 2**24
_PART_LABELS: Final = 9
"""Requests of class B for the labels of a part, when a version is made."""

_OPEN_LISTS: Final = 4
_OPEN_GETS: Final = 6
_OPEN_PART: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """USD for 1,000 requests of a class, and for a GB (1e9 bytes) kept a month."""

    a: float = PRICE_A
    b: float = PRICE_B
    month: float = PRICE_MONTH


def estimate(
    sample: Sample, sources: Sequence[Source], *, epochs: int = 1, prices: Prices | None = None
) -> dict[str, Any]:
    """Return objects and bytes of a store of these sources, and what writing and reading it asks for.

    Parameters
    ----------
    sample
        Sizes, see `measure`.
    sources
        What is stored.
    epochs
        Passes of a loader over all strides, which it reads in chunks of 64.
    prices
        USD; the list prices of `PRICE_DATE` by default.

    Returns
    -------
    dict
        ``objects``: rows kind, objects, bytes; ``requests``: rows doing, a, b (requests by price class), bytes, usd;
        ``month``: USD for keeping it; ``shards``, ``parts``, ``strides``, ``patients``; ``notes``.
    """
    prices = prices or Prices()
    stored = _stored(sample, sources)
    parts = sum(source.parts for source in sources)
    strides, patients = sum(source.strides for source in sources), sum(source.patients for source in sources)
    total = sum(row["bytes"] for row in stored)
    shards = _shards(sources)
    requests = [
        *_writing(sample, stored, sources=len(sources), patients=patients, parts=parts),
        _request("open", _OPEN_LISTS, _OPEN_GETS, stored[-1]["bytes"]),
        _epochs(sample, sources, epochs),
    ]
    for row in requests:
        row["usd"] = (row["a"] * prices.a + row["b"] * prices.b) / 1000
    return {
        "strides": strides,
        "patients": patients,
        "sources": len(sources),
        "parts": parts,
        "shards": shards,
        "objects": stored,
        "requests": requests,
        "month": total / 1e9 * prices.month,
        "prices": {"a": prices.a, "b": prices.b, "month": prices.month, "date": PRICE_DATE},
        "notes": [*_catalogue_note(strides), *_list_note(sample, sources)],
    }


def _shards(sources: Sequence[Source]) -> int:
    return sum(source.parts * layout.shard_count(-(-source.strides // source.parts)) for source in sources)


def _stored(sample: Sample, sources: Sequence[Source]) -> list[Row]:
    """Return objects and bytes by kind; the catalogue comes last."""
    strides, patients = sum(source.strides for source in sources), sum(source.patients for source in sources)
    parts, shards = sum(source.parts for source in sources), _shards(sources)
    chunks = sum(
        source.patients * math.ceil(source.strides / source.patients * size / layout.CHUNK_BYTES)
        for source in sources
        for size in sample.signals.values()
    )
    tables = sum(
        source.parts * (math.ceil(source.strides / source.parts / layout.TABLE_ROWS) - 1) for source in sources
    )
    shard_bytes = sum(size for size, _ in sample.variables.values())
    return [
        _kind(
            "recordings",
            patients * sample.objects_per_patient + chunks,
            patients * sample.bytes_per_patient + strides * sample.recordings_per_stride,
        ),
        _kind("strides: shards", shards * (len(sample.variables) + 1), strides * shard_bytes),
        _kind(
            "strides: parts",
            parts * (sample.objects_per_part + 2) + 4 * tables + len(sources),
            parts * sample.bytes_per_part + strides * sample.labels_per_stride,
        ),
        _kind(
            "version",
            sample.catalogue_objects,
            strides * sample.catalogue_per_stride + parts * sample.catalogue_per_part,
        ),
    ]


def _kind(kind: str, objects: float, size: float) -> Row:
    return {"kind": kind, "objects": round(objects), "bytes": round(size)}


def _request(doing: str, a: float, b: float, size: float) -> Row:
    return {"doing": doing, "a": round(a), "b": round(b), "bytes": round(size)}


def _writing(sample: Sample, stored: Sequence[Row], *, sources: int, patients: int, parts: int) -> list[Row]:
    """Return what parsing, processing and publishing ask for; processing reads the recordings as well."""
    recordings, shards, metadata, version = stored
    a = shards["objects"] + metadata["objects"] + parts * (1 + LISTS["plan"] + LISTS["part"])
    b = _GETS["shard"] * shards["objects"] + _GETS["part"] * metadata["objects"] + recordings["objects"]
    return [
        _request(
            "parse",
            recordings["objects"] + patients * (1 + LISTS["patient"]) + sources * LISTS["source"],
            _GETS["patient"] * recordings["objects"],
            recordings["bytes"],
        ),
        _request("process", a, b, recordings["bytes"] + shards["bytes"] + metadata["bytes"]),
        _request(
            "publish",
            version["objects"] + 1 + LISTS["version"],
            _GETS["version"] * sample.catalogue_objects + _PART_LABELS * parts,
            version["bytes"],
        ),
    ]


def _epochs(sample: Sample, sources: Sequence[Source], epochs: int) -> Row:
    """Return what a loader asks for: each chunk of 64 strides by ranges, an object that is one chunk once for each."""
    per_shard = layout.STRIDES_PER_SHARD // layout.STRIDES_PER_CHUNK
    blocks = sum(
        source.parts * math.ceil(source.strides / source.parts / layout.STRIDES_PER_CHUNK) for source in sources
    )
    strides, shards = sum(source.strides for source in sources), _shards(sources)
    asked, size = 0.0, 0.0
    for name in LOADED:
        stored, sharded = sample.variables.get(name, (0.0, True))
        pieces = max(1, math.ceil(stored * layout.STRIDES_PER_CHUNK / PIECE)) if stored else 0
        asked += epochs * blocks * (pieces if sharded else bool(stored)) + (shards if sharded and stored else 0)
        size += epochs * strides * stored * (1 if sharded else per_shard)
    parts = sum(source.parts for source in sources)
    return _request(f"{epochs} epoch(s)", 0, asked + parts * _OPEN_PART, size)


def _list_note(sample: Sample, sources: Sequence[Source]) -> list[str]:
    """Return a warning where the list of a part, which every process that reads it fetches, grows large."""
    largest = max(sources, key=lambda source: source.strides / source.parts)
    objects = layout.shard_count(-(-largest.strides // largest.parts)) * len(sample.variables)
    size = _LISTED * objects
    if size < _LONG_LIST:
        return []
    return [
        f"the list of the largest part ({largest.name}) names {objects:,} objects, about {size / 1e6:,.0f} MB that "
        "every process fetches before it reads. Process its people in several goes: each makes a part of its own."
    ]


def _catalogue_note(strides: int) -> list[str]:
    """Return a warning where a version cannot hold so many strides."""
    kinds = {"codes": ("category", 4), "float64": ("float", 8), "int64": ("int", 8)}
    widest = max(size * sum(kind == name for kind in LABELS.values()) for name, size in kinds.values())
    most = LARGEST_CHUNK // widest
    if strides <= most:
        return []
    return [
        f"a version holds at most {most:,} strides: the catalogue has one chunk a kind of label, of at most 2 GiB, and "
        f"{widest} bytes a stride. Publish the sources in several stores, or cut the catalogue into row chunks."
    ]
