"""Camargo 2021: tables whose Header has gaps, drifts, or cannot be placed in time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr.schema import validate_trial
from tests.datasets.camargo_trials import Tables, of, read, tables, write


def _drop(made: Tables, sensor: str, start: int, stop: int) -> None:
    data = made[sensor]["data"]
    made[sensor]["data"] = data.drop(index=range(start, stop)).reset_index(drop=True)


def test_a_gap_in_a_signal_is_nan_on_the_nominal_grid(tmp_path: Path) -> None:
    made = tables()
    _drop(made, "emg", 2000, 2030)
    _drop(made, "ik", 500, 520)
    write(tmp_path, made)
    (found,) = read(tmp_path)
    validate_trial(found)
    emg, angles = found.signals["emg"].values, found.signals["kinematics"].values
    assert (emg.sizes["sample"], angles.sizes["sample"]) == (7012, 1400)
    assert np.flatnonzero(np.isnan(emg.sel(channel="soleus", side="right"))).tolist() == list(range(2000, 2030))
    lost = np.isnan(angles.sel(side="right", joint="knee", motion="flexion"))
    assert np.flatnonzero(lost).tolist() == list(range(500, 520))
    held = emg.sel(channel="soleus", side="right").values[[1999, 2030, 7000]]
    np.testing.assert_allclose(held, found.signals["emg"].time()[[1999, 2030, 7000]], atol=1e-4)
    assert found.notes["clock.emg"].startswith("Header has no row at 30 of 7012 times")
    assert (len(found.strides), len(found.rejected)) == (9, 0)


def test_a_clock_that_drifts_keeps_every_sample_near_its_time(tmp_path: Path) -> None:
    made = tables()
    data = made["emg"]["data"]
    data["Header"] = data["Header"].iloc[0] + (data["Header"] - data["Header"].iloc[0]) * 1.0004
    data["soleus"] = data["Header"]
    write(tmp_path, made)
    (found,) = read(tmp_path)
    emg = found.signals["emg"]
    held = emg.values.sel(channel="soleus", side="right")
    assert emg.values.sizes["sample"] == 7015
    np.testing.assert_allclose(held, emg.time(), atol=0.00052)
    assert "the others are 0.5 ms off or less" in found.notes["clock.emg"]
    assert len(found.strides) == 9


def test_a_gap_in_a_gait_cycle_costs_that_stride(tmp_path: Path) -> None:
    made = tables()
    _drop(made, "gcRight", 440, 450)
    write(tmp_path, made)
    (found,) = read(tmp_path)
    validate_trial(found)
    assert of(found.rejected, "right")[["reason", "detail"]].to_dict("index") == {
        1: {"reason": "unpaired", "detail": "rows of the gait cycle are missing"}
    }
    assert of(found.strides, "right").index.tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize(
    ("spoil", "detail"),
    [
        (lambda header: header.where(header.index != 700, header[699]), "does not rise after row 700"),
        (lambda header: header.where(header.index != 700), "does not rise after row 700"),
        (lambda header: header[0] + 2 * (header - header[0]), "has a row every 10 ms, not every 5 ms"),
        (lambda header: header + 1e6 * (header.index > 700), "spans 1000007.0 s with 1400 rows"),
    ],
)
def test_a_table_that_cannot_be_placed_in_time_costs_its_trial(
    tmp_path: Path, spoil: Callable[[pd.Series[float]], pd.Series[float]], detail: str
) -> None:
    made = tables()
    made["ik"]["data"]["Header"] = spoil(made["ik"]["data"]["Header"])
    write(tmp_path, made)
    write(tmp_path, tables(), name="treadmill_02_01")
    first, second = read(tmp_path)
    validate_trial(first)
    assert "kinematics" not in first.signals
    assert set(first.rejected["detail"]) == {f"ik: Header {detail}"}
    assert set(first.rejected["reason"]) == {"unpaired"}
    assert (len(first.strides), len(second.strides)) == (0, 9)
