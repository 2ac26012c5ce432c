"""The closed arithmetic of windows equals a loop over every sample."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomech_xr.errors import ConfigError, StoreError
from biomech_xr.schema import AFTER, BEFORE, HISTORY
from biomech_xr.window import Grid, Horizon, StrideFacts, index_windows


def facts(duration: list[float], **labels: list[int]) -> StrideFacts:
    n = len(duration)
    full = {"emg_history": [HISTORY] * n, "kinematics_history": [BEFORE] * n, "kinematics_future": [AFTER] * n} | labels
    yes = {name: np.ones(n, bool) for name in ("has_emg", "has_kinematics", "selected", "member")}
    return StrideFacts(duration=np.array(duration), **{name: np.array(v) for name, v in full.items()}, **yes)


STRIDES = st.lists(
    st.tuples(
        st.floats(0.3, 1.6, allow_nan=False).map(lambda x: round(x, 4)),
        st.integers(0, HISTORY),
        st.integers(0, BEFORE),
        st.integers(0, AFTER),
    ),
    min_size=1,
    max_size=5,
)
GRIDS = st.sampled_from([Grid(points=200), Grid(points=50), Grid(points=160, rate=100.0), Grid(points=200, rate=120.0)])
HORIZONS = st.sampled_from([{"samples": 1}, {"samples": 13}, {"ms": 50}, {"ms": 100}, {"ms": 33.3}])


@given(STRIDES, GRIDS, HORIZONS, st.integers(1, 400), st.integers(1, 7), st.sampled_from(["require", "mask"]))
@settings(max_examples=80, deadline=None)
def test_counts_equal_a_loop(strides, grid, horizon, window, hop, history) -> None:
    duration, emg, before, future = (list(column) for column in zip(*strides, strict=True))
    found = index_windows(
        facts(duration, emg_history=emg, kinematics_history=before, kinematics_future=future),
        grid=grid,
        horizon=Horizon.of(horizon),
        window=window,
        hop=hop,
        history=history,
        time_size=HISTORY + 1700,
    )
    lost = dict.fromkeys(found.lost, 0)
    for row, (length, emg_history, kinematic, after) in enumerate(strides):
        spacing = 1 / grid.rate if grid.rate else length / grid.points
        owned = math.ceil(length * grid.rate - 1e-6) if grid.rate else grid.points
        good = []
        for k in range(0, min(owned, grid.points), hop):
            time = k / grid.rate if grid.rate else k * length / grid.points
            end = math.floor(1000 * time + 1e-6)
            target = k + horizon["samples"] if "samples" in horizon else k + horizon["ms"] / 1000 / spacing
            if history == "require" and end - window + 1 < -emg_history:
                lost["emg_history"] += 1
            elif history == "require" and k - 2 < -kinematic:
                lost["kinematic_history"] += 1
            elif math.ceil(target - 1e-9) > min(owned, grid.points) - 1 + after:
                lost["horizon"] += 1
            else:
                good.append(k)
        assert good == [found.first[row] + hop * j for j in range(found.count[row])]
    assert found.lost == lost
    assert found.candidates == sum(lost.values()) + found.total


def test_reasons_before_the_arithmetic_are_counted_once() -> None:
    given_facts = facts([1.0] * 4)
    given_facts.selected[0] = False
    given_facts.has_emg[[0, 1]] = False
    given_facts.has_kinematics[2] = False
    given_facts.member[3] = False
    found = index_windows(
        given_facts, grid=Grid(points=200), horizon=Horizon(samples=1), window=200, time_size=HISTORY + 1000
    )
    assert (found.lost["filtered"], found.lost["no_emg"], found.lost["no_kinematics"]) == (200, 200, 200)
    assert found.total == 0
    assert found.candidates == 600


def test_a_grid_in_hertz_owns_the_samples_before_the_next_contact() -> None:
    assert Grid(points=100, rate=100.0).samples(np.array([0.5, 0.501, 0.499999999])).tolist() == [50, 51, 50]


def test_impossible_options_are_refused() -> None:
    for bad in ({"samples": 0}, {"samples": 1.5}, {"ms": 0}, {"ms": 5, "samples": 1}, {"s": 1}):
        with pytest.raises(ConfigError, match="horizon"):
            Horizon.of(bad)
    with pytest.raises(ConfigError, match="window"):
        index_windows(facts([1.0]), grid=Grid(points=200), horizon=Horizon(samples=1), window=0, time_size=1500)
    with pytest.raises(StoreError, match="expected less than"):
        index_windows(facts([1.4]), grid=Grid(points=200), horizon=Horizon(samples=1), window=9, time_size=1500)
    with pytest.raises(StoreError, match="grid"):
        Grid.of({"phase": 100}, points=200)
