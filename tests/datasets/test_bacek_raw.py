"""Bacek 2024: the continuous form, its rates and its clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat

from biomech_xr import vocabulary as words
from biomech_xr.datasets.bacek import OPTIONS, SPEC
from biomech_xr.datasets.bacek.files import Test as Condition
from biomech_xr.datasets.bacek.raw import find_events, stride_rows
from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.matfile import save_struct
from tests.datasets.bacek_files import (
    RAW_ENERGETICS,
    RAW_MECHANICS,
    Walk,
    read,
    read_once,
    times_of,
    tree,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Sub1 in segmented form, Sub2 in both."""
    return tree(lambda: tmp_path_factory.mktemp("bacek"))


@pytest.fixture(scope="module")
def cut_left(written: tuple[Path, Truth]) -> Walk:
    """Sub2, segmented: right rows between left heel strikes."""
    return read_once(written[0], "Sub2", level="segmented")


@pytest.fixture(scope="module")
def raw(written: tuple[Path, Truth]) -> Walk:
    return read_once(written[0], "Sub2")


def test_raw_form_is_the_default_where_it_is_there(written: tuple[Path, Truth], raw: Walk, cut_left: Walk) -> None:
    assert [trial.signals["emg"].kind for trial in raw.values()] == ["continuous"] * 6
    assert {signal.kind for signal in cut_left["T1"].signals.values()} == {"segmented"}
    with pytest.raises(MissingInputError, match=r"no file Sub1_rawMechanics\.mat"):
        read(written[0], "Sub1", level="raw")
    assert set(OPTIONS["level"].choices) == {"raw", "segmented"}


def test_raw_emg_is_continuous_at_two_kilohertz(written: tuple[Path, Truth], raw: Walk) -> None:
    trial = raw["T1"]
    emg = trial.signals["emg"]
    assert (emg.sampling_frequency, trial.emg_state, trial.emg_lookahead) == (2000, "raw", 0.0)
    assert (emg.values.attrs["units"], SPEC.emg_unit) == ("a.u.", "a.u."), "no unit is stated"
    assert "kinematics" not in trial.signals
    with h5py.File(written[0] / RAW_ENERGETICS) as file:
        stored = np.ravel(file["rawEnergetics/T1/EMG/Right_TibAnt"][()])
    found = emg.values.sel(side="right", channel="tibialis_anterior").values
    np.testing.assert_allclose(found, stored, rtol=1e-6, atol=1e-9)


def test_how_far_the_events_in_the_force_are_to_be_believed_is_noted(raw: Walk) -> None:
    for name, trial in raw.items():
        for side in words.SIDES:
            contacts, told = trial.notes[f"evidence.events.{side}"].split(" contacts in the vertical force, ")
            strides = trial.strides.query("side == @side")
            assert int(contacts) >= len(strides) + 1, name
            assert float(told.removeprefix("share right: ").split(" ")[0]) > 0.6, f"{name}: {told}"
            assert "regularity" in told
            assert "alternation" in told


def test_raw_and_segmented_strides_have_the_same_clock(raw: Walk, cut_left: Walk) -> None:
    for name in ("T1", "T13", "T28"):
        for side in words.SIDES:
            times = [times_of(walk[name], side) for walk in (raw, cut_left)]
            near = np.abs(times[0][:, None] - times[1]).min(axis=0)
            assert (near < 0.005).all(), "the force begins some ms before it is told from noise"


def test_forces_at_the_exceptional_rate_keep_their_clock(raw: Walk) -> None:
    rates = {name: trial.signals["grf"].sampling_frequency for name, trial in raw.items()}
    assert rates == {name: 2000.0 if name == "T13" else 1000.0 for name in raw}
    for trial in raw.values():
        force = trial.signals["grf"].values.sel(axis="vertical")
        assert ((force.max("sample") > 9) & (force.max("sample") < 13)).all()
        assert trial.signals["emg"].time()[-1] == pytest.approx(trial.signals["grf"].time()[-1], abs=2e-3)
        assert np.isnan(trial.signals["grf"].values.sel(axis=["anterior", "lateral"])).all()


def test_a_step_on_the_other_belt_makes_no_double_stride(raw: Walk) -> None:
    rejected = raw["T10"].rejected
    assert sorted(rejected["side"]) == ["left", "right"]
    assert set(rejected["reason"]) == {"not_a_stride"}
    assert ((rejected["duration"] > 2.3) & (rejected["duration"] < 2.7)).all(), "within the bounds of a stride"
    assert rejected["detail"].str.contains("0.6 to 1.5 times the median").all()
    assert all(trial.strides["duration"].max() < 1.2 * trial.strides["duration"].min() for trial in raw.values())


def test_two_contacts_of_the_other_foot_are_in_no_stride() -> None:
    def force(contacts: list[float]) -> np.ndarray:
        time = np.arange(8000) / 1000
        return np.asarray(700.0 * np.any([(time >= start) & (time < start + 0.3) for start in contacts], axis=0))

    forces: dict[words.Side, np.ndarray] = {
        "left": force([0.5, 1.5, 2.5, 3.9, 4.9, 5.9]),
        "right": force([1.0, 2.0, 3.0, 3.5, 4.4, 5.4]),
    }
    test = Condition(number=1, speed=1.1, cadence="-10 %", orthosis=False)
    kept, rejected = stride_rows(SPEC, test, find_events(forces, 1000.0, 70.0, {}), end=8.0)
    assert [(row["side"], round(row["trial_time"], 1)) for row in rejected] == [("left", 2.5), ("right", 3.0)]
    assert rejected[0]["detail"] == "2 contacts of the other foot within 1.400 s"
    assert "0.500 s" in rejected[1]["detail"]
    assert len(kept) == 8


def _copy_raw(
    written: tuple[Path, Truth], root: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]
) -> Path:
    """Write one raw test of Sub2 after ``change``."""
    mechanics = {"T1": loadmat(written[0] / RAW_MECHANICS, simplify_cells=True)["rawMechanics"]["T1"]}
    with h5py.File(written[0] / RAW_ENERGETICS) as file:
        emg = {name: np.ravel(data[()]) for name, data in file["rawEnergetics/T1/EMG"].items()}
    change(mechanics["T1"], emg)
    save_struct(root / RAW_MECHANICS.name, {"rawMechanics": mechanics})
    save_struct(root / RAW_ENERGETICS.name, {"rawEnergetics": {"T1": {"EMG": emg}}})
    return root


def test_raw_files_of_which_nothing_fits_are_refused(written: tuple[Path, Truth], tmp_path: Path) -> None:
    def shorten(_: dict[str, Any], emg: dict[str, Any]) -> None:
        emg.update({name: values[: len(values) // 3] for name, values in emg.items()})

    def smooth(_: dict[str, Any], emg: dict[str, Any]) -> None:
        window = np.ones(400) / 400
        emg.update({name: np.convolve(np.abs(values), window, "same") for name, values in emg.items()})

    def press(mechanics: dict[str, Any], _: dict[str, Any]) -> None:
        mechanics["GRF"]["V_Left"] = -mechanics["GRF"]["V_Left"]

    def lose(_: dict[str, Any], emg: dict[str, Any]) -> None:
        del emg["Right_GlutMax"]

    for change, expected in (
        (shorten, r"rawMechanics\.T1\.GRF; found \d+ samples beside .* s of the other streams.*level=segmented"),
        (smooth, r"rawEnergetics\.T1\.EMG; found envelopes.*level=segmented"),
        (press, r"V_Left; found no upward force"),
        (lose, r"EMG; found no field Right_GlutMax"),
    ):
        with pytest.raises(DataFormatError, match=expected):
            read(_copy_raw(written, tmp_path, change), "Sub2")


def test_silent_muscles_and_lost_emg_are_masked_never_zero(written: tuple[Path, Truth], tmp_path: Path) -> None:
    def silence(_: dict[str, Any], emg: dict[str, Any]) -> None:
        emg["Left_VastLat"] = np.zeros_like(emg["Left_VastLat"])
        emg["Left_RecFem"] = np.empty((0, 0))

    trial = read(_copy_raw(written, tmp_path, silence), "Sub2")["T1"]
    emg = trial.signals["emg"].values.sel(side="left")
    assert np.isnan(emg.sel(channel=["vastus_lateralis", "rectus_femoris"])).all()
    assert np.isfinite(emg.sel(channel="tibialis_anterior")).all()
    save_struct(tmp_path / RAW_ENERGETICS.name, {"rawEnergetics": {"T2": {"EMG": {}}}})
    trial = read(tmp_path, "Sub2")["T1"]
    assert set(trial.signals) == {"grf"}
    assert len(trial.strides) >= 8
