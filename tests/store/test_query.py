"""Questions to strides: selection, cube, ensemble, physical units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from biomech_xr.errors import ConfigError
from biomech_xr.store import as_cube, ensemble, open_strides, select, to_physical
from tests.store.samples import Product

Sources = tuple[str, dict[str, Product]]


@pytest.fixture(scope="module")
def strides(two_sources: Sources) -> xr.Dataset:
    return open_strides(two_sources[0])


def test_select_takes_values_lists_and_ranges(strides: xr.Dataset, never_computes: Callable[[], object]) -> None:
    with never_computes():
        found = select(
            strides, patient=["hu-AB01", "bacek-AB02"], speed=slice(0.85, 1.15), side="right", channel="soleus"
        )
    assert set(found["patient"].values) == {"hu-AB01", "bacek-AB02"}
    np.testing.assert_allclose(np.unique(found["speed"]), [0.9, 1.0])
    assert set(found["side"].values) == {"right"}
    assert found["channel"].values.tolist() == ["soleus"]
    speed, side, patient = (strides[name].values for name in ("speed", "side", "patient"))
    expected = (speed > 0.85) & (speed < 1.15) & (side == "right") & np.isin(patient, ["hu-AB01", "bacek-AB02"])
    assert found.sizes["stride"] == expected.sum() > 0
    assert select(strides, stride_number=slice(500, None)).sizes["stride"] == 30
    assert select(strides, transition=False, emg_clipped=False, dataset="hu").sizes["stride"] == 530
    assert select(strides, age=slice(0, 100)).sizes["stride"] == 0
    xr.testing.assert_identical(select(strides), strides)


def test_select_equals_the_selection_of_xarray(strides: xr.Dataset) -> None:
    ours = select(strides, patient="hu-AB01", activity="walk")
    theirs = strides.sel(patient="hu-AB01", activity="walk")
    np.testing.assert_array_equal(ours["kinematics"].values, theirs["kinematics"].values)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"pateint": "hu-AB01"}, r"'pateint'.*did you mean 'patient'"),
        ({"patient": "hu-AB99"}, r"no stride has 'hu-AB99'; known: .*hu-AB01"),
        ({"activity": ["walk", "fly"]}, r"no stride has 'fly'; known: ramp_ascent, walk"),
        ({"channel": "deltoid"}, r"'channel'.*'deltoid'"),
        ({"patient": slice("a", "b")}, r"'patient'.*slices"),
        ({"speed": slice(0, 1, 2)}, r"'speed'.*slices"),
        ({"speed": 77.0}, r"no stride has 77.0"),
    ],
)
def test_select_says_what_is_wrong(strides: xr.Dataset, labels: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        select(strides, **labels)


def test_a_value_that_only_other_strides_have_is_unknown(strides: xr.Dataset) -> None:
    with pytest.raises(ConfigError, match="known: hu-AB00"):
        select(select(strides, dataset="hu"), patient="bacek-AB02")


def test_the_cube_holds_every_stride_at_its_place(strides: xr.Dataset, never_computes: Callable[[], object]) -> None:
    few = select(strides, dataset="bacek")[["emg", "kinematics", "emg_mask"]]
    with never_computes():
        cube = as_cube(few)
    assert list(cube["emg"].dims) == ["patient", "activity", "trial", "side", "stride", "channel", "time"]
    assert cube["emg_mask"].dtype == bool
    present = cube["stride_number"].values >= 0
    assert present.sum() == few.sizes["stride"]
    kinematics, flat = cube["kinematics"].compute(), few["kinematics"].compute()
    numbers = cube["stride_number"].transpose("patient", "activity", "trial", "side", "stride").compute()
    for position in range(few.sizes["stride"]):
        labels = {name: few[name].values[position] for name in ("patient", "activity", "trial", "side")}
        place = int(np.flatnonzero(numbers.sel(labels).values == few["stride_number"].values[position])[0])
        np.testing.assert_array_equal(kinematics.sel(labels).isel(stride=place).values, flat.values[position])
    assert np.isnan(kinematics.values[~present]).all()
    assert not cube["emg_mask"].values[~present].any()


def test_the_cube_of_one_side_has_no_side(strides: xr.Dataset) -> None:
    cube = as_cube(select(strides, dataset="bacek", side="left")[["emg", "kinematics"]])
    assert list(cube["emg"].dims) == ["patient", "activity", "trial", "stride", "channel", "time"]


def test_a_large_cube_is_refused_with_its_size(strides: xr.Dataset) -> None:
    with pytest.raises(ConfigError, match=r"8 patient x 2 activity x 2 trial.*GiB.*allowed 0.00 GiB"):
        as_cube(strides, max_bytes=10**6)


def test_eager_and_lazy_cubes_are_the_same(strides: xr.Dataset) -> None:
    few = select(strides, dataset="bacek")[["kinetics", "kinematics_mask"]]
    xr.testing.assert_identical(as_cube(few).load(), as_cube(few.load()))


def test_every_person_counts_once(strides: xr.Dataset, never_computes: Callable[[], object]) -> None:
    with never_computes():
        curves = ensemble(strides)
    curves = curves.load()
    picked = strides.sel(dataset="hu", activity="walk").load()
    persons = [
        picked["kinematics"].values[picked["person_group"].values == person]
        for person in np.unique(picked["person_group"])
    ]
    means = np.array([strides_.mean(axis=0, dtype=np.float64) for strides_ in persons])
    found = curves.sel(dataset="hu", activity="walk")
    np.testing.assert_allclose(found["kinematics_mean"], means.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found["kinematics_sd"], means.std(axis=0, ddof=1), atol=1e-9)
    within = np.array([strides_.astype(float).std(axis=0, ddof=1) for strides_ in persons]).mean(axis=0)
    np.testing.assert_allclose(found["kinematics_sd_strides"], within, atol=1e-6)
    assert (int(found["n_people"]), int(found["n_strides"])) == (4, picked.sizes["stride"])
    assert np.isnan(found["emg_mean"].sel(channel="peroneus_brevis")).all()
    assert (found["emg_people"].sel(channel="peroneus_brevis") == 0).all()
    assert curves["kinematics_mean"].attrs["units"] == "degree"
    assert curves["emg_mean"].dims == ("dataset", "activity", "channel", "phase")


def test_eager_and_lazy_ensembles_agree(strides: xr.Dataset) -> None:
    few = strides.isel(stride=slice(0, 90))
    xr.testing.assert_allclose(ensemble(few, by=["side"]).load(), ensemble(few.load(), by=["side"]))


def test_emg_of_unequal_strides_is_compared_at_equal_phase() -> None:
    """A burst at 40 % of the stride stays at 40 % whatever the duration; one person of one stride each."""
    durations = np.array([0.8, 1.0, 1.4])
    stamps = np.arange(-250, 1600) / 1000
    emg = np.stack([np.exp(-(((stamps / duration - 0.4) / 0.05) ** 2)) for duration in durations])[:, None, :]
    emg[:, :, :] = np.where((stamps < durations[:, None])[:, None, :], emg, np.nan)
    dataset = xr.Dataset(
        {"emg": (("stride", "channel", "time"), emg.astype(np.float32), {"units": "1"})},
        coords={
            "duration": ("stride", durations),
            "person_group": ("stride", ["a", "b", "c"]),
            "activity": ("stride", ["walk"] * 3),
            "time": stamps,
        },
    )
    curve = ensemble(dataset, by=["activity"]).sel(activity="walk")
    phase = np.arange(200) / 200
    np.testing.assert_allclose(curve["emg_mean"][0], np.exp(-(((phase - 0.4) / 0.05) ** 2)), atol=2e-3)
    assert float(curve["emg_sd"].max()) < 2e-3
    assert float(curve["phase"][int(np.argmax(curve["emg_mean"].values[0]))]) == pytest.approx(0.4)
    assert (curve["emg_people"] == 3).all()


def test_ensemble_refuses_what_is_no_label(strides: xr.Dataset) -> None:
    with pytest.raises(ConfigError, match="channel"):
        ensemble(strides, by=["channel"])


def test_physical_emg_is_the_product_and_units_are_brought_to_one(
    strides: xr.Dataset, never_computes: Callable[[], object]
) -> None:
    few = select(strides, dataset="bacek")
    with never_computes():
        physical = to_physical(few)
    assert physical["emg"].attrs["units"] == "V"
    expected = few["emg"].values * few["emg_scale"].values[:, :, None]
    np.testing.assert_array_equal(physical["emg"].values, expected)
    with pytest.raises(ConfigError, match="in a unit already"):
        to_physical(physical)
    ends = strides.isel(stride=[0, 549])
    sources = {name: dict(facts) for name, facts in strides.attrs["sources"].items()}
    sources["hu"]["emg_unit"] = "mV"
    mixed = to_physical(ends.assign_attrs(sources=sources))
    whole = to_physical(ends)
    np.testing.assert_allclose(mixed["emg"].values[0], whole["emg"].values[0])
    np.testing.assert_allclose(mixed["emg"].values[1], whole["emg"].values[1] * 1e-3, rtol=1e-6)
    sources["hu"]["emg_unit"] = "counts"
    with pytest.raises(ConfigError, match="hu: counts"):
        to_physical(ends.assign_attrs(sources=sources))
