"""What HDF5 can say that MATLAB never writes: other files, cycles, bombs, foreign types, MATLAB's own with a twist."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

from tests.fuzz.damage import Mutator
from tests.fuzz.outcomes import Expect

SECRET = 123456.789
"""A number that only the decoy holds: a file beside the target which no reader may open."""

DECOY = "decoy.h5"
_CHUNK = 1 << 14


def write_decoy(folder: Path) -> Path:
    """Write the file that links and arrays outside the target lead to."""
    path = folder / DECOY
    with h5py.File(path, "w") as file:
        file["secret"] = np.full((4, 4), SECRET)
    (folder / "decoy.raw").write_bytes(np.full(16, SECRET).tobytes())
    return path


def _groups(file: Any) -> list[Any]:
    found = [file]
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Group) else None)
    return [group for group in found if not group.name.startswith("/#")]


def _arrays(file: Any, kind: str) -> list[Any]:
    found: list[Any] = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return [item for item in found if (item.dtype.kind == "O") == (kind == "O") and "MATLAB_empty" not in item.attrs]


def _numbers(file: Any) -> list[Any]:
    return [item for item in _arrays(file, "f") if item.dtype.kind == "f" and not item.name.startswith("/#")]


def external_link(file: Any, random: Random) -> Expect:
    random.choice(_groups(file))["out"] = h5py.ExternalLink(
        random.choice([DECOY, f"../{DECOY}", "/etc/passwd"]), "/secret"
    )
    return Expect.ERROR


def soft_link(file: Any, random: Random) -> Expect:
    random.choice(_groups(file))["soft"] = h5py.SoftLink(random.choice(["/", "/nowhere", "soft", "/S"]))
    return Expect.ERROR


def virtual(file: Any, random: Random) -> Expect:
    layout = h5py.VirtualLayout(shape=(4, 4), dtype="f8")
    layout[:] = h5py.VirtualSource(random.choice([DECOY, "."]), "secret", shape=(4, 4))
    random.choice(_groups(file)).create_virtual_dataset("virtual", layout)
    return Expect.ERROR


def external_storage(file: Any, random: Random) -> Expect:
    name = random.choice(["decoy.raw", "../decoy.raw", "/etc/passwd"])
    random.choice(_groups(file)).create_dataset("stored", (4, 4), "f8", external=[(name, 0, 128)])
    return Expect.ERROR


def null_reference(file: Any, random: Random) -> Expect:
    item = random.choice(_arrays(file, "O"))
    values = item[()]
    values.reshape(-1)[random.randrange(values.size)] = h5py.Reference()
    item[...] = values
    return Expect.ERROR


def lost_reference(file: Any, random: Random) -> Expect:
    """Refer to an object that has been deleted."""
    item = random.choice(_arrays(file, "O"))
    values = item[()]
    lost = file.create_dataset("lost", data=np.ones(3))
    values.reshape(-1)[0] = lost.ref
    item[...] = values
    del file["lost"]
    return Expect.ERROR


def cycle(file: Any, random: Random) -> Expect:
    item = random.choice(_arrays(file, "O"))
    values = item[()]
    values.reshape(-1)[0] = random.choice([item.ref, file.ref, item.parent.ref])
    item[...] = values
    return Expect.ANY


def hard_cycle(file: Any, random: Random) -> Expect:
    group = random.choice(_groups(file)[1:])
    group["again"] = random.choice([group, file["/"]])
    return Expect.ERROR


def laughs(file: Any, random: Random) -> Expect:
    """Share a small value in many levels, so that it becomes billions."""
    refs = file.require_group("#refs#")
    item = refs.create_dataset("leaf", data=np.ones((2, 2)))
    for level in range(12):
        values = np.array([[item.ref] * 10], dtype=object)
        item = refs.create_dataset(f"laugh{level}", data=values, dtype=h5py.ref_dtype)
        item.attrs["MATLAB_class"] = np.bytes_("cell")
    file["laugh"] = item
    return Expect.ERROR


def committed(file: Any, random: Random) -> Expect:
    group = random.choice(_groups(file))
    group["named"] = np.dtype(random.choice(["f8", "i4", "S9"]))
    if random.random() < 0.5:
        group.create_dataset("uses", data=np.ones((2, 2)), dtype=group["named"]) if group[
            "named"
        ].dtype == "f8" else None
    return Expect.ERROR


def foreign_type(file: Any, random: Random) -> Expect:
    kinds = [
        h5py.string_dtype(),
        h5py.vlen_dtype(np.int32),
        np.dtype("S16"),
        np.dtype([("a", "i4"), ("b", "S3")]),
        h5py.regionref_dtype,
    ]
    random.choice(_groups(file)).create_dataset("foreign", (3,), random.choice(kinds))
    return Expect.ERROR


def huge_shape(file: Any, random: Random) -> Expect:
    shape = random.choice([(1 << 40, 3), (3, 1 << 40), (1 << 20, 1 << 20), (1 << 16, 1 << 16)])
    random.choice(_groups(file)).create_dataset(
        "huge", shape, "f8", chunks=(1, 1 << 10) if shape[1] > 1 << 9 else (1 << 10, 1)
    )
    return Expect.ERROR


def huge_empty(file: Any, random: Random) -> Expect:
    group = random.choice(_groups(file))
    if random.random() < 0.5:
        group.create_dataset("none", (0, 1 << 40), "f8")
    else:
        group["none"] = np.array([0, 1 << 60], dtype=np.uint64)
        group["none"].attrs["MATLAB_empty"] = np.uint8(1)
    return Expect.ERROR


def chunk_bomb(file: Any, random: Random) -> Expect:
    """Store a chunk that unpacks to much more than a chunk has room for."""
    import zlib

    made = random.choice(_groups(file)).create_dataset("bomb", (64, 64), "f8", chunks=(64, 64), compression="gzip")
    packer = zlib.compressobj(1)
    blank = bytes(1 << 22)
    packed = b"".join(packer.compress(blank) for _ in range(random.choice([1, 4, 100]))) + packer.flush()
    made.id.write_direct_chunk((0, 0), packed)
    return Expect.ANY


def bad_chunk(file: Any, random: Random) -> Expect:
    made = random.choice(_groups(file)).create_dataset(
        "bad", (64, 64), "f8", chunks=(16, 64), compression="gzip", shuffle=True
    )
    for row in range(0, 64, 16):
        made.id.write_direct_chunk((row, 0), random.randbytes(random.choice([1, 40, 9000])))
    return Expect.ERROR


def other_filter(file: Any, random: Random) -> Expect:
    options = random.choice([{"compression": "lzf"}, {"scaleoffset": 3}])
    random.choice(_groups(file)).create_dataset("filtered", data=np.arange(64.0).reshape(8, 8), **options)
    return Expect.ERROR


def wrong_type(file: Any, random: Random) -> Expect:
    """Write the numbers in another type that holds them."""
    item = random.choice(_numbers(file))
    name, values, attributes = item.name, item[()], dict(item.attrs)
    kind = random.choice([">f8", "<f4", "i2"])
    if (kind == "i2" and not (values == np.round(values)).all()) or not np.isfinite(values).all():
        kind = ">f8"
    if kind == "<f4" and not (values == values.astype("f4")).all():
        kind = ">f8"
    del file[name]
    file.create_dataset(name, data=values.astype(kind), track_times=False)
    file[name].attrs.update(attributes)
    return Expect.SAME


def text_as_numbers(file: Any, random: Random) -> Expect:
    item = random.choice(_numbers(file))
    item.attrs["MATLAB_class"] = np.bytes_(random.choice([b"char", b"table", b"cell", b"struct", b"\xe9", b"x" * 100]))
    return Expect.ANY


def swapped(file: Any, random: Random) -> Expect:
    """Store the columns of an array in another order."""
    item = random.choice(_numbers(file))
    values = item[()]
    item[...] = values[::-1]
    return Expect.ANY


def odd_name(file: Any, random: Random) -> Expect:
    name = random.choice([b"..", b"a b", b"\xff\xfe", "Größe".encode(), b"x" * 3000, b"\n", b"con", b"%s"])
    space = h5py.h5s.create_simple((1, 1))
    h5py.h5d.create(random.choice(_groups(file)).id, name, h5py.h5t.IEEE_F64LE, space)
    return Expect.ANY


def deep(file: Any, random: Random) -> Expect:
    group = random.choice(_groups(file))
    for _ in range(random.choice([80, 600])):
        group = group.create_group("d")
    return Expect.ERROR


def bad_fields(file: Any, random: Random) -> Expect:
    group = random.choice(_groups(file)[1:])
    value: Any = random.choice([np.int32(3), np.bytes_("abc"), np.arange(9.0), h5py.Empty("f8")])
    group.attrs["MATLAB_fields"] = value
    return Expect.ANY


def _on_copy(change: Callable[[Any, Random], Expect]) -> Mutator:
    def mutate(source: Path, target: Path, random: Random) -> Expect:
        shutil.copyfile(source, target)
        with h5py.File(target, "r+") as file:
            return change(file, random)

    return mutate


HDF5: Mapping[str, Mutator] = {
    change.__name__: _on_copy(change)
    for change in (
        external_link, soft_link, virtual, external_storage, null_reference, lost_reference, cycle, hard_cycle, laughs,
        committed, foreign_type, huge_shape, huge_empty, chunk_bomb, bad_chunk, other_filter, wrong_type,
        text_as_numbers, swapped, odd_name, deep, bad_fields,
    )
}  # fmt: skip
"""Name to mutator, for MATLAB v7.3."""
