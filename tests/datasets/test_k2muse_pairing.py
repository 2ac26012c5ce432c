"""K2MUSE: what the cut form pairs, signs that the data decide, faults of the continuous form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biomech_xr.datasets.k2muse.pairing import pair_by_duration
from biomech_xr.errors import DataFormatError
from tests.datasets.k2muse_files import FATIGUE, LEVEL, Content, curves, leaf, made, read


@pytest.fixture
def content() -> Content:
    return made()


def test_canonical_moments_are_recognized_as_such(content: Content, tmp_path: Path) -> None:
    for trial in (leaf(content), _fatigue(content)):
        for output in trial["Moments"].values():
            output["rsGaitData"] *= -1
    for output in leaf(content, "OriginalData")["Moments"].values():
        output *= -1
    found = read(tmp_path, content)[LEVEL]
    assert "factor +1" in found.notes["moments"]
    assert curves(found, "kinetics", "right", "ankle", "flexion").mean(axis=0).min() < -1.2


def test_a_continuous_form_of_another_trial_is_not_used_and_speaks_against_the_cut(
    content: Content, tmp_path: Path
) -> None:
    original = leaf(content, "OriginalData")
    for name, values in original["Angles"].items():
        original["Angles"][name] = np.roll(values, 37, axis=0) * 1.1
    trial = read(tmp_path, content)[LEVEL]
    assert trial.notes["level"].startswith("normalized: the cut knee angles do not come back")
    assert trial.strides.empty
    assert trial.rejected["detail"].str.contains("continuous form contradicts it").all()
    assert len(read(tmp_path, content, pairing="by_count")[LEVEL].strides) == len(trial.rejected)
    with pytest.raises(DataFormatError, match=rf"k2muse: .*{LEVEL}.*level=normalized"):
        read(tmp_path, content, level="original")


def test_a_fault_in_the_continuous_form_falls_back_to_the_cut_form(content: Content, tmp_path: Path) -> None:
    del leaf(content, "OriginalData")["Angles"]["LAnkleAngles"]
    trial = read(tmp_path, content)[LEVEL]
    assert trial.notes["level"].startswith("normalized: ")
    assert "LAnkleAngles" in trial.notes["level"]
    assert set(trial.strides["side"]) == {"left", "right"}


@pytest.mark.parametrize("level", ["original", "normalized"])
def test_an_event_without_a_frame_costs_its_stride_alone(content: Content, tmp_path: Path, level: str) -> None:
    del content["NormalizedData"]["Fatigue"]
    frames = leaf(content)["Events"]["LStartFrame"]
    frames[0, 1], size = np.inf, frames.size
    trial = read(tmp_path, content, level=level)[LEVEL]
    (rejected,) = trial.rejected.to_dict("records")
    assert (rejected["side"], rejected["stride_number"], rejected["reason"]) == ("left", 1, "unpaired")
    assert (trial.strides["side"] == "left").sum() == size - 1


@pytest.mark.parametrize(
    ("events", "cells", "expected"),
    [
        ([1.10, 1.12, 1.15], [1.10, 1.12, 1.15], [0, 1, 2]),
        ([1.10, 1.12, 1.15], [1.10, 1.15], [0, None, 1]),
        ([1.10, 1.10, 1.15], [1.10, 1.15], [-1, -1, 1]),
        ([1.10, 1.15], [1.10, 1.12, 1.15], [0, 2]),
        ([1.10, 1.15], [1.10, 1.10, 1.15], [-1, 2]),
        ([1.10, 1.15], [1.20, 1.15], None),
        ([1.10, 1.15], [1.1005, 1.1505], [0, 1]),
        ([], [], []),
    ],
)
def test_cells_pair_by_duration_alone(events: list[float], cells: list[float], expected: object) -> None:
    assert pair_by_duration(events, cells) == expected


def test_curves_that_are_fewer_than_events_are_unpaired_moments_left_out(content: Content, tmp_path: Path) -> None:
    cut = leaf(content)
    for name, output in cut["Angles"].items():
        if name.startswith("L"):
            output["rsGaitData"] = output["rsGaitData"][:, :, 1:]
    knee = cut["Moments"]["RKneeMoment"]
    knee["rsGaitData"] = knee["rsGaitData"][:, :, 1:]
    trial = read(tmp_path, content, level="normalized")[LEVEL]
    assert set(trial.strides["side"]) == {"right"}
    assert set(trial.rejected["reason"]) == {"unpaired"}
    assert np.isnan(trial.signals["kinetics"].values.sel(joint="knee")).all()
    assert np.isfinite(curves(trial, "kinetics", "right", "ankle", "flexion")).all()
    assert "right knee moment" in trial.notes["pairing"]


def test_a_single_stride_is_restored(content: Content, tmp_path: Path) -> None:
    cut = leaf(content)
    for group in ("Angles", "Moments"):
        for name, output in cut[group].items():
            if name.startswith("L"):
                output["rsGaitData"] = output["rsGaitData"][:, :, 0]
    cut["Events"] |= {name: cut["Events"][name][:, :1] for name in ("LStartFrame", "LEndFrame")}
    cut["EMGData"]["Left"] = cut["EMGData"]["Left"][:1]
    trial = read(tmp_path, content, level="normalized")[LEVEL]
    assert (trial.strides["side"] == "left").sum() == 1
    assert 50 < curves(trial, "kinematics", "left", "knee", "flexion").max() < 75
    assert "left: pairing assumed by count: no two curves" in trial.notes["pairing"]


def _apart(content: Content) -> Content:
    """Make the strides' ends differ by several degrees, each ending where the next begins; return the cut trial."""
    cut = leaf(content)
    for seed, output in enumerate(cut["Angles"].values()):
        values = output["rsGaitData"]
        level = np.random.default_rng(seed).uniform(-4, 4, (3, values.shape[2] + 1))
        ramp = np.linspace(0, 1, 200)[:, None, None]
        output["rsGaitData"] = values + level[:, :-1] + ramp * np.diff(level)
    return cut


def test_curves_pair_with_events_where_their_ends_meet(content: Content, tmp_path: Path) -> None:
    assert "right: pairing assumed by count" in read(tmp_path, content, level="normalized")[LEVEL].notes["pairing"]
    cut = _apart(content)
    note = read(tmp_path, content, level="normalized")[LEVEL].notes["pairing"]
    assert "assumed" not in note
    assert "curves meet the next within" in note
    for name, output in cut["Angles"].items():
        if name.startswith("R"):
            output["rsGaitData"] = output["rsGaitData"][:, :, [0, 2, 1, *range(3, output["rsGaitData"].shape[2])]]
    trial = read(tmp_path, content, level="normalized")[LEVEL]
    assert set(trial.strides["side"]) == {"left"}
    assert trial.rejected["detail"].str.contains("but their events follow each other").all()
    assert set(trial.rejected["reason"]) == {"unpaired"}
    stated = read(tmp_path, content, level="normalized", pairing="by_count")[LEVEL]
    assert set(stated.strides["side"]) == {"left", "right"}


def test_moments_that_step_between_strides_are_left_out(content: Content, tmp_path: Path) -> None:
    output = leaf(content)["Moments"]["RHipMoment"]
    output["rsGaitData"] = np.roll(output["rsGaitData"], 60, axis=0) * np.linspace(1, 1.8, 200)[:, None, None]
    trial = read(tmp_path, content, level="normalized", moment_sign="extensor_positive")[LEVEL]
    assert "right hip moment: curve " in trial.notes["pairing"]
    assert np.isnan(curves(trial, "kinetics", "right", "hip", "flexion")).all()
    assert np.isfinite(curves(trial, "kinetics", "left", "hip", "flexion")).all()


def _times(content: Content, kind: str, name: str, factor: list[float]) -> None:
    """Multiply the components of outputs whose name ends so in all trials of both trees."""
    for trial in (leaf(content), _fatigue(content)):
        for key, output in trial[kind].items():
            if key.endswith(name):
                output["rsGaitData"] = output["rsGaitData"] * np.array(factor)[:, None]
    original = leaf(content, "OriginalData")[kind]
    original |= {key: values * factor for key, values in original.items() if key.endswith(name)}


@pytest.mark.parametrize("level", ["original", "normalized"])
def test_a_knee_that_counts_extension_positive_comes_back_canonical(
    content: Content, tmp_path: Path, level: str
) -> None:
    _times(content, "Angles", "KneeAngles", [-1, 1, 1])
    del content["NormalizedData"]["Fatigue"]
    trial = read(tmp_path, content, level=level)[LEVEL]
    assert trial.notes["evidence.knee_sign"].startswith("-1")
    assert 50 < curves(trial, "kinematics", "left", "knee", "flexion").mean(axis=0).max() < 75


@pytest.mark.parametrize(
    ("kind", "name", "factor", "option"),
    [
        ("Angles", "LAnkleAngles", [-1, 1, 1], "ankle_sign"),
        ("Moments", "HipMoment", [-1, 1, 1], "moment_sign"),
        ("Moments", "KneeMoment", [-1, 1, 1], "moment_sign"),
        ("Moments", "HipMoment", [1, -1, 1], "moment_sign"),
        ("Moments", "LAnkleMoment", [-1, 1, 1], "moment_sign"),
    ],
)
def test_signs_that_contradict_each_other_are_refused(
    content: Content, tmp_path: Path, kind: str, name: str, factor: list[float], option: str
) -> None:
    _times(content, kind, name, factor)
    with pytest.raises(DataFormatError, match=rf"k2muse: .*contradiction.*source option {option}="):
        read(tmp_path, content)


def test_emg_that_is_never_negative_is_not_bandpassed(content: Content, tmp_path: Path) -> None:
    for trial in (leaf(content), _fatigue(content)):
        for cells in trial["EMGData"].values():
            for entry in cells:
                entry[0] = np.abs(entry[0])
    with pytest.raises(DataFormatError, match=r"never negative.*source option emg_state="):
        read(tmp_path, content)
    trial = read(tmp_path, content, emg_state="envelope", level="normalized")[LEVEL]
    assert (trial.emg_state, trial.emg_lookahead) == ("envelope", 0.57)


def test_swapped_emg_columns_are_noted_as_doubtful(content: Content, tmp_path: Path) -> None:
    columns = [3, 1, 2, 0, *range(4, 13)]
    original = leaf(content, "OriginalData")
    original["EMGData"] = original["EMGData"][:, columns]
    for entry in leaf(content)["EMGData"]["Right"]:
        entry[0] = entry[0][:, columns[:9]]
    note = read(tmp_path, content)[LEVEL].notes["evidence.emg_order"]
    assert note.startswith("doubtful")
    assert "tibialis_anterior" in note
    assert "soleus" in note


def _fatigue(content: Content) -> Content:
    for key in FATIGUE:
        content = content[key]
    return content
