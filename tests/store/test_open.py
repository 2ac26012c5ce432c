"""Selecting by labels: the strides that carry them, and nothing else is touched for strides that lie together."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from biomech_xr.store import open_strides
from tests.store.samples import Product

SELECTIONS = (
    {"patient": "hu-AB02"},
    {"dataset": "bacek"},
    {"activity": "ramp_ascent"},
    {"patient": "hu-AB01", "side": "left"},
)


@pytest.fixture(scope="module")
def opened(two_sources: tuple[str, dict[str, Product]]) -> xr.Dataset:
    return open_strides(two_sources[0])


@pytest.mark.parametrize("wanted", SELECTIONS, ids=str)
def test_a_selection_holds_the_strides_with_the_labels(opened: xr.Dataset, wanted: dict[str, str]) -> None:
    mask = np.ones(opened.sizes["stride"], dtype=bool)
    for name, value in wanted.items():
        mask &= np.isin(opened[name].values.astype(str), value)
    found = opened.sel(wanted)
    assert found.sizes["stride"] == mask.sum() > 0
    for name in ("emg_scale", "speed"):
        np.testing.assert_array_equal(found[name].values, opened[name].values[mask])


def test_a_patient_is_a_slice_of_the_arrays(opened: xr.Dataset) -> None:
    found = opened.sel(patient="hu-AB02")
    layers = found["emg"].data.dask.layers
    assert any("getitem" in name for name in layers)
    assert not any("shuffle" in name or "take" in name for name in layers)
    with pytest.raises(KeyError, match="nobody"):
        opened.sel(patient="nobody")
