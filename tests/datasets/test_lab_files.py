"""Lab: trials of several files are put together by their times; what does not fit is listed at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biomech_xr.datasets import lab
from biomech_xr.errors import ConfigError, DataFormatError
from tests.datasets import lab_samples
from tests.datasets.lab_trials import steps, write_trial

ANGLES = [
    {"label": "knee_r", "joint": "knee", "motion": "flexion", "side": "right", "unit": "rad", "sign": -1},
    {"label": "knee_l", "joint": "knee", "motion": "flexion", "side": "left", "unit": "rad", "sign": 1},
]
MOMENTS = [
    {"label": "knee_r_moment", "joint": "knee", "motion": "flexion", "side": "right", "unit": "N m", "sign": -1},
]
POWERS = [{"label": "P", "joint": "knee", "side": "right", "unit": "W"}]
EMG = {"unit": "mV", "channels": [{"label": "RF r", "muscle": "rectus_femoris", "side": "right"}]}
FILES = {
    "trial": "walk",
    "angles": "ik.mot",
    "moments": "id.sto",
    "powers": "power.csv",
    "emg": "emg.csv",
    "events": "ev.csv",
}
MAPPING: dict[str, Any] = {
    "line_frequency": 50,
    "angles": {"channels": ANGLES},
    "moments": {"channels": MOMENTS},
    "powers": {"channels": POWERS},
    "emg": EMG,
    "events": {"from": "table", "table": {"side": "foot", "words": {"HS": "contact", "TO": "foot_off"}}},
}


def write_mot(path: Path, time: np.ndarray, columns: dict[str, np.ndarray], *, degrees: str = "no") -> None:
    rows = "\n".join("\t".join(f"{value:.8f}" for value in row) for row in np.column_stack([time, *columns.values()]))
    head = f"x\nversion=1\nnRows={len(time)}\nnColumns={len(columns) + 1}\ninDegrees={degrees}\nendheader\n"
    path.write_text(head + "\t".join(["time", *columns]) + "\n" + rows + "\n")


def write_files(folder: Path, *, shift: float = 0.0) -> dict[str, np.ndarray]:
    """Write one trial in five files and return the curves; the EMG file starts ``shift`` seconds late."""
    time = 2 + np.arange(401) / 100
    knee = 0.5 + 0.5 * np.sin(2 * np.pi * time)
    moment = 70 * np.cos(2 * np.pi * time + 0.4)
    write_mot(folder / "ik.mot", time, {"knee_r": -knee, "knee_l": knee})
    write_mot(folder / "id.sto", time[50:], {"knee_r_moment": moment[50:]})
    power = -moment * np.pi * np.cos(2 * np.pi * time)
    (folder / "power.csv").write_text(
        "time,P\n" + "".join(f"{a:.4f},{b:.5f}\n" for a, b in zip(time, power, strict=True))
    )
    clock = 2.5 + shift + np.arange(3000) / 1000
    emg = np.random.default_rng(0).normal(size=3000)
    (folder / "emg.csv").write_text(
        "time,RF r\n" + "".join(f"{a:.3f},{b:.6f}\n" for a, b in zip(clock, emg, strict=True))
    )
    events = [
        ("R", "HS", 2.75),
        ("L", "HS", 3.25),
        ("R", "TO", 3.4),
        ("R", "HS", 3.75),
        ("R", "TO", 4.4),
        ("R", "HS", 4.75),
        ("L", "HS", 4.3),
    ]
    (folder / "ev.csv").write_text("foot,kind,time\n" + "".join(f"{a},{b},{c}\n" for a, b, c in events))
    return {"time": time, "knee": knee, "moment": moment, "emg": emg}


def test_streams_of_several_files_lie_on_one_clock(tmp_path: Path) -> None:
    made = write_files(tmp_path)
    trial = lab_samples.read(lab_samples.write(tmp_path, MAPPING, [FILES], body_mass=70.0, person_group="anna"))
    assert trial.patient.group == "anna"
    assert trial.strides[["side", "trial_time"]].values.tolist() == [["left", 3.25], ["right", 2.75], ["right", 3.75]]
    assert trial.strides["foot_off"].tolist()[1] == pytest.approx(0.65)
    knee, moment, emg = (trial.signals[group] for group in ("kinematics", "kinetics", "emg"))
    assert (knee.t0, moment.t0, emg.t0) == (2.0, 2.5, 2.5)
    assert (knee.sampling_frequency, moment.sampling_frequency, emg.sampling_frequency) == (100.0, 100.0, 1000.0)
    for side in ("left", "right"):
        values = knee.values.sel(side=side, joint="knee", motion="flexion")
        np.testing.assert_allclose(values, np.degrees(made["knee"]), atol=1e-4)
    values = moment.values.sel(side="right", joint="knee", motion="flexion")
    np.testing.assert_allclose(values, -made["moment"][50:] / 70, atol=1e-5)
    np.testing.assert_allclose(emg.values.squeeze(), made["emg"], atol=1e-5)
    assert [name for name, _ in trial.sources] == ["ik.mot", "id.sto", "power.csv", "emg.csv", "ev.csv"]


def test_powers_tell_whether_the_signs_fit(tmp_path: Path) -> None:
    write_files(tmp_path)
    trial = lab_samples.read(lab_samples.write(tmp_path, MAPPING, [FILES], body_mass=70.0))
    assert "knee right r +1.00, slope +1, 2 strides" in trial.notes["evidence.power"]
    wrong = MAPPING | {"moments": {"channels": [MOMENTS[0] | {"sign": 1}]}}
    trial = lab_samples.read(lab_samples.write(tmp_path, wrong, [FILES], body_mass=70.0))
    assert "AGAINST the file's power, so that a sign of angle or moment must be wrong: knee right" in str(
        trial.notes["evidence.power"]
    )


def test_decimal_commas_milliseconds_and_a_stated_rate_are_read(tmp_path: Path) -> None:
    made = write_files(tmp_path)
    rows = "".join(f"{1000 * t:.0f};{v:.6f}\n" for t, v in zip(2.5 + np.arange(3000) / 1000, made["emg"], strict=True))
    (tmp_path / "emg.csv").write_text(("t;RF r\n" + rows).replace(".", ","))
    csv = {"time": "t", "time_unit": "ms", "delimiter": ";", "decimal": ","}
    trial = lab_samples.read(
        lab_samples.write(tmp_path, MAPPING | {"emg": EMG | {"csv": csv}}, [FILES], body_mass=70.0)
    )
    np.testing.assert_allclose(trial.signals["emg"].values.squeeze(), made["emg"], atol=1e-5)
    assert trial.signals["emg"].t0 == 2.5
    csv = {"rate": 1000, "start": 2.25, "delimiter": ";", "decimal": ","}
    trial = lab_samples.read(
        lab_samples.write(tmp_path, MAPPING | {"emg": EMG | {"csv": csv}}, [FILES], body_mass=70.0)
    )
    assert (trial.signals["emg"].sampling_frequency, trial.signals["emg"].t0) == (1000.0, 2.25)


def test_files_without_a_common_time_are_never_paired_by_position(tmp_path: Path) -> None:
    write_files(tmp_path, shift=60.0)
    lab_samples.write(tmp_path, MAPPING, [FILES], body_mass=70.0)
    with pytest.raises(DataFormatError, match=r"ik\.mot runs from 2\.000 to 6\.010 s and emg\.csv from 62\.500"):
        next(lab.recordings(tmp_path, "P01"))


def test_every_problem_of_every_file_is_listed_at_once(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "ik.mot").write_text((tmp_path / "ik.mot").read_text().replace("inDegrees=no", "inDegrees=yes"))
    (tmp_path / "ev.csv").write_text("foot,kind,time\nR,HS,2.75\nR,Kick,3.0\nR,HS,99.0\n")
    (tmp_path / "emg.csv").write_text("time,RF l\n2.0,1\n2.1,1\n2.2,1\n")
    (tmp_path / "power.csv").write_text("time,P\n2.0,1\n2.1,x\n2.2,1\n")
    write_trial(tmp_path / "other.c3d", events=[("Foot Strike", "Left", 0.5)])
    changed = MAPPING | {"moments": {"channels": [MOMENTS[0] | {"label": "knee_moment_r"}]}}
    lab_samples.write(tmp_path, changed, [FILES, "other.c3d"], body_mass=70.0)
    with pytest.raises(DataFormatError) as caught:
        next(lab.recordings(tmp_path, "P01"))
    text = str(caught.value)
    for problem in (
        "power.csv: P; found 'x' in data row 2",
        "trial walk: angles: ik.mot says inDegrees=yes, the mapping rad",
        "trial walk: moments: no column 'knee_moment_r'; the nearest is 'knee_r_moment'",
        "trial walk: emg.channels: no column 'RF r'",
        "trial walk: events: unknown 'R Kick' in the table; translate with events.table.words",
        "other.c3d: emg.channels: no analog label 'RF r'",
        "other.c3d: angles: no column 'knee_r'",
        "other.c3d: events: from: table, but the trial has no file with the role events",
    ):
        assert problem in text


def test_events_outside_the_trial_and_uneven_times_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "ev.csv").write_text("foot,kind,time\nR,HS,2.75\nR,HS,99.0\n,HS,3.0\n")
    table = {"side": "foot", "words": {"HS": "contact"}}
    lab_samples.write(tmp_path, MAPPING | {"events": {"from": "table", "table": table}}, [FILES], body_mass=70.0)
    with pytest.raises(DataFormatError, match="unknown 'nan HS' in the table"):
        next(lab.recordings(tmp_path, "P01"))
    (tmp_path / "ev.csv").write_text("foot,kind,time\nR,HS,2.75\nR,HS,99.0\n")
    rows = (tmp_path / "emg.csv").read_text().splitlines()
    (tmp_path / "emg.csv").write_text("\n".join(rows[:500] + rows[900:]))
    with pytest.raises(DataFormatError) as caught:
        next(lab.recordings(tmp_path, "P01"))
    assert "events: 99.000 s lie outside the recorded 2.000 to 6.010 s" in str(caught.value)
    assert "emg.csv: time; found rows up to" in str(caught.value)


def test_ways_that_disagree_are_refused_unless_the_word_stands(tmp_path: Path) -> None:
    write_trial(tmp_path / "a.c3d", events=steps(0.5))
    (tmp_path / "ev.csv").write_text(
        "side,kind,time\n" + "".join(f"left,contact,{t}\nright,contact,{t + 0.5}\n" for t in (0.7, 1.7, 2.7))
    )
    mapping = {"line_frequency": 50, "angles": {"convention": "plug_in_gait"}}
    files = [{"trial": "a", "c3d": "a.c3d", "events": "ev.csv"}]
    lab_samples.write(tmp_path, mapping | {"events": {"from": "labels", "table": {}}}, files)
    with pytest.raises(DataFormatError, match=r"labels and from table disagree: .* \+200 ms.*events\.compare: false"):
        next(lab.recordings(tmp_path, "P01"))
    lab_samples.write(tmp_path, mapping | {"events": {"from": "labels", "table": {}, "compare": False}}, files)
    trial = lab_samples.read(tmp_path)
    assert trial.strides["trial_time"].min() == pytest.approx(0.5, abs=1e-4)
    assert "table: 6 contacts matched, median +200 ms" in trial.notes["evidence.events"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"angles": {"channels": [ANGLES[0] | {"side": "?"}]}}, r"angles\.channels\.0\.side: .*left open"),
        ({"angles": {"channels": [ANGLES[0] | {"unit": "grad"}]}}, r"angles\.channels\.0\.unit: .*'deg' or 'rad'"),
        ({"angles": {"channels": [ANGLES[0], ANGLES[1] | {"side": "right"}]}}, "two labels for right knee flexion"),
        ({"angles": {"channels": ANGLES, "convention": "plug_in_gait"}}, "one of convention"),
        ({"events": {"from": "markers"}}, "from: markers, but events.markers is not described"),
        ({"events": {"from": "plates", "plates": [{"number": 1}, {"number": 1}]}}, "plate 1 is described twice"),
        ({"events": {"from": "plates", "plates": [{}]}}, "give one of number"),
        ({"emg": EMG | {"csv": {"rate": 1000}}}, "rate and start belong together"),
        ({"people": [{"id": "A", "files": ["walk.mot"]}]}, "'walk.mot' is no C3D file"),
        ({"people": [{"id": "A", "files": [{"trial": "w", "angles": "w.xlsx"}]}]}, "expected one of .mot, .sto"),
        ({"people": [{"id": "A", "files": [{"trial": "../w", "c3d": "w.c3d"}]}]}, "trial: String should match"),
        ({"people": [{"id": "A", "files": [FILES]}]}, r"in N m, W .* give body_mass \(kg\) of A$"),
    ],
)
def test_a_mapping_that_leaves_something_open_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    lab_samples.write(tmp_path, MAPPING | changes, [FILES], body_mass=70.0)
    with pytest.raises(ConfigError, match=message):
        lab.patients(tmp_path)
