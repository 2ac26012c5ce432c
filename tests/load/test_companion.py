"""The other leg's state: compared with the slow and obvious way, with a walking human, and with another future."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from biomech_xr.load import DeviceWindows, StrideWindows
from biomech_xr.load.inputs.companion import OtherLeg
from biomech_xr.store import open_strides
from biomech_xr.synthetic.gait import Gait, angles, velocities
from tests.load.reference import SlowWindows
from tests.load.walkers import walk, write_walkers

OPTIONS = {"global_batch": 256, "window": 20, "filters": {}, "companion": True, "remainder": "pad"}
HIP, KNEE = 2, 5
"""Flexion of hip and knee among the nine joint components."""
GRIDS = {"phase": {"phase": 50}, "rate": {"rate": 90.0}}


@pytest.fixture(scope="module")
def gaits() -> dict[str, Gait]:
    return {"a": walk(44, 1), "b": walk(12, 2)}


Roots = Callable[..., Path]


@pytest.fixture(scope="module")
def stored(gaits: dict[str, Gait], tmp_path_factory: pytest.TempPathFactory) -> Roots:
    """Return a function that writes the walkers, or one of them, once for each set of options."""

    @cache
    def write(grid: str, only: str = "", **options: Any) -> Path:
        root = tmp_path_factory.mktemp(grid)
        write_walkers(root, {only: gaits[only]} if only else gaits, grid=GRIDS[grid], **options)
        return root

    return write


def gathered(windows: StrideWindows, steps: int | None = None) -> dict[str, np.ndarray]:
    batches = list(itertools.islice(windows, steps))
    whole = {name: torch.cat([batch[name] for batch in batches]).numpy() for name in batches[0]}
    return {name: value[whole["weight"] > 0] for name, value in whole.items()}


def times(got: dict[str, np.ndarray], strides: xr.Dataset) -> np.ndarray:
    """Return the time of every window on the trial's clock, s."""
    return strides["trial_time"].values[got["stride"]] + got["sample"] * got["spacing"].astype(np.float64)


@pytest.mark.parametrize("grid", GRIDS)
def test_it_equals_the_slow_reference(stored: Roots, grid) -> None:
    root = stored(grid, holes=True, skip=4)
    strides = open_strides(root).compute()
    slow = SlowWindows(strides, window=20, horizon={"samples": 1}, history="mask", rate=GRIDS[grid].get("rate", 0))
    got = gathered(StrideWindows(root, history="mask", **OPTIONS))
    begin, duration = slow.labels["trial_time"], slow.labels["duration"]
    now = begin[got["stride"]] + got["sample"] * np.array([slow.spacing(s) for s in range(len(begin))])[got["stride"]]
    seen = {"covered": 0, "none": 0, "partly": 0}
    for i in np.random.default_rng(0).permutation(len(now))[:1000]:
        patient, trial, side = slow.place[got["stride"][i]]
        other = [c for c, place in enumerate(slow.place) if place[:2] == (patient, trial) and place[2] != side]
        over = [c for c in other if begin[c] <= now[i] + 1e-9 and now[i] < begin[c] + duration[c] - 1e-9]
        expected, age = np.full(27, np.nan), 0.0
        if over:
            (c,) = over
            step = slow.spacing(c)
            k = max(k for k in range(slow.samples(c)) if k * step <= now[i] - begin[c] + 1e-8)
            expected, age = slow.state(slow.series(c, "kinematics"), k, step), now[i] - begin[c] - k * step
        mask = np.isfinite(expected)
        np.testing.assert_array_equal(got["companion_state_mask"][i], mask)
        np.testing.assert_allclose(got["companion_state"][i], np.where(mask, expected, 0), rtol=2e-5, atol=1e-3)
        assert got["companion_age"][i] == pytest.approx(age, abs=1e-6)
        seen["covered" if mask.all() else "partly" if over else "none"] += 1
    assert min(seen.values()) > 20


@pytest.mark.parametrize("grid", GRIDS)
def test_it_is_the_other_leg_of_a_walking_human(stored: Roots, gaits, grid) -> None:
    root = stored(grid)
    strides = open_strides(root)
    got = gathered(StrideWindows(root, **OPTIONS), steps=8)
    now, age, mask = times(got, strides) - 3.0, got["companion_age"], got["companion_state_mask"]
    assert mask.all(axis=1).mean() > 0.95
    assert age.min() >= 0
    assert (age <= got["spacing"] * 1.1 + 1e-6).all()
    side = strides["side"].values[got["stride"]]
    patient = strides["source_patient"].values[got["stride"]]
    known = mask.all(axis=1)
    for name, own in itertools.product(gaits, ("left", "right")):
        rows = np.flatnonzero(known & (side == own) & (patient == name))
        rows = rows[np.argsort(now[rows])]
        other = "right" if own == "left" else "left"
        exact = angles(gaits[name], now[rows] - age[rows], other).reshape(-1, 9)
        np.testing.assert_allclose(got["companion_state"][rows, :9], exact, atol=2e-3)
        late = angles(gaits[name], now[rows], other).reshape(-1, 9)
        rate = velocities(gaits[name], now[rows], other).reshape(-1, 9)
        assert np.abs(got["companion_state"][rows, :9] - late).max() < 1.2 * (np.abs(rate).max() * age[rows].max())
        mean = velocities(gaits[name], now[rows] - age[rows] - got["spacing"][rows] / 2, other).reshape(-1, 9)
        error = got["companion_state"][rows, 9:18] - mean
        assert np.sqrt((error**2).mean()) < 0.02 * rate.std()


def test_at_contact_the_other_leg_is_in_terminal_stance(stored: Roots) -> None:
    root = stored("phase")
    got = gathered(StrideWindows(root, phase="oracle", **OPTIONS))
    state = got["companion_state"]
    sure = got["companion_state_mask"].all(axis=1)
    own = got["kinematic_state"]
    contact = sure & (got["phase"] < 0.03)
    middle = sure & (np.abs(got["phase"] - 0.5) < 0.02)
    assert contact.sum() > 60
    assert (state[contact, HIP] < -4).all(), "the hip of the leg behind is extended"
    assert (own[contact, HIP] > 20).all(), "the one in front is flexed"
    assert (state[contact, 9 + KNEE] > 30).mean() > 0.95, "its knee begins to flex"
    assert (state[contact, KNEE] < 25).all()
    assert (state[middle, HIP] > 20).all(), "half a stride later the other foot has its contact"
    walker = strides_of(got, "a", open_strides(root)) & sure
    bins = (got["phase"] * 50).astype(int)
    curves = [np.array([one[walker & (bins == b), KNEE].mean() for b in range(50)]) for one in (own, state)]
    fit = [np.corrcoef(np.roll(curves[0], shift), curves[1])[0, 1] for shift in range(50)]
    assert abs(int(np.argmax(fit)) - 25) <= 1, "half a stride apart"


def strides_of(got: dict[str, np.ndarray], patient: str, strides: xr.Dataset) -> np.ndarray:
    return np.asarray(strides["source_patient"].values[got["stride"]] == patient)


@pytest.mark.parametrize("grid", GRIDS)
def test_it_does_not_know_what_the_other_leg_does_later(stored: Roots, grid) -> None:
    at = 21.234
    one, other = stored(grid), stored(grid, change_after=at)
    first, second = (gathered(StrideWindows(root, **OPTIONS)) for root in (one, other))
    strides = open_strides(one)
    np.testing.assert_array_equal(first["stride"], second["stride"])
    now = times(first, strides) - 3.0
    right = strides["side"].values[first["stride"]] == "right"
    for name in ("companion_state", "companion_state_mask", "companion_age"):
        np.testing.assert_array_equal(first[name][now <= at], second[name][now <= at])
    changed = np.abs(first["companion_state"] - second["companion_state"]).max(axis=1) > 1
    assert changed[right & (now > at + 0.1) & first["companion_state_mask"].all(axis=1)].all()
    assert not changed[~right].any()


@pytest.mark.parametrize("grid", GRIDS)
def test_the_device_and_ranks_give_the_same(stored: Roots, grid) -> None:
    root = stored(grid, holes=True, skip=4)
    host, device = (kind(root, **OPTIONS) for kind in (StrideWindows, DeviceWindows))
    ranks = [StrideWindows(root, rank=rank, world_size=2, **OPTIONS) for rank in range(2)]
    for one, other, *parts in itertools.islice(zip(host, device, *ranks, strict=True), 6):
        for name in ("companion_state", "companion_state_mask", "companion_age"):
            assert one[name].is_contiguous()
            assert torch.equal(one[name], other[name])
            assert torch.equal(one[name], torch.cat([part[name] for part in parts]))
        assert not one["companion_state"][~one["companion_state_mask"]].any()


def test_without_the_other_leg_it_is_masked_and_the_loader_says_so(store: Path, stored: Roots) -> None:
    windows = StrideWindows(store, **OPTIONS)
    batch = next(iter(windows))
    assert not batch["companion_state_mask"].any()
    assert not batch["companion_state"].any()
    assert "companion: the other leg has a stride in 0.0% of the windows" in windows.describe()
    assert "companion_state" not in next(iter(StrideWindows(store, **(OPTIONS | {"companion": False}))))
    both = StrideWindows(stored("phase", skip=4), history="mask", **OPTIONS)
    covered = float(both.describe().split("the other leg has a stride in ")[1].split("%")[0]) / 100
    assert covered == pytest.approx(gathered(both)["companion_state_mask"][:, HIP].mean(), abs=0.01)
    assert 0.7 < covered < 0.9


def test_a_phase_grid_knows_how_long_the_other_leg_takes(stored: Roots) -> None:
    labels = {}
    for grid in GRIDS:
        root = stored(grid)
        options = OPTIONS | {"filters": {"side": "left"}}
        labels[grid] = StrideWindows(root, **options), StrideWindows(root, **(options | {"companion": False}))
    duration, side = (open_strides(stored("phase"))[name].values for name in ("duration", "side"))
    assert labels["phase"][1].lookahead == pytest.approx(duration[side == "left"].max())
    assert labels["phase"][0].lookahead == pytest.approx(duration.max())
    assert duration[side == "right"].max() > duration[side == "left"].max()
    assert labels["rate"][0].lookahead == labels["rate"][1].lookahead == 0.1


def test_strides_of_the_other_leg_are_found_by_labels() -> None:
    rows = [
        ("p", "t", "left", 0.0, 1.0), ("p", "t", "left", 1.0, 1.0), ("p", "t", "left", 5.0, 1.0),
        ("p", "t", "right", 0.5, 1.0), ("p", "t", "right", 1.5, 0.4), ("p", "t", "right", np.nan, 1.0),
        ("p", "u", "left", 0.0, 1.0), ("q", "t", "right", 0.0, 1.0), ("q", "u", "right", 0.0, np.nan),
    ]  # fmt: skip
    names = ["patient", "trial", "side", "trial_time", "duration"]
    leg = OtherLeg.of(pd.DataFrame(rows, columns=names).astype({"patient": "category", "side": "category"}))
    met = [leg.order[first:stop].tolist() for first, stop in zip(leg.first, leg.stop, strict=True)]
    assert met == [[3], [3, 4], [], [0, 1], [1], [], [], [], []]
    np.testing.assert_allclose(leg.covered, [0.5, 0.9, 0, 1, 1, 0, 0, 0, 0])
    assert leg.met(np.array([0, 1])).tolist() == [3, 4]
    assert leg.met(np.array([2, 5])).tolist() == []
