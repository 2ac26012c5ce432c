"""Lab: a missed or misplaced contact makes no stride, ways and clocks that disagree are refused, gaps are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from biomech_xr.datasets import lab
from biomech_xr.datasets.lab import contents
from biomech_xr.datasets.lab.agreement import difference, objection
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.c3d import C3dTrial, read_c3d
from biomech_xr.schema import Trial
from biomech_xr.vocabulary import Side
from tests.datasets import lab_samples
from tests.datasets.lab_trials import steps, walking_points
from tests.datasets.test_lab_plates import load

MAPPING: dict[str, Any] = {"line_frequency": 50, "angles": {"convention": "plug_in_gait"}}
FEET = {"left": {"heel": "LHEE", "toe": "LTOE"}, "right": {"heel": "RHEE", "toe": "RTOE"}, "pelvis": ["SACR"]}
MARKERS = {"from": "markers", "markers": FEET}
PLATES = [{"vertical": ["F1"], "side": "left"}, {"vertical": ["F2"], "side": "right"}]


def walker(frames: int = 400) -> dict[str, npt.NDArray[np.float64]]:
    """Return markers of a walk, mm at 100 Hz: left contacts at 1.0, 2.0, 3.0 s, right ones half a second later."""
    time = np.arange(frames) / 100
    pelvis = np.stack([1200 * time, np.zeros(frames), np.full(frames, 1000.0)], axis=1)
    points = {"SACR": pelvis}
    for leg, late in (("L", 0.0), ("R", 0.5)):
        phase = (time - late) % 1.0
        ahead = np.where(phase < 0.6, 300 - 1000 * phase, -300 * np.cos(np.pi * (phase - 0.6) / 0.4))
        for name, more in (("HEE", 0.0), ("TOE", 200.0)):
            path = np.stack([ahead + more, np.full(frames, 100.0 if leg == "L" else -100.0), np.full(frames, -960.0)])
            points[f"{leg}{name}"] = pelvis + path.T
    return points


class Files:
    """Stands for the reader of C3D files: every file is `content`, and nothing is parsed."""

    content: C3dTrial

    def hold(self, path: Path, content: C3dTrial) -> None:
        path.touch()
        self.content = content

    def made(
        self,
        path: Path,
        *,
        events: Sequence[tuple[str, str, float]] = (),
        points: Mapping[str, npt.NDArray[np.float64]] | None = None,
        analogs: Mapping[str, npt.NDArray[np.float64]] | None = None,
        first_frame: int = 0,
    ) -> None:
        """Hold points (frame, 3) at 100 Hz and forces (sample,) in N at 1000 Hz."""
        content = C3dTrial(
            point_rate=100.0,
            analog_rate=1000.0,
            first_frame=first_frame,
            points={label: path.astype(np.float32) for label, path in (points or walking_points()).items()},
            analogs={label: force.astype(np.float32) for label, force in (analogs or {}).items()},
            analog_units=dict.fromkeys(analogs or {}, "N"),
            analog_descriptions=dict.fromkeys(analogs or {}, ""),
            parameters={},
            events=tuple(sorted(((a.lower(), b.lower(), c) for a, b, c in events), key=lambda event: event[2])),
            announced_frames=400,
        )
        self.hold(path, content)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    stand = Files()
    monkeypatch.setattr(contents, "read_c3d", lambda path, *, dataset: stand.content)  # noqa: ARG005
    return stand


def read(folder: Path, events: dict[str, Any], files: list[Any] | None = None, **changes: Any) -> Trial:
    return lab_samples.read(lab_samples.write(folder, MAPPING | {"events": events} | changes, files or ["a.c3d"]))


def refusal(folder: Path, events: dict[str, Any], files: list[Any] | None = None, **changes: Any) -> str:
    lab_samples.write(folder, MAPPING | {"events": events} | changes, files or ["a.c3d"])
    with pytest.raises(DataFormatError) as caught:
        list(lab.recordings(folder, "P01"))
    return str(caught.value)


def starts(trial: Trial, side: str) -> list[float]:
    rows = trial.strides
    return [round(value, 2) for value in rows.loc[rows["side"] == side, "trial_time"]]


def details(trial: Trial) -> list[str]:
    assert set(trial.rejected["reason"]) <= {"not_a_stride"}
    return trial.rejected["detail"].tolist()


@pytest.mark.realdata
def test_a_heel_that_is_lost_at_contact_makes_no_double_stride(samples: Path, tmp_path: Path, files: Files) -> None:
    content = read_c3d(samples / "c3d" / "BTS.c3d", dataset="test")
    heel = content.points["l heel"].copy()
    heel[430:465] = np.nan
    files.hold(tmp_path / "a.c3d", replace(content, points={**content.points, "l heel": heel}))
    trial = lab_samples.read(lab_samples.write(tmp_path, lab_samples.BTS, ["a.c3d"]))
    assert trial.strides["side"].tolist() == ["right"]
    assert details(trial) == ["foot offs of the left foot inside at 4.087, 5.095 s, expected one"]
    assert "l heel 0.000 to 2.420 s and 4.300 to 4.640 s" in trial.notes["evidence.events"]


def test_a_missed_label_makes_no_double_stride(tmp_path: Path, files: Files) -> None:
    events = [event for event in steps(0.5) if event != ("Foot Strike", "Left", 1.5)]
    files.made(tmp_path / "a.c3d", events=events)
    trial = read(tmp_path, {"from": "labels"})
    assert (starts(trial, "left"), starts(trial, "right")) == ([], [2.0])
    assert details(trial) == [
        "foot offs of the left foot inside at 1.100, 2.100 s, expected one",
        "no contact of the left foot inside, expected one",
    ]
    files.made(tmp_path / "a.c3d", events=[event for event in events if event[0] == "Foot Strike"])
    trial = read(tmp_path, {"from": "labels"})
    assert (starts(trial, "left"), starts(trial, "right")) == ([], [2.0])
    assert details(trial) == [
        "contacts of the right foot inside at 1.000, 2.000 s, expected one",
        "no contact of the left foot inside, expected one",
    ]


@pytest.mark.parametrize("late", [0.4, -0.4])
def test_a_label_at_the_wrong_time_makes_no_stride(tmp_path: Path, files: Files, late: float) -> None:
    events = [
        (kind, side, time + late * ((kind, side, time) == ("Foot Strike", "Left", 1.5)))
        for kind, side, time in steps(0.5)
    ]
    files.made(tmp_path / "a.c3d", events=events)
    trial = read(tmp_path, {"from": "labels"})
    assert starts(trial, "left") == []
    assert len(details(trial)) >= 2


def feet(left: Sequence[float], right: Sequence[float] = ()) -> dict[Side, npt.NDArray[np.float64]]:
    return {"left": np.array(left, dtype=np.float64), "right": np.array(right, dtype=np.float64)}


def test_what_another_way_saw_speaks_against_a_stride() -> None:
    own, every = feet([0.5, 1.9, 2.5, 3.5]), {"labels": feet([0.55, 1.5, 2.55, 3.45])}
    assert objection("left", 0.5, 1.9, own, every) == "labels: a contact of the left foot inside, at 1.500 s"
    assert objection("left", 1.9, 2.5, own, every) == "labels: the contact at 1.900 s lies at 1.500 s"
    assert objection("left", 2.5, 3.5, own, every) == ""
    double, sparse = feet([0.0, 2.0, 3.0]), {"plates": feet([1.0])}
    assert objection("left", 0.0, 2.0, double, sparse) == "plates: a contact of the left foot inside, at 1.000 s"
    assert objection("left", 2.0, 3.0, double, sparse) == ""
    assert difference(double, feet([1.0], [2.0]))[1] == np.inf


def test_plates_that_saw_the_contact_between_reject_the_stride(tmp_path: Path, files: Files) -> None:
    forces = {"F1": -load((0.5, 1.1), (1.5, 2.1), (2.5, 3.1)), "F2": load((1.0, 1.6), (2.0, 2.6))}
    strikes = [("Foot Strike", "Left", time) for time in (0.5, 2.5, 3.5)]
    files.made(tmp_path / "a.c3d", analogs=forces, events=strikes)
    trial = read(tmp_path, {"from": "labels", "plates": PLATES})
    assert starts(trial, "left") == [2.5]
    assert details(trial) == ["plates: a contact of the left foot inside, at 1.500 s"]
    trial = read(tmp_path, {"from": "labels", "plates": PLATES, "compare": False})
    assert starts(trial, "left") == [0.5, 2.5]


def test_ways_without_a_contact_in_common_do_not_agree(tmp_path: Path, files: Files) -> None:
    files.made(tmp_path / "a.c3d", events=[event for event in steps(0.5) if event[1] == "Left"])
    (tmp_path / "ev.csv").write_text("side,kind,time\nright,contact,1.0\nright,contact,2.0\n")
    trial_files = [{"trial": "a", "c3d": "a.c3d", "events": "ev.csv"}]
    events = {"from": "labels", "table": {}}
    text = refusal(tmp_path, events, trial_files)
    assert "contacts from labels and from table disagree: no contact of one foot in common" in text
    trial = read(tmp_path, events | {"compare": False}, trial_files)
    assert starts(trial, "left") == [0.5, 1.5]
    assert "right foot: no contact, no stride" in trial.notes["evidence.events"]


def test_a_marker_or_plate_that_is_not_there_is_a_problem_of_every_way(tmp_path: Path, files: Files) -> None:
    files.made(tmp_path / "a.c3d", events=steps(0.5), points=walking_points() | walker())
    feet = FEET | {"left": {"heel": "LHEE", "toe": "LTOO"}, "pelvis": ["SACRUM"]}
    text = refusal(tmp_path, {"from": "labels", "markers": feet, "plates": [{"vertical": ["Fz9"]}]})
    assert "3 problem(s)" in text
    assert "events.markers: no marker 'LTOO'; the nearest is 'LTOE'" in text
    assert "events.markers: no marker 'SACRUM'" in text
    assert "events.plates: no analog label 'Fz9'" in text


def test_a_marker_at_the_origin_was_not_seen(tmp_path: Path, files: Files) -> None:
    points = walking_points() | walker()
    assert starts(_walked(tmp_path, files, points), "left") == [1.0, 2.0]
    points["LHEE"][180:230] = 0.0
    points["SACR"][395:] = 0.0
    trial = _walked(tmp_path, files, points)
    assert (starts(trial, "left"), starts(trial, "right")) == ([], [0.5, 2.5])
    assert details(trial)[0] == "foot offs of the left foot inside at 1.604, 2.604 s, expected one"
    assert "gaps: LHEE 1.800 to 2.290 s" in trial.notes["evidence.events"]
    for heel in ("LHEE", "RHEE"):
        points[heel][120:280] = 0.0
    points["RHEE"][:120] = 0.0
    files.made(tmp_path / "a.c3d", points=points)
    text = refusal(tmp_path, MARKERS)
    assert "gaps: LHEE 1.200 to 2.790 s, RHEE 0.000 to 2.790 s" in text


def _walked(folder: Path, files: Files, points: dict[str, npt.NDArray[np.float64]]) -> Trial:
    files.made(folder / "a.c3d", points=points)
    return read(folder, MARKERS)


@pytest.mark.parametrize("activity", ["turn", "step_up", "step_down", "stair_ascent", "stair_descent"])
def test_markers_tell_contacts_of_straight_walking_only(tmp_path: Path, files: Files, activity: str) -> None:
    files.made(tmp_path / "a.c3d", events=steps(0.5), points=walking_points() | walker())
    text = refusal(tmp_path, MARKERS, activity=activity)
    assert f"from: markers finds contacts in straight walking only, found the activity {activity}" in text


def test_on_a_treadmill_plates_need_their_side(tmp_path: Path, files: Files) -> None:
    forces = {"F1": -load((0.5, 1.1), (1.5, 2.1), (2.5, 3.1)), "F2": load((1.0, 1.6), (2.0, 2.6))}
    points = walking_points() | walker()
    files.made(tmp_path / "a.c3d", points=points, analogs=forces)
    unsided = [{"vertical": ["F1"]}, {"vertical": ["F2"], "side": "right"}]
    text = refusal(tmp_path, {"from": "plates", "plates": unsided, "markers": FEET}, surface="treadmill")
    assert "on F1: give each plate its side, as plates: [{number: 1, side: left}]" in text
    trial = read(tmp_path, {"from": "plates", "plates": PLATES}, surface="treadmill")
    assert (starts(trial, "left"), starts(trial, "right")) == ([0.5, 1.5], [1.0])


def test_a_foot_with_one_contact_leaves_a_note(tmp_path: Path, files: Files) -> None:
    events = [event for event in steps(0.5) if event[1] == "Left" or event[2] < 1.5]
    files.made(tmp_path / "a.c3d", events=events)
    note = read(tmp_path, {"from": "labels"}).notes["evidence.events"]
    assert "right foot: 1 contact, no stride" in note


def _angles(folder: Path, files: Files, start: float) -> list[Any]:
    """Write a C3D file that starts 1 s into its capture, and angles of 4 s from ``start``; return the files."""
    files.made(folder / "a.c3d", events=steps(1.5), first_frame=100)
    time = start + np.arange(400) / 100
    rows = "\n".join(f"{t:.4f}\t{40 + 20 * np.sin(6 * t):.6f}" for t in time)
    head = "x\nversion=1\nnRows=400\nnColumns=2\ninDegrees=yes\nendheader\ntime\tknee_l\n"
    (folder / "ik.mot").write_text(head + rows + "\n")
    return [{"trial": "a", "c3d": "a.c3d", "angles": "ik.mot"}]


def test_the_clock_of_a_c3d_file_beside_a_table_from_zero_is_asked_for(tmp_path: Path, files: Files) -> None:
    knee = {"label": "knee_l", "joint": "knee", "motion": "flexion", "side": "left", "unit": "deg", "sign": 1}
    angles, labels = {"channels": [knee]}, {"from": "labels"}
    both = _angles(tmp_path, files, 0.0)
    text = refusal(tmp_path, labels, both, angles=angles)
    assert "a.c3d starts 1.000 s into its capture, and ik.mot may count from either start" in text
    assert "State c3d_clock: capture (nothing is shifted) or c3d_clock: file" in text
    own = read(tmp_path, labels, [both[0] | {"c3d_clock": "file"}], angles=angles)
    assert starts(own, "left") == [0.5, 1.5]
    capture = read(tmp_path, labels, [both[0] | {"c3d_clock": "capture"}], angles=angles)
    assert starts(capture, "left") == [1.5, 2.5]
    assert starts(read(tmp_path, labels, _angles(tmp_path, files, 1.0), angles=angles), "left") == [1.5, 2.5]
    text = refusal(tmp_path, labels, _angles(tmp_path, files, 4.5), angles=angles)
    assert "only 0.500 s in common, less than half of the shorter; put both on one clock" in text


def test_a_stride_that_a_signal_does_not_cover_is_outside(tmp_path: Path, files: Files) -> None:
    both = _angles(tmp_path, files, 2.0)
    knee = {"label": "knee_l", "joint": "knee", "motion": "flexion", "side": "left", "unit": "deg", "sign": 1}
    trial = read(tmp_path, {"from": "labels"}, both, angles={"channels": [knee]})
    assert starts(trial, "left") == [2.5]
    assert trial.rejected["reason"].tolist()[0] == "outside_trial"
