"""Lab: wrong answers of a mapping are found in the data, or named before anything is read."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from biomech_xr.datasets import lab
from biomech_xr.datasets.lab.mapping import LabMapping, Person
from biomech_xr.datasets.lab.muscles import swapped
from biomech_xr.datasets.lab.weights import mass_against_forces
from biomech_xr.errors import ConfigError, DataFormatError
from biomech_xr.schema import Trial
from tests.datasets import lab_samples

TIME = np.arange(901) / 100
"""Eight strides of a second, contacts of the left foot at 0.5, 1.5, ..., those of the right half a second later."""
KNEE_POINTS = ([0, 15, 40, 60, 73, 90, 100], [5, 18, 6, 35, 62, 20, 5])
ANKLE_POINTS = ([0, 7, 20, 45, 58, 66, 80, 100], [0, -5, 5, 12, 0, -16, 0, 0])
PUSH_POINTS = ([0, 10, 30, 48, 62, 100], [0, -0.1, -0.7, -1.5, 0, 0])
MASS = 70.0


def wave(points: tuple[Sequence[float], Sequence[float]], late: float, time: np.ndarray = TIME) -> np.ndarray:
    return np.interp((time - 0.5 - late) % 1 * 100, *points)


def table(path: Path, columns: dict[str, np.ndarray], time: np.ndarray = TIME, head: str = "time") -> None:
    rows = zip(time, *columns.values(), strict=True)
    lines = [",".join(f"{value:.5f}" if np.isfinite(value) else "" for value in row) for row in rows]
    path.write_text("\n".join([",".join([head, *columns]), *lines]) + "\n")


def write(folder: Path) -> None:
    """Write one trial of eight strides: knee and ankle of both legs, ankle moments in N m, their power, EMG, events."""
    folder.mkdir(exist_ok=True)
    angles: dict[str, np.ndarray] = {}
    moments: dict[str, np.ndarray] = {}
    powers: dict[str, np.ndarray] = {}
    emg: dict[str, np.ndarray] = {}
    clock = np.arange(1802) / 200
    noise = np.random.default_rng(1).normal(size=(4, clock.size))
    for place, (side, late) in enumerate((("l", 0.0), ("r", 0.5))):
        angles |= {f"knee_{side}": wave(KNEE_POINTS, late), f"ankle_{side}": wave(ANKLE_POINTS, late)}
        moments[f"m_{side}"] = wave(PUSH_POINTS, late) * MASS
        powers[f"p_{side}"] = moments[f"m_{side}"] * np.gradient(np.radians(angles[f"ankle_{side}"]), TIME)
        phase = (clock - 0.5 - late) % 1
        emg[f"calf_{side}"] = noise[place] * (0.05 + ((phase > 0.15) & (phase < 0.52)))
        emg[f"shin_{side}"] = noise[2 + place] * (0.05 + ((phase > 0.62) | (phase < 0.1)))
    for name, columns in (("a", angles), ("m", moments), ("p", powers)):
        table(folder / f"{name}.csv", columns)
    table(folder / "e.csv", emg, clock)
    rows = [f"{side},contact,{0.5 + late + k}" for side, late in (("left", 0.0), ("right", 0.5)) for k in range(8)]
    rows += [f"{side},foot off,{1.12 + late + k}" for side, late in (("left", 0.0), ("right", 0.5)) for k in range(7)]
    (folder / "v.csv").write_text("\n".join(["side,kind,time", *rows]) + "\n")


def mapping(**changes: Any) -> dict[str, Any]:
    sides = {"l": "left", "r": "right"}
    joint = {"motion": "flexion", "sign": 1}
    angles = [
        {"label": f"{name}_{x}", "joint": name, "side": side, "unit": "deg"} | joint
        for x, side in sides.items()
        for name in ("knee", "ankle")
    ]
    moments = [{"label": f"m_{x}", "joint": "ankle", "side": s, "unit": "N m"} | joint for x, s in sides.items()]
    powers = [{"label": f"p_{x}", "joint": "ankle", "side": side, "unit": "W"} for x, side in sides.items()]
    muscles = {"calf": "soleus", "shin": "tibialis_anterior"}
    emg = [
        {"label": f"{m}_{x}", "muscle": muscle, "side": s} for m, muscle in muscles.items() for x, s in sides.items()
    ]
    whole: dict[str, Any] = {
        "line_frequency": 50,
        "angles": {"channels": angles},
        "moments": {"channels": moments},
        "powers": {"channels": powers},
        "emg": {"unit": "mV", "channels": emg},
        "events": {"from": "table", "table": {}},
    }
    return whole | changes


FILES = {"trial": "w", "angles": "a.csv", "moments": "m.csv", "powers": "p.csv", "emg": "e.csv", "events": "v.csv"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong")
    write(folder)
    return folder


def read(folder: Path, content: dict[str, Any], files: dict[str, Any] = FILES, **person: Any) -> Trial:
    return lab_samples.read(lab_samples.write(folder, content, [files], **({"body_mass": MASS} | person)))


def changed(part: str, *, trust: bool = False, only: str = "", **values: Any) -> dict[str, Any]:
    """Return the mapping with values changed in the channels of a part whose label begins with ``only``."""
    content = mapping()
    content[part]["channels"] = [x | values if x["label"].startswith(only) else x for x in content[part]["channels"]]
    content[part]["trust"] = trust
    return content


def test_right_answers_are_read_and_carry_what_was_recorded(made: Path) -> None:
    own = FILES | {"condition": "load", "session": "day2"}
    trial = read(made, mapping(incline=-5, stair_height=0.17), own)
    assert len(trial.strides) == 14
    assert set(trial.strides["condition"]) == {"load"}
    assert set(trial.strides["incline"]) == {-5.0}
    assert set(trial.strides["stair_height"]) == {0.17}
    assert trial.session == "day2"
    assert "evidence.signs" not in trial.notes


@pytest.mark.parametrize(
    ("part", "only", "values", "message"),
    [
        (
            "angles",
            "knee_l",
            {"sign": -1},
            r"column 'knee_l' \(sign: -1, unit: deg\): found .* expected the other sign",
        ),
        ("angles", "ankle_r", {"sign": -1}, r"column 'ankle_r' .* turn its sign, or state angles\.trust: true"),
        ("angles", "", {"unit": "rad"}, r"powers: the left ankle has a power out of scale .* angles in deg"),
        ("moments", "m_l", {"sign": -1}, r"column 'm_l' \(sign: -1.*expected the other sign"),
        ("moments", "", {"unit": "N m/kg"}, r"'m_l' .* expected unit N m; correct unit: N m/kg"),
        ("powers", "", {"unit": "W/kg"}, r"out of scale .* it would fit .*powers in W"),
    ],
)
def test_strides_that_contradict_the_mapping_refuse_the_person(
    made: Path, part: str, only: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataFormatError, match=message):
        read(made, changed(part, only=only, **values))


def test_the_word_stands_where_the_mapping_says_trust(made: Path) -> None:
    content = changed("angles", only="knee_l", sign=-1, trust=True)
    assert "on trust, although angles: column 'knee_l'" in read(made, content).notes["evidence.signs"]
    content["activity"] = "run"
    content["angles"]["trust"] = False
    assert "evidence.signs" not in read(made, content).notes


def test_a_knee_in_radians_is_not_taken_for_degrees(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    table(tmp_path / "a.csv", {f"knee_{x}": np.radians(wave(KNEE_POINTS, y)) for x, y in (("l", 0.0), ("r", 0.5))})
    content = changed("angles")
    content["angles"]["channels"] = content["angles"]["channels"][::2]
    with pytest.raises(DataFormatError, match=r"'knee_l' .* never exceeds 1\.0\d .* state unit: rad"):
        read(tmp_path, content)


def test_swapped_sides_of_emg_are_refused(made: Path) -> None:
    content = mapping()
    for channel in content["emg"]["channels"]:
        channel["side"] = "right" if channel["side"] == "left" else "left"
    with pytest.raises(DataFormatError, match=r"sides look swapped: .*left soleus .*right soleus .*emg\.trust: true"):
        read(made, content)
    content["emg"]["trust"] = True
    assert "sides look swapped" in read(made, content).notes["evidence.sides"]
    one_leg = {("left", "soleus"): [np.full(5, -2.0)]}
    assert swapped(one_leg) == ""
    assert swapped(one_leg | {("right", "soleus"): [np.full(5, -2.0)]})
    assert swapped(one_leg | {("right", "soleus"): [np.full(5, 2.0)]}) == ""


def test_the_body_mass_is_compared_with_the_forces() -> None:
    loads = [0.81 * 9.80665 * 70] * 3
    files = ["a.c3d"]
    assert mass_against_forces(loads, Person.of({"id": "A", "files": files, "body_mass": 70}))[0] == ""
    sure, _ = mass_against_forces(loads, Person.of({"id": "A", "files": files, "body_mass": 154}))
    assert "found 154 kg" in sure
    assert "suggest about 70 kg" in sure
    assert mass_against_forces(loads[:2], Person.of({"id": "A", "files": files, "body_mass": 154}))[0] == ""


@pytest.mark.parametrize(
    ("person", "changes", "message"),
    [
        ({"height": 180}, {}, r"height: .*expected 0\.5 to 2\.5 m"),
        ({"body_mass": 5}, {}, "expected 10 to 300 kg"),
        ({"age": 150}, {}, "expected 0 to 120 years"),
        ({"population": "stroke"}, {}, "affected_side is needed"),
        ({}, {"line_frequency": 55}, r"expected 50 or 60 \(Hz\)"),
        ({}, {"condition": "tired"}, "unknown condition 'tired'"),
        (
            {},
            {"emg": mapping()["emg"] | {"state": "envelope"}},
            "lookahead is needed",
        ),
    ],
)
def test_impossible_answers_are_refused(person: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    people = [{"id": "P01", "files": [FILES], "body_mass": MASS} | person]
    with pytest.raises(ConfigError, match=message):
        LabMapping.of({"people": people} | mapping(**changes))


def test_contradictions_are_listed_beside_open_answers_and_no_list_is_printed() -> None:
    content = changed("emg", only="calf", label="calf_l", side="left")
    content["emg"]["channels"][2]["muscle"] = "?"
    people = [{"id": "P01", "files": [FILES]}, {"id": "P01", "files": []}]
    with pytest.raises(ConfigError) as caught:
        LabMapping.of({"people": people} | content)
    text = str(caught.value)
    for part in ("left open", "two labels for left soleus", "'calf_l' is used twice", "two people have the id P01"):
        assert part in text
    assert "divided by the body mass" in text
    assert "[{" not in text


def test_every_person_is_checked_before_the_first_is_read(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "x")
    table(tmp_path / "x" / "e.csv", {"other": TIME})
    files = {role: name if role == "trial" else f"x/{name}" for role, name in FILES.items()}
    gone = {"trial": "gone", "angles": "gone.csv"}
    text = lab_samples.write(tmp_path, mapping(), [gone], body_mass=MASS) / "lab.yaml"
    content = LabMapping.load(text).model_dump(mode="json", by_alias=True, exclude_none=True)
    for name in ("P02", "P03"):
        content["people"].append({"id": name, "body_mass": MASS, "files": [files]})
    text.write_text(yaml.safe_dump(content))
    with pytest.raises(DataFormatError) as caught:
        lab.patients(tmp_path)
    found = str(caught.value)
    for part in ("gone.csv: no such file", "no column 'calf_l'", "x/a.csv is a file of w of P02, w of P03"):
        assert part in found
    (tmp_path / "y.csv").write_bytes((tmp_path / "x" / "a.csv").read_bytes())
    content["people"] = [
        {"id": "P02", "body_mass": MASS, "files": [files, {"trial": "v", "angles": "y.csv", "events": "x/v.csv"}]}
    ]
    text.write_text(yaml.safe_dump(content))
    with pytest.raises(DataFormatError, match="hold the same bytes and are files of v of P02, w of P02"):
        next(lab.recordings(tmp_path, "P02"))


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("e.csv", "time;calf_l\n0,1;2,5\n0,2;2,5\n", r'State csv: \{delimiter: ";", decimal: ","\}'),
        ("e.csv", "time,calf_l\n0,1\n1,1\n2,2\n3,1\n", r"found 1 Hz .*State csv\.time_unit: ms"),
        ("v.csv", "side,kind,time\nleft,contact,\n", "an empty time in data row 1"),
        ("v.csv", "side,kind,time\n" + "".join(f"left,contact,{1000 * k}\n" for k in range(5)), "time_unit: ms"),
        ("e.csv", "time,Q1,Q2\n0,1,1\n0.1,1,1\n0.2,2,2\n", r"no column 'calf_l'; there are 'Q1', 'Q2'"),
    ],
)
def test_a_table_in_another_form_is_named(made: Path, tmp_path: Path, file: str, text: str, message: str) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    (tmp_path / file).write_text(text)
    with pytest.raises(DataFormatError, match=message):
        read(tmp_path, mapping())


def test_a_negative_envelope_is_refused_and_a_constant_with_gaps_is_not_measured(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    content = mapping()
    content["emg"] |= {"state": "envelope", "lookahead": 0.1}
    with pytest.raises(DataFormatError, match=r"'calf_l' is no envelope, \d+ % of its peak below zero"):
        read(tmp_path, content)
    flat = np.where(TIME < 1, np.nan, 3.0)
    table(tmp_path / "a.csv", {"knee_l": flat, "knee_r": wave(KNEE_POINTS, 0.5)})
    content = mapping()
    content["angles"]["channels"] = content["angles"]["channels"][::2]
    del content["powers"], content["emg"]
    values = read(tmp_path, content, {k: v for k, v in FILES.items() if k not in ("emg", "powers")}).signals
    assert np.isnan(values["kinematics"].values.sel(side="left", joint="knee")).all()
