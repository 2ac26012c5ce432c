"""Round trips of the EMG encoding and of tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from zarr.storage import MemoryStore

from biomech_xr.errors import NotAStoreError, SchemaError
from biomech_xr.store import layout
from biomech_xr.store.encoding import decode_emg, encode_emg
from biomech_xr.store.table import read_table, write_table
from tests.benchmarks.storage_data import make_person_strides

ARRAYS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=6),
    elements=st.one_of(st.floats(-15.5, 15.5, width=32), st.just(np.float32(np.nan))),
)


@given(ARRAYS)
@settings(max_examples=60, deadline=None)
def test_emg_comes_back_within_half_a_step(values: np.ndarray) -> None:
    codes, clipped = encode_emg(values)
    decoded = decode_emg(codes)
    assert codes.dtype == np.int16
    assert not clipped.any()
    np.testing.assert_array_equal(np.isnan(decoded), np.isnan(values))
    np.testing.assert_allclose(decoded, values, rtol=0, atol=2.0**-12 + 1e-7)


@given(ARRAYS)
@settings(max_examples=30, deadline=None)
def test_encoding_what_was_decoded_changes_nothing(values: np.ndarray) -> None:
    codes, _ = encode_emg(values)
    np.testing.assert_array_equal(encode_emg(decode_emg(codes))[0], codes)


def test_what_is_too_large_is_clipped_with_its_sign_and_its_stride_is_flagged() -> None:
    values = np.zeros((5, 2, 3), dtype=np.float32)
    values[1, 0, 1], values[2, 1, 2], values[3, 0, 0], values[4, 1, 1] = 17, -40, np.inf, np.nan
    codes, clipped = encode_emg(values)
    assert clipped.tolist() == [False, True, True, True, False]
    assert (codes[1, 0, 1], codes[2, 1, 2], codes[3, 0, 0]) == (32767, -32767, 32767)
    assert np.isnan(decode_emg(codes)[4, 1, 1])


def test_band_passed_emg_takes_at_most_a_third_of_its_finite_samples() -> None:
    """One chunk of the benchmark's EMG, stored as `layout` says."""
    emg = make_person_strides(1, 0)[:64]
    array = layout.create_stride_array(
        zarr.create_group(store={}), "emg", strides=64, tail=emg.shape[1:], dims=("stride", "channel", "time")
    )
    array[...] = encode_emg(emg)[0]
    assert array.nbytes_stored() <= 0.33 * 4 * np.isfinite(emg).sum()


TEXT = st.one_of(st.none(), st.text(max_size=5))
ROWS = st.lists(
    st.tuples(
        TEXT, st.floats(allow_nan=True, allow_infinity=True), st.integers(-(2**60), 2**60), st.booleans(), st.text()
    ),
    max_size=8,
)


@given(ROWS)
@settings(max_examples=12, deadline=None)
def test_a_table_comes_back_with_its_columns_in_order(rows: list[tuple[object, ...]]) -> None:
    names = ["word", "number", "count", "flag", "other"]
    frame = pd.DataFrame(rows, columns=names).astype({"number": "float64", "count": "int64", "flag": "bool"})
    frame["word"] = pd.Categorical(frame["word"])
    frame["other"] = frame["other"].astype(object)
    group = zarr.create_group(MemoryStore(), zarr_format=3)
    write_table(group, "t", frame)
    back = read_table(group, "t")
    assert list(back.columns) == names
    for name in ("number", "count", "flag"):
        np.testing.assert_array_equal(back[name].to_numpy(), frame[name].to_numpy())
    for name in ("word", "other"):
        assert isinstance(back[name].dtype, pd.CategoricalDtype)
        found = [None if pd.isna(value) else value for value in back[name]]
        assert found == [None if pd.isna(value) else value for value in frame[name]]


def test_a_column_of_other_objects_is_refused() -> None:
    group = zarr.create_group(MemoryStore(), zarr_format=3)
    with pytest.raises(SchemaError, match="not text"):
        write_table(group, "t", pd.DataFrame({"a": pd.Series([{"x": 1}, "b"], dtype=object)}))


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(NotAStoreError, match="no table 'labels'"):
        read_table(zarr.create_group(MemoryStore(), zarr_format=3), "labels")
