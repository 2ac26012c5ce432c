"""Whose a file is, is filled in only where folders say it; which clock, which unit of time and which set, is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from biomech_xr.datasets.lab.draft import Draft, new_dataset
from biomech_xr.datasets.lab.draft.files import Seen, inspect
from biomech_xr.datasets.lab.draft.people import whose
from biomech_xr.datasets.lab.draft.signals import write_joints
from biomech_xr.datasets.lab.draft.times import clock_of, time_unit
from biomech_xr.datasets.lab.draft.trials import DraftTrial
from biomech_xr.datasets.lab.draft.yaml import Page
from biomech_xr.datasets.lab.mapping import OPEN, LabMapping
from biomech_xr.errors import ConfigError
from tests.datasets.lab_trials import walking_points
from tests.datasets.test_draft import answer, answer_line, drafted, write_table


@pytest.mark.parametrize(
    ("trials", "people", "asked"),
    [
        ([("d", "S01_walk", ""), ("d", "S02_walk", "")], ["S01", "S02"], True),
        ([("d", "sub-01_walk", ""), ("d", "sub-02_walk", "")], ["sub-01", "sub-02"], True),
        ([("d", "w1", "Ann"), ("d", "w2", "Ben")], ["Ann", "Ben"], True),
        ([("d", "w1", "Ann"), ("d", "w2", "")], ["P01", "P01"], False),
        ([("d", "walk01", ""), ("d", "walk_02", "")], ["P01", "P01"], False),
        ([("d", "anna_1", ""), ("d", "bob_1", "")], ["P01", "P01"], True),
        ([("S 1", "w", ""), ("S2", "w", "")], ["S_1", "S2"], False),
        ([("S 1", "w", ""), ("S_1", "w", "")], ["S_1", "S_1_2"], False),
        ([("A", "S01_w", ""), ("B", "S01_w", ""), ("B", "S02_w", "")], ["A", "S01", "S02"], None),
        ([("session1", "w", ""), ("session2", "w", "")], ["P01", "P01"], True),
        ([("pre", "S01_w", ""), ("post", "S01_w", ""), ("post", "S02_w", "")], ["S01", "S01", "S02"], True),
        ([("1", "w", ""), ("2", "w", "")], ["1", "2"], True),
    ],
)
def test_whose(trials: list[tuple[str, str, str]], people: list[str], asked: bool | None) -> None:
    found = whose(trials)
    assert [item.person for item in found] == people
    assert asked is None or {bool(item.doubt) for item in found} == {asked}


def test_two_people_in_a_flat_folder_are_asked_for(tmp_path: Path) -> None:
    for name in ("S01_walk", "S02_walk"):
        write_table(tmp_path / f"{name}.csv", "time,knee_flexion_r")
    made = new_dataset("flat", [tmp_path], tmp_path / "out")
    assert [person["id"] for person in drafted(made)["people"]] == [OPEN, OPEN]
    with pytest.raises(ConfigError, match=r"people\.0\.id"):
        LabMapping.load(made.mapping)
    answer(made, **{"body_mass": "null", "sign": "1", "  from": "table"})
    answer_line(made, "guess: S01", "id", "S01")
    answer_line(made, "guess: S02", "id", "S02")
    assert [person["id"] for person in drafted(made)["people"]] == ["S01", "S02"]


def test_folders_called_like_sessions_are_one_person_to_be_asked_for(tmp_path: Path) -> None:
    for name in ("session 1", "session 2"):
        (tmp_path / name).mkdir()
        write_table(tmp_path / name / "walk.csv", "time,knee_flexion_r")
    (person,) = drafted(new_dataset("two", [tmp_path], tmp_path / "out"))["people"]
    assert person["id"] == OPEN
    assert [trial["session"] for trial in person["files"]] == ["session_1", "session_2"]
    assert [trial["trial"] for trial in person["files"]] == ["walk", "walk_2"]


def test_what_a_mapping_takes_silently_a_draft_asks(tmp_path: Path) -> None:
    raw = drafted(new_dataset("all", [write_table(tmp_path / "w_emg.csv", "time,L_TA")], tmp_path / "out"))
    parts: list[dict[str, Any]] = [raw, raw["people"][0], raw["emg"], raw["events"]]
    asked = {key for part in parts for key, value in part.items() if value == OPEN}
    assert asked >= {"activity", "surface", "condition", "line_frequency", "population", "body_mass", "state", "from"}
    assert "lookahead" not in raw["emg"]


def test_lookahead_waits_in_a_comment_for_emg_that_is_not_raw(tmp_path: Path) -> None:
    made = new_dataset("emg", [write_table(tmp_path / "w_emg.csv", "time,L_TA,R_TA")], tmp_path / "out")
    line = f'  # lookahead: "{OPEN}"'
    text = made.mapping.read_text()
    assert line in text.split("\n")
    assert yaml.safe_load(text.replace(line, line.replace("# ", "")))["emg"]["lookahead"] == OPEN


@pytest.mark.parametrize(("late", "asked"), [(1, False), (235, True)])
def test_clock_of_a_cut_out_c3d_file_beside_a_table_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: int, asked: bool
) -> None:
    start = late / 100
    c3d = Seen(path=tmp_path / "w.c3d", format="c3d", rate=100.0, start=start, seconds=1.0, points={})
    table, _ = inspect([write_table(tmp_path / "w_IK.csv", "time,knee_flexion_r", rows=100)])
    monkeypatch.setattr("biomech_xr.datasets.lab.draft.inspect", lambda _: ([c3d, *table], []))
    made = new_dataset("late", [tmp_path], tmp_path / "out")
    (trial,) = drafted(made)["people"][0]["files"]
    assert trial.get("c3d_clock") == (OPEN if asked else None)
    assert ("w.c3d 2.350 to 3.350 s, w_IK.csv 0.000 to 1.000 s" in made.mapping.read_text()) == asked


@pytest.mark.parametrize(
    ("prefixes", "suffixes", "asked"),
    [
        (["A:", "B:"], [""], {"prefix"}),
        (["A:"], ["", "_CGM2.4"], {"suffix"}),
        (["", "B:"], ["", "_x"], {"prefix", "suffix"}),
    ],
)
def test_sets_of_plug_in_gait_are_named_and_asked(prefixes: list[str], suffixes: list[str], asked: set[str]) -> None:
    points: dict[str, Any] = {}
    for prefix in prefixes:
        for suffix in suffixes:
            points |= walking_points(60, prefix, suffix)
    trial = DraftTrial(person="P01", trial="w", files={"c3d": Seen(path=Path("w.c3d"), format="c3d", points=points)})
    for role in ("angles", "moments"):
        page = Page()
        write_joints(page, [trial], role)
        assert yaml.safe_load(page.text())[role] == {"convention": "plug_in_gait", **dict.fromkeys(asked, OPEN)}
        for name in (*(prefix.strip(":") for prefix in prefixes), *suffixes):
            assert name in page.text()


def test_subtalar_angles_are_not_used_and_the_reason_is_given(tmp_path: Path) -> None:
    path = write_table(tmp_path / "w_IK.csv", "time,knee_flexion_r,subtalar_angle_r")
    made = new_dataset("foot", [path], tmp_path / "out")
    assert [channel["label"] for channel in drafted(made)["angles"]["channels"]] == ["knee_flexion_r"]
    assert "subtalar_angle_r: the subtalar axis is oblique" in made.mapping.read_text()


@pytest.mark.parametrize(
    ("name", "step", "unit"),
    [
        ("time", 0.01, "s"),
        ("time", 0.25, ""),
        ("time", 10, ""),
        ("Time (ms)", 0.25, "ms"),
        ("time_ms", 10, "ms"),
        ("Time [s]", 0.0005, "s"),
        ("Time [s]", 0.25, ""),
        ("time_ms", 0.0005, ""),
    ],
)
def test_unit_of_time_is_what_name_and_steps_say_together(name: str, step: float, unit: str) -> None:
    assert clock_of(["x", name]) == name
    assert time_unit(name, np.arange(50, dtype=np.float64) * step) == unit


def test_emg_in_ms_is_asked_and_never_stops_the_draft(tmp_path: Path) -> None:
    made = new_dataset("ms", [write_table(tmp_path / "w_emg.csv", "time,L_TA", rows=999, step=0.25)], tmp_path / "out")
    assert drafted(made)["emg"]["csv"] == {"time_unit": OPEN}


def test_evidence_that_fails_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("nothing to cut")

    monkeypatch.setattr("biomech_xr.datasets.lab.draft.evidence.emg_state", fail)
    made: Draft = new_dataset("odd", [write_table(tmp_path / "w_emg.csv", "time,L_TA")], tmp_path / "out")
    assert "From the data: no answer (nothing to cut)" in made.mapping.read_text()


@pytest.mark.parametrize("ending", [".txt", ".csv"])
def test_every_ending_that_the_mapping_takes_is_looked_into(tmp_path: Path, ending: str) -> None:
    (tmp_path / "notes.txt").write_text("Recorded on a Monday.\n")
    write_table(tmp_path / f"w_IK{ending}", "time,knee_flexion_r", delimiter=",")
    made = new_dataset("text", [tmp_path], tmp_path / "out")
    (trial,) = drafted(made)["people"][0]["files"]
    assert trial["angles"].endswith(f"w_IK{ending}")
    assert any("notes.txt" in line for line in made.unused)
