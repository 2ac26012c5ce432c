"""A mapping and its test are drafted from a lab's own files; what is not certain is asked, never guessed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from biomech_xr.datasets.lab.draft import Draft, new_dataset
from biomech_xr.datasets.lab.draft.yaml import Page, flow, scalar
from biomech_xr.datasets.lab.mapping import OPEN, LabMapping
from biomech_xr.errors import ConfigError, DataFormatError, MissingInputError, OccupiedError
from biomech_xr.parse import read_patient
from tests.readers.c3d_files import write_c3d

CONDITIONS = {
    "population": "able_bodied",
    "activity": "walk",
    "surface": "overground",
    "condition": "none",
    "line_frequency": "50",
    "state": "raw",
    "unit": "N m",
}
ASK = f'"{OPEN}"'


def answer(made: Draft, **answers: str) -> None:
    """Answer the questions as a user does, by replacing text: the same answer to every question of one key."""
    text = made.mapping.read_text(encoding="utf-8")
    for key, value in (CONDITIONS | answers).items():
        text = text.replace(f"{key}: {ASK}", f"{key}: {value}")
    made.mapping.write_text(text, encoding="utf-8")


def answer_line(made: Draft, start: str, key: str, value: str) -> None:
    """Answer one question in the only line that holds ``start``."""
    lines = made.mapping.read_text(encoding="utf-8").split("\n")
    (place,) = [index for index, line in enumerate(lines) if start in line and f"{key}: {ASK}" in line]
    lines[place] = lines[place].replace(f"{key}: {ASK}", f"{key}: {value}")
    made.mapping.write_text("\n".join(lines), encoding="utf-8")


def is_green(made: Draft) -> bool:
    """Return whether the test that was drafted passes, as its user runs it."""
    plain = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--import-mode=importlib"]
    return pytest.main([*plain, "--rootdir", str(made.test.parent), str(made.test)]) == pytest.ExitCode.OK


def open_lines(text: str) -> int:
    """Return how many questions stand outside of comments."""
    return sum(line.partition("#")[0].count(f": {ASK}") for line in text.split("\n"))


def drafted(made: Draft) -> dict[str, Any]:
    raw = yaml.safe_load(made.mapping.read_text(encoding="utf-8"))
    assert isinstance(raw, dict)
    return raw


def write_table(path: Path, header: str, rows: int = 40, delimiter: str = ",", step: float = 0.01) -> Path:
    width = len(header.split(delimiter))
    lines = [
        delimiter.join([f"{row * step:g}", *(f"{np.sin(row / 5 + k):.4f}" for k in range(1, width))])
        for row in range(rows)
    ]
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path


@given(text=st.text(max_size=30))
def test_any_text_survives_in_yaml_and_never_leaves_its_comment(text: str) -> None:
    assert yaml.safe_load(scalar(text)) == text
    page = Page()
    page.put(f"- {flow(label=text, side='left')}", comment=f"described as {scalar(text)}")
    page.say(f"also {text}")
    assert yaml.safe_load(page.text()) == [{"label": text, "side": "left"}]


def test_odd_labels_of_a_file_survive(tmp_path: Path) -> None:
    odd = ['L_RF: "EMG", {x}', "R_TA # 'emg'", "EMG\ty: [1]", "- emg \u00e9"]
    wave = np.sin(np.arange(1000) / 3)
    path = write_c3d(tmp_path / "a.c3d", points={"p": np.ones((100, 3))}, analogs=dict.fromkeys(odd, wave))
    made = new_dataset("odd", [path], tmp_path / "out")
    raw = yaml.safe_load(made.mapping.read_text(encoding="utf-8"))
    assert [channel["label"] for channel in raw["emg"]["channels"]] == odd


def test_bts_from_questions_to_strides(samples: Path, tmp_path: Path) -> None:
    made = new_dataset("gait", [samples / "c3d" / "BTS.c3d"], tmp_path)
    text = made.mapping.read_text(encoding="utf-8")
    assert made.questions == 8 == open_lines(text)
    with pytest.raises(ConfigError, match=f"{made.questions} problem"):
        LabMapping.load(made.mapping)
    answer(made, body_mass="62.0", **{"  from": "markers"})
    mapping = LabMapping.load(made.mapping)
    assert mapping.emg is not None
    assert len(mapping.emg.channels) == 8
    (trial,) = read_patient("lab", tmp_path, "P01")
    assert set(trial.strides["side"]) == {"left", "right"}
    assert np.isfinite(trial.signals["emg"].values.values).any()
    assert is_green(made)


def test_opensim_from_questions_to_strides(samples: Path, tmp_path: Path) -> None:
    made = new_dataset("walk", [samples / "opensim"], tmp_path)
    text = made.mapping.read_text(encoding="utf-8")
    assert "sign from the data: perhaps -1, confidence 0.60 (knee" in text
    assert "Unit from the data: perhaps N m" in text
    assert "kg; null where unknown, unless moments are in N m; the plates suggest about 6" in text
    for leg in "rl":
        answer_line(made, f"knee_angle_{leg},", "sign", "-1")
        answer_line(made, f"knee_angle_{leg}_moment", "sign", "-1")
    answer_line(made, "label: ground_force_vy", "side", "right")
    answer_line(made, "label: 1_ground_force_vy", "side", "left")
    answer(made, body_mass="72.6", sign="1", **{"  from": "forces"})
    (trial,) = read_patient("lab", tmp_path, "P01")
    assert len(trial.strides)
    assert set(trial.signals) >= {"kinematics", "kinetics"}
    knee = trial.signals["kinematics"].values.sel(joint="knee", motion="flexion")
    assert float(knee.max()) > 50
    assert is_green(made)


def test_guesses_stand_beside_questions(samples: Path, tmp_path: Path) -> None:
    made = new_dataset("emg", [samples / "c3d" / "Gait_with_EMG.c3d"], tmp_path)
    text = made.mapping.read_text(encoding="utf-8")
    assert "{label: RTIB, muscle: tibialis_anterior, side: right}" in text
    assert f"{{label: RGAS, muscle: {ASK}, side: right, ambiguous: true}}" in text
    assert "guess: gastrocnemius_medialis, or gastrocnemius_lateralis" in text
    assert "heel: RCAL, toe: RTOE" in text


def test_csv_tables(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    write_table(folder / "t1_angles.csv", "Time;knee flexion R [deg];knee_angle", delimiter=";", step=10)
    write_table(folder / "t1_emg.csv", "time,R_TA,foo")
    write_table(folder / "notes.csv", "time,foo,bar")
    (folder / "t1_events.csv").write_text("time,side,what\n0.1,L,HS\n0.2,R,HS\n")
    made = new_dataset("own", [folder], tmp_path / "out")
    raw = yaml.safe_load(made.mapping.read_text(encoding="utf-8"))
    (trial,) = raw["people"][0]["files"]
    assert trial == {
        "trial": "t1",
        "angles": "../raw/t1_angles.csv",
        "emg": "../raw/t1_emg.csv",
        "events": "../raw/t1_events.csv",
    }
    assert raw["angles"]["csv"] == {"time": "Time", "time_unit": OPEN, "delimiter": ";"}
    first, second = raw["angles"]["channels"]
    assert first == {
        "label": "knee flexion R [deg]",
        "joint": "knee",
        "side": "right",
        "motion": "flexion",
        "unit": "deg",
        "sign": OPEN,
    }
    assert (second["side"], second["motion"], second["unit"]) == (OPEN, OPEN, OPEN)
    assert raw["emg"]["unit"] == OPEN
    assert raw["events"]["table"] == {"side": "side", "kind": "what"}
    assert any("notes.csv" in line for line in made.unused)


def test_a_folder_each_is_a_person_each(tmp_path: Path) -> None:
    for person in ("S 1", "S2"):
        (tmp_path / person).mkdir()
        write_table(tmp_path / person / "w.csv", "time,knee_flexion_r")
    made = new_dataset("two", [tmp_path], tmp_path / "out")
    raw = yaml.safe_load(made.mapping.read_text(encoding="utf-8"))
    assert [person["id"] for person in raw["people"]] == ["S_1", "S2"]


def test_nothing_is_overwritten_and_the_same_files_give_the_same_text(tmp_path: Path) -> None:
    path = write_table(tmp_path / "w.csv", "time,knee_flexion_r")
    first = new_dataset("one", [path], tmp_path / "a")
    second = new_dataset("one", [path], tmp_path / "b")
    assert first.mapping.read_bytes() == second.mapping.read_bytes()
    first.mapping.write_text("mine")
    with pytest.raises(OccupiedError, match="already there"):
        new_dataset("one", [path], tmp_path / "a")
    assert first.mapping.read_text() == "mine"


def test_refusals_write_nothing(tmp_path: Path) -> None:
    path = write_table(tmp_path / "w.csv", "time,foo")
    out = tmp_path / "out"
    (tmp_path / "x.xlsx").write_text("x")
    (tmp_path / "broken.c3d").write_bytes(b"no c3d")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no name"):
        new_dataset("../evil", [path], out)
    with pytest.raises(MissingInputError, match="no such file"):
        new_dataset("a", [tmp_path / "absent.c3d"], out)
    with pytest.raises(MissingInputError, match="found no file"):
        new_dataset("a", [tmp_path / "empty"], out)
    with pytest.raises(DataFormatError, match="xlsx"):
        new_dataset("a", [tmp_path / "x.xlsx"], out)
    with pytest.raises(DataFormatError, match=r"no file is of use[\s\S]*broken\.c3d[\s\S]*w\.csv"):
        new_dataset("a", [path, tmp_path / "broken.c3d"], out)
    assert not out.exists()


def test_command_prints_what_it_saw_and_what_is_next(tmp_path: Path) -> None:
    from biomech_xr.cli import app

    path = write_table(tmp_path / "w.csv", "time,knee_flexion_r")
    done = CliRunner().invoke(app, ["new-dataset", "mine", str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "w.csv: 0.40 s, 1 columns at 100 Hz" in done.output
    assert re.search(r"lab\.yaml: \d+ question", done.output)
    assert "python -m pytest" in done.output
    assert "pipelines.parse" in done.output


def test_files_without_a_known_signal_say_what_they_hold(samples: Path, tmp_path: Path) -> None:
    made = new_dataset("markers", [samples / "c3d" / "Optotrak.c3d"], tmp_path)
    text = made.mapping.read_text(encoding="utf-8")
    assert "Nothing was recognized as EMG" in text
    assert "Marker_1, Marker_2" in text
    assert "cut off" in text
