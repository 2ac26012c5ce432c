"""Lab: clocks, labels and units of written trials, and mappings that do not fit are explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.datasets import lab
from biomech_xr.errors import ConfigError, DataFormatError, MissingInputError
from tests.datasets.lab_trials import (
    CHANNELS,
    PIG,
    only_trial,
    planes,
    steps,
    walking_points,
    write_mapping,
    write_trial,
)


def test_a_file_that_starts_late_keeps_the_clock_of_the_capture(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=4000)
    spellings = {"Foot Strike": ("foot strike", "FootStrike", "Heel Strike"), "Foot Off": ("foot off", "FOOT_OFF")}
    respelled = [
        (spellings[label][index % len(spellings[label])], side, time)
        for index, (label, side, time) in enumerate(steps(61.5))
    ]
    write_trial(tmp_path / "late.c3d", events=respelled, first_frame=6100, analogs={"E": noise}, units=["mV"])
    channels = [{"label": "E", "muscle": "soleus", "side": "left"}]
    trial = only_trial(write_mapping(tmp_path, "late.c3d", emg={"unit": "V", "channels": channels}))
    for group in ("emg", "kinematics", "kinetics"):
        assert trial.signals[group].time()[0] == 61.0
    left = trial.strides[trial.strides["side"] == "left"]
    np.testing.assert_allclose(left["trial_time"], [61.5, 62.5], atol=1e-4)
    np.testing.assert_allclose(trial.strides["foot_off"], 0.6, atol=1e-4)
    np.testing.assert_allclose(trial.signals["emg"].values.squeeze(), noise * 1e-3, rtol=1e-5)
    assert trial.sources[0][0] == "late.c3d"
    assert "stances off the plates could not be told" in trial.notes["kinetics"]


def test_subject_prefix_and_model_suffix_choose_the_labels(tmp_path: Path) -> None:
    points = walking_points(prefix="A22:", suffix="_CGM_2.4") | walking_points(prefix="B7:")
    points["A22:LAbsAnkleAngle"] = np.ones((400, 3))
    write_trial(tmp_path / "two.c3d", events=steps(0.5), points=points)
    write_mapping(tmp_path, "two.c3d", moments=None)
    with pytest.raises(DataFormatError, match=r"left hip angles: found 'A22:LHipAngles_CGM_2\.4' and 'B7:LHipAngles'"):
        next(lab.recordings(tmp_path, "P01"))
    trial = only_trial(write_mapping(tmp_path, "two.c3d", angles=PIG | {"prefix": "A22"}, moments=None))
    stored = points["A22:RAnkleAngles_CGM_2.4"]
    np.testing.assert_allclose(planes(trial, "kinematics", "right", "ankle"), stored[:, [1, 2, 0]], rtol=1e-5)


def test_dead_channels_and_legs_without_outputs_are_missing_not_zero(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=4000)
    points = {label: values for label, values in walking_points().items() if not label.startswith("RKnee")}
    analogs = {"A": noise, "B": np.full(4000, 0.3), "C": np.zeros(4000)}
    write_trial(tmp_path / "a.c3d", events=steps(0.5), analogs=analogs, points=points)
    muscles = ("soleus", "tibialis_anterior", "gluteus_medius")
    channels = [{"label": x, "muscle": muscle, "side": "right"} for x, muscle in zip("ABC", muscles, strict=True)]
    trial = only_trial(write_mapping(tmp_path, "a.c3d", emg={"unit": "V", "channels": channels}))
    assert np.isfinite(trial.signals["emg"].values.sel(channel="soleus")).all()
    assert np.isnan(trial.signals["emg"].values.sel(channel=["tibialis_anterior", "gluteus_medius"])).all()
    assert np.isnan(planes(trial, "kinematics", "right", "knee")).all()
    np.testing.assert_allclose(
        planes(trial, "kinetics", "left", "knee")[:, 2], -points["LKneeMoment"][:, 0] / 1000, rtol=1e-5
    )


def test_candidates_that_are_no_strides_are_rejected_with_a_reason(tmp_path: Path) -> None:
    events = [("Foot Strike", "Left", time) for time in (0.2, 1.2, 1.4, 3.9)]
    write_trial(tmp_path / "a.c3d", events=events)
    trial = only_trial(write_mapping(tmp_path, "a.c3d", maximum_duration=2.0))
    assert trial.strides["stride_number"].tolist() == [0]
    assert np.isnan(trial.strides["foot_off"]).all()
    assert trial.rejected[["stride_number", "reason"]].values.tolist() == [[1, "too_short"], [2, "too_long"]]


def test_every_file_of_a_person_is_checked_before_the_first_is_yielded(tmp_path: Path) -> None:
    write_trial(tmp_path / "good.c3d", events=steps(0.5))
    write_trial(tmp_path / "late.c3d", events=[*steps(0.5), ("Foot Strike", "Left", 9.0)])
    write_trial(tmp_path / "general.c3d", events=[*steps(0.5), ("Foot Strike", "General", 1.0)])
    write_mapping(tmp_path, "good.c3d", "late.c3d", "general.c3d")
    with pytest.raises(DataFormatError) as caught:
        next(lab.recordings(tmp_path, "P01"))
    text = str(caught.value)
    assert "2 problem(s)" in text
    assert "late.c3d: events: 9.000 s lie outside the recorded 0.000 to 4.000 s" in text
    assert "general.c3d: events: foot events at 1.000 s belong to no foot" in text


def test_a_person_without_a_stride_is_one_clear_error(tmp_path: Path) -> None:
    write_trial(tmp_path / "a.c3d", events=[("Foot Strike", "Left", 0.5), ("Foot Strike", "Right", 1.0)])
    write_mapping(tmp_path, "a.c3d")
    with pytest.raises(DataFormatError, match="found no stride"):
        list(lab.recordings(tmp_path, "P01"))


def test_a_wrong_mapping_lists_every_problem(tmp_path: Path) -> None:
    channels = [
        {"label": "a", "muscle": "soleous", "side": "left"},
        {"label": "b", "muscle": "soleus", "side": "up"},
        {"label": "c", "muscle": "soleus", "side": "left", "gain": 2},
    ]
    write_mapping(
        tmp_path, "x.c3d", activity="walking", line_frequency=-1, emg={"unit": "W", "channels": channels}, angels={}
    )
    with pytest.raises(ConfigError) as caught:
        lab.patients(tmp_path)
    text = str(caught.value)
    assert "unknown muscle 'soleous'; did you mean 'soleus'?" in text
    assert "angels: unknown key; did you mean 'angles'?" in text
    for place in ("activity", "line_frequency", "emg.unit", "emg.channels.1.side", "emg.channels.2.gain"):
        assert f"- {place}: " in text
    assert "7 problem(s)" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"emg": {"unit": "V", "channels": [CHANNELS[0], CHANNELS[0] | {"label": "EMG9"}]}},
            "two labels for left gastrocnemius_medialis",
        ),
        ({"emg": {"unit": "V", "channels": [CHANNELS[0], CHANNELS[1] | {"label": "EMG1"}]}}, "'EMG1' is used twice"),
        ({"emg": {"unit": "V", "channels": []}}, "the list is empty"),
        ({"people": [{"id": "A", "files": ["x/a.c3d", "y/a.c3d"]}]}, "two files are named a"),
        ({"people": [{"id": "A", "files": ["a.c3d"]}, {"id": "A", "files": ["b.c3d"]}]}, "two people have the id A"),
        ({"people": [{"id": "../A", "files": ["a.c3d"]}]}, "people.0.id"),
        ({"angles": None, "moments": None}, "no signal named"),
    ],
)
def test_a_contradicting_mapping_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write_mapping(tmp_path, "x.c3d", **changes)
    with pytest.raises(ConfigError, match=message):
        lab.patients(tmp_path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"lab: .*lab\.yaml"):
        lab.patients(tmp_path)
    write_mapping(tmp_path, "one.c3d", "two.c3d")
    with pytest.raises(MissingInputError, match=r"no such file: .*one\.c3d, .*two\.c3d"):
        next(lab.recordings(tmp_path, "P01"))
    with pytest.raises(MissingInputError, match=r"no person 'P02'\. Known: P01"):
        next(lab.recordings(tmp_path, "P02"))


def test_where_files_were_published_is_cited_and_changes_no_other_fact(tmp_path: Path) -> None:
    write_trial(tmp_path / "a.c3d", events=steps(0.5), points=walking_points())
    written = {"angles": {"convention": "plug_in_gait"}}
    plain = lab.facts(write_mapping(tmp_path, "a.c3d", **written))
    published = {"citation": "Doe J. J Biomech 2026; 1:1.", "doi": "10.1000/x", "licence": "CC BY 4.0"}
    root = write_mapping(tmp_path, "a.c3d", **written, published={**published, "licence_use": "open"})
    found = lab.facts(root)
    assert (found.citation, found.doi, found.licence_use) == (published["citation"], "10.1000/x", "open")
    assert found.settings == plain.settings
    assert plain.licence_use == "unknown"
    with pytest.raises(ConfigError, match="name the licence"):
        lab.facts(write_mapping(tmp_path, "a.c3d", **written, published={"licence_use": "open"}))
