"""Lab: contacts from the velocity of the feet and from gyroscopes on the shanks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets import lab
from biomech_xr.errors import ConfigError, DataFormatError
from biomech_xr.synthetic.gait import Gait, angles
from tests.datasets import lab_samples
from tests.evidence.events_walker import clock, gyroscope, trial

RATE = 100.0
AXES = [{"label": f"{side}_{axis}", "side": side} for side in ("left", "right") for axis in "xyz"]
MAPPING: dict[str, Any] = {
    "line_frequency": 50,
    "angles": {
        "channels": [
            {"label": f"knee_{side}", "joint": "knee", "motion": "flexion", "side": side, "unit": "deg", "sign": 1}
            for side in ("left", "right")
        ]
    },
    "events": {"from": "gyroscopes", "gyroscopes": {"unit": "deg/s", "columns": AXES}},
}
FILES = {"trial": "walk", "angles": "angles.csv", "gyroscopes": "shanks.csv"}


def write(folder: Path, gait: Gait, mapping: dict[str, Any] = MAPPING) -> Path:
    rng, time = np.random.default_rng(1), clock(gait, RATE)
    knees = {f"knee_{side}": angles(gait, time, side)[:, 1, 2] for side in ("left", "right")}
    pd.DataFrame({"time": time, **knees}).to_csv(folder / "angles.csv", index=False)
    turns = {
        f"{side}_{axis}": turn
        for side in ("left", "right")
        for axis, turn in zip("xyz", np.rad2deg(gyroscope(gait, side, RATE, rng)).T, strict=True)
    }
    pd.DataFrame({"time": time, **turns}).to_csv(folder / "shanks.csv", index=False)
    return lab_samples.write(folder, mapping, [FILES])


def test_contacts_from_gyroscopes(tmp_path: Path) -> None:
    gait = trial(1, 1.2)
    one = lab_samples.read(write(tmp_path, gait))
    rows = one.strides
    for side in ("left", "right"):
        found = rows.loc[rows["side"] == side, "trial_time"].to_numpy()
        late = found - gait.contacts[side][np.abs(gait.contacts[side][:, None] - found).argmin(axis=0)]
        assert found.size >= gait.contacts[side].size - 3
        assert abs(late.mean()) < 0.06
        assert late.std() < 0.02
    note = one.notes["evidence.events"]
    assert "contacts from gyroscopes" in note
    assert "quality of the left foot" in note


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    columns = [{"label": "left_w", "side": "left"}, {"label": "right_x", "side": "right"}]
    events = {"from": "gyroscopes", "gyroscopes": {"unit": "deg/s", "columns": columns}}
    write(tmp_path, trial(1, 1.2, duration=4.0), MAPPING | {"events": events})
    with pytest.raises(DataFormatError, match="left_w"):
        list(lab.recordings(tmp_path, "P01"))


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ({"from": "gyroscopes"}, "events.gyroscopes is not described"),
        ({"from": "gyroscopes", "gyroscopes": {"unit": "deg/s", "columns": AXES[:2]}}, "2 of the left shank"),
        ({"from": "gyroscopes", "gyroscopes": {"unit": "g", "columns": AXES}}, "rad/s"),
        ({"from": "foot", "markers": {"left": {"heel": "LH"}, "right": {"heel": "RH"}}}, "heel and the toe"),
    ],
)
def test_half_a_description_is_refused(tmp_path: Path, events: dict[str, Any], message: str) -> None:
    write(tmp_path, trial(1, 1.2, duration=3.0), MAPPING | {"events": events})
    with pytest.raises(ConfigError, match=message):
        list(lab.recordings(tmp_path, "P01"))


@pytest.mark.realdata
def test_the_feet_of_a_recorded_trial_tell_its_contacts(samples: Path, tmp_path: Path) -> None:
    """Forces and feet of one trial differ by the usual 31 ms at most in the median; nothing is refused."""
    described: Any = lab_samples.OPENSIM["events"]
    events = described | {"from": "foot"}
    files = {
        role: name if role == "trial" else str(samples / "opensim" / name)
        for role, name in lab_samples.OPENSIM_FILES.items()
    }
    one = lab_samples.read(
        lab_samples.write(tmp_path, lab_samples.OPENSIM | {"events": events}, [files], body_mass=72.6)
    )
    assert "contacts from foot" in one.notes["evidence.events"]
    assert len(one.strides) == 1
    assert one.strides["trial_time"].iloc[0] == pytest.approx(0.65, abs=0.02)
    assert one.strides["duration"].iloc[0] == pytest.approx(1.233, abs=0.02)
