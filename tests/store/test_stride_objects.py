"""Objects of a strides array that are written without Zarr: the bytes are those that Zarr writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from biomech_xr.store import layout
from biomech_xr.store.stored_array import StoredArray
from biomech_xr.store.stride_objects import same_bytes, write_object

TAILS = {"emg": (5, 90), "kinematics": (3, 3, 200), "emg_mask": (13,), "emg_history": (), "kinetics_after": (3, 3, 80)}


@pytest.mark.parametrize("name", TAILS)
@pytest.mark.parametrize("strides", [512, 650, 30])
def test_every_byte_is_zarrs(tmp_path: Path, name: str, strides: int) -> None:
    dims, tail = ("stride", "a", "b", "c")[: 1 + len(TAILS[name])], TAILS[name]
    group = zarr.open_group(str(tmp_path), mode="w")
    array = layout.create_stride_array(group, name, strides=strides, tail=tail, dims=dims)
    array = array.with_config({"write_empty_chunks": True})
    values = (np.random.default_rng(0).standard_normal((strides, *tail)) * 100).astype(array.dtype)
    values[20:] = array.fill_value
    array[...] = values
    stored = StoredArray.of(name, array)
    for number in range(layout.shard_count(strides)):
        path = tmp_path / stored.key(number)
        expected = path.read_bytes()
        path.unlink()
        start, stop = layout.shard_bounds(number, strides)
        write_object(tmp_path, array, name, number, values[start:stop])
        assert path.read_bytes() == expected
        assert [other.name for other in path.parent.iterdir() if other.name.endswith(".partial")] == []
    np.testing.assert_array_equal(np.asarray(zarr.open_group(str(tmp_path), mode="r")[name]), values)


@pytest.mark.parametrize("size", [1, 2, 6, 8, 11])
def test_one_bit_makes_bytes_different(size: int) -> None:
    one = np.arange(size, dtype=np.uint8)
    two = one.copy()
    assert same_bytes(one, two)
    two[-1] ^= 1
    assert not same_bytes(one, two)
