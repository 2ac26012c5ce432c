"""Where everything lies and how it is cut: paths, chunks, shards, codecs. The only place with such numbers."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterable
from itertools import product
from typing import Any, Final

import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec

from biomech_xr.errors import DataFormatError, StoreError
from biomech_xr.schema import LABELS, LabelKind
from biomech_xr.store.objects import Url, join

FORMAT: Final = "biomech-xr/1"
"""Marker in the attributes of every Zarr root that is ours, and in every ledger and manifest."""

STRIDES_PER_CHUNK: Final = 64
STRIDES_PER_SHARD: Final = 512
"""Strides in one checksummed chunk and in one object; a task of the process stage carries one shard."""

SHARDED_FROM: Final = 16_384
"""A variable whose 64-stride chunk has at least so many bytes is sharded; a smaller one has one chunk a shard."""

BLOCK_BYTES: Final = 2**19
"""Bytes that blosc compresses at a time. Larger than its own choice: EMG takes 2.4 % less room, and less time to write;
from 2 MiB on the bits that differ lie too far apart. Measured with ``python -m tests.benchmarks.storage``."""

CHUNK_BYTES: Final = 2**21
"""Bytes of one uncompressed chunk of recordings (2 MiB)."""

TABLE_ROWS: Final = 65_536
"""Rows of one chunk of a table."""

MANIFEST: Final = "MANIFEST.json"
LEDGER: Final = "ledger"
VERSIONS: Final = "versions"

LONGEST_NAME: Final = 160
"""Bytes of a name in UTF-8; with an ending, or as a temporary file, it stays below the 255 of file systems."""

_FORBIDDEN: Final = frozenset('/\\:*?"<>|#[]{}')
"""What divides paths, is a pattern to a listing of files, or is refused by a file system or an object store."""

_RESERVED: Final = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names of devices on some systems, whatever the ending."""

_STORED: Final[dict[LabelKind, str]] = {"float": "float64", "int": "int64", "bool": "bool"}


def compressors() -> tuple[BloscCodec, Crc32cCodec]:
    """Return the codecs of every array, tables included: blosc, then the checksum that detects a flipped bit."""
    return BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle", blocksize=BLOCK_BYTES), Crc32cCodec()


def stored_dtype(name: str) -> str:
    """Return the dtype in which a variable of a strides part is stored.

    ``emg`` is int16 (see `biomech_xr.store.encoding`), masks are bool, numeric labels keep their kind, all else is
    float32.
    """
    if name == "emg":
        return "int16"
    if name.endswith("_mask"):
        return "bool"
    return _STORED.get(LABELS[name], "float32") if name in LABELS else "float32"


def fill_value(dtype: str) -> Any:
    """Return the value that means *nothing here* for a dtype."""
    return {"int16": -32768, "bool": False, "int64": -1, "int32": -1}.get(dtype, math.nan)


def recording_rows(row_bytes: int) -> int:
    """Return the rows of one chunk of a recordings array whose rows have ``row_bytes`` bytes."""
    return max(1, CHUNK_BYTES // max(1, row_bytes))


def create_array(
    group: zarr.Group,
    name: str,
    *,
    shape: tuple[int, ...],
    dims: tuple[str, ...],
    dtype: str,
    chunks: tuple[int, ...],
    attributes: dict[str, Any] | None = None,
) -> zarr.Array[Any]:
    """Create one unsharded array with our codecs, fill value and dimension names; empty chunks are written too."""
    return group.create_array(
        name,
        shape=shape,
        chunks=tuple(max(1, size) for size in chunks),
        dtype=dtype,
        compressors=compressors(),
        filters=(),
        fill_value=fill_value(dtype),
        dimension_names=dims,
        attributes=attributes,
        config={"write_empty_chunks": True},
    )


def create_stride_array(
    group: zarr.Group, name: str, *, strides: int, tail: tuple[int, ...], dims: tuple[str, ...]
) -> zarr.Array[Any]:
    """Create the array of one variable of a strides part; one object holds `STRIDES_PER_SHARD` strides.

    Large variables are sharded with the index at the start, so that a reader can fetch 64 strides by range.
    """
    dtype = stored_dtype(name)
    shape = (strides, *tail)
    whole = (STRIDES_PER_SHARD, *(max(1, size) for size in tail))
    chunk = (STRIDES_PER_CHUNK, *whole[1:])
    if math.prod(chunk) * int(zarr.dtype.parse_dtype(dtype, zarr_format=3).to_native_dtype().itemsize) < SHARDED_FROM:
        return create_array(group, name, shape=shape, dims=dims, dtype=dtype, chunks=whole)
    sharding = ShardingCodec(
        chunk_shape=chunk,
        codecs=[BytesCodec(), *compressors()],
        index_codecs=[BytesCodec(), Crc32cCodec()],
        index_location="start",
    )
    return group.create_array(
        name,
        shape=shape,
        chunks=whole,
        dtype=dtype,
        serializer=sharding,
        compressors=(),
        filters=(),
        fill_value=fill_value(dtype),
        dimension_names=dims,
        config={"write_empty_chunks": True},
    )


def chunk_keys(name: str, array: zarr.Array[Any], *, first: int | None = None) -> set[str]:
    """Return the keys of all objects that hold the values of an array, computed from its metadata alone.

    Parameters
    ----------
    name
        Path of the array in its root group.
    array
        The array; no value is read.
    first
        Only the objects with this number along the first dim.
    """
    whole = array.shards or array.chunks
    counts = [range(-(-size // step)) for size, step in zip(array.shape, whole, strict=True)]
    if first is not None:
        counts[0] = range(first, first + 1)
    return {f"{name}/{array.metadata.encode_chunk_key(place)}" for place in product(*counts)}


def name_problem(name: str) -> str:
    """Return why a name may not become a part of a path, empty when it may: the one rule for people and trials.

    Letters and digits of any script, inner spaces and most signs are fine. Not so: nothing at all, more than
    `LONGEST_NAME` bytes, a dot or a space at an end (with that ``.`` and ``..``), separators, patterns, letters that do
    not show, text that is not in Unicode's composed form (NFC), names that some systems reserve.
    """
    if not name:
        return "is empty"
    odd = sorted({letter for letter in name if letter in _FORBIDDEN or _hidden(letter)})
    if odd:
        return f"holds {', '.join(ascii(letter) for letter in odd[:5])}"
    if name[0] in ". " or name[-1] in ". ":
        return "begins or ends with a dot or a space"
    if len(name.encode()) > LONGEST_NAME:
        return f"has {len(name.encode())} bytes, at most {LONGEST_NAME} are allowed"
    if not unicodedata.is_normalized("NFC", name):
        return "is not in Unicode's composed form (NFC)"
    if _folded(name).partition(".")[0].strip() in _RESERVED:
        return "is reserved by some systems"
    return ""


def _hidden(letter: str) -> bool:
    """Return whether a letter does not show: controls, marks of direction, odd spaces, half a surrogate pair."""
    kind = unicodedata.category(letter)
    return kind[0] == "C" or (kind[0] == "Z" and letter != " ")


def _folded(name: str) -> str:
    """Return what a name is to a file system that tells neither capitals nor variants of letters apart."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def check_names(names: Iterable[str], *, kind: str, dataset: str, file: object = "", known: Iterable[str] = ()) -> None:
    """Refuse names of people or trials that must not become paths, all at once.

    Parameters
    ----------
    names
        The names; one that occurs twice counts once.
    kind
        ``patient`` or ``trial``, for the message.
    dataset, file
        Where the names come from, for the message.
    known
        Names beside which they will lie: two that differ in capitals alone are one on some file systems.

    Raises
    ------
    DataFormatError
        A name breaks the rule of `name_problem`, or two would be one name.
    """
    wanted = list(dict.fromkeys(names))
    problems = [f"{name!a} {problem}" for name in wanted if (problem := name_problem(name))]
    beside: dict[str, str] = {}
    for name in dict.fromkeys((*known, *wanted)):
        other = beside.setdefault(_folded(name), name)
        if other != name and name in wanted:
            problems.append(f"{name!a} beside {other!a}, which differs in capitals or variants alone")
    if problems:
        raise DataFormatError.of(
            dataset=dataset,
            file=file,
            field=kind,
            found="; ".join(problems),
            expected=f"names of letters, digits, '-' and '_', at most {LONGEST_NAME} bytes, that differ",
            action=f"Rename the {kind} in the source, or leave it out.",
        )


def checked_name(name: str) -> str:
    """Return a name that is safe as one part of a path (see `name_problem`), or raise `StoreError`."""
    if problem := name_problem(name):
        raise StoreError(f"{name!a} {problem}: no name of a folder in a store. Use letters, digits, '-' and '_'.")
    return name


def recordings_url(root: Url, dataset: str) -> str:
    """Return the folder of one source's recordings."""
    return join(root, "recordings", checked_name(dataset))


def patient_url(root: Url, dataset: str, patient: str) -> str:
    """Return the Zarr group of one patient's recordings."""
    return join(recordings_url(root, dataset), f"{checked_name(patient)}.zarr")


def patient_ledger_url(root: Url, dataset: str, patient: str) -> str:
    """Return the ledger entry that makes a patient's recordings exist."""
    return join(recordings_url(root, dataset), LEDGER, f"{checked_name(patient)}.json")


def strides_url(root: Url, chain: str, dataset: str) -> str:
    """Return the folder of one source's strides under one chain."""
    return join(root, "strides", checked_name(chain), checked_name(dataset))


def root_of(folder: Url) -> str:
    """Return the root of the store that `strides_url` made this folder for."""
    return os.fspath(folder).rstrip("/").rsplit("/", 3)[0]


def part_name(fingerprint: str) -> str:
    """Return the name of the part that was made of what the fingerprint stands for; other content has another name."""
    return f"part-{fingerprint[:12]}"


def part_ledger_url(folder: Url, part: str) -> str:
    """Return the ledger entry that makes a part's metadata exist."""
    return join(folder, LEDGER, f"{part}.json")


def part_seal_url(folder: Url, part: str) -> str:
    """Return the object that lists a finished part, which never changes after it."""
    return join(folder, LEDGER, f"{part}.finished.json")


def shard_ledger_url(folder: Url, part: str, shard: int) -> str:
    """Return the ledger entry that makes one shard of a part exist."""
    return join(folder, LEDGER, f"{part}.shard-{shard:05d}.json")


def versions_url(root: Url, chain: str) -> str:
    """Return the folder of the versions of a chain's strides, over all sources."""
    return join(root, VERSIONS, checked_name(chain))


def version_url(root: Url, chain: str, number: int) -> str:
    """Return the pointer that makes a version exist."""
    return join(versions_url(root, chain), f"{number:06d}.json")


def shard_count(strides: int) -> int:
    """Return the number of shards of a part."""
    return -(-strides // STRIDES_PER_SHARD)


def shard_bounds(shard: int, strides: int) -> tuple[int, int]:
    """Return the first stride of a shard and the one after its last."""
    return shard * STRIDES_PER_SHARD, min((shard + 1) * STRIDES_PER_SHARD, strides)
