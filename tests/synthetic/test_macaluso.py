"""The macaluso tree has the facts of the published format, read back with h5py and SciPy alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import loadmat

from biomech_xr.synthetic import macaluso
from biomech_xr.synthetic.truth import Truth


def _unpack(file: h5py.File, node: Any) -> Any:
    """Return a v7.3 value as nested dicts, points x strides arrays, texts and object arrays."""
    if isinstance(node, h5py.Group):
        return {name: _unpack(file, node[name]) for name in node}
    if node.attrs.get("MATLAB_empty", 0):
        return np.empty((0, 0))
    kind = node.attrs["MATLAB_class"]
    if kind == b"cell":
        return np.array([[_unpack(file, file[r]) for r in row] for row in node[()].T], dtype=object)
    return "".join(map(chr, node[()].ravel())) if kind == b"char" else node[()].T


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Truth]:
    root = tmp_path_factory.mktemp("macaluso")
    truth = macaluso.write_macaluso(root, patients=2, seed=3, minutes=0.1)
    with h5py.File(root / "Subject" / "AB01.mat") as file:
        first = {name: _unpack(file, file[name]) for name in file if name != "#refs#"}
    second = loadmat(root / "Subject" / "AB02.mat", simplify_cells=True)
    return {"AB01": first["AB01"], "AB02": second["AB02"], "names": [*first]}, truth


def test_the_variable_is_named_after_the_file(written: tuple[dict[str, Any], Truth]) -> None:
    assert written[0]["names"] == ["AB01"]


def test_tasks_and_parts(written: tuple[dict[str, Any], Truth]) -> None:
    first, second = written[0]["AB01"], written[0]["AB02"]
    assert set(first) == {"subjectdetails", "downhill", "level", "uphill"}
    assert set(second) == {"subjectdetails", "level", "uphill"}
    for task in ("level", "uphill"):
        assert set(second[task]) == {"part1", "part2", "average"}


@pytest.mark.parametrize(("person", "points"), [("AB01", 150), ("AB02", 101)])
def test_names_and_shapes(written: tuple[dict[str, Any], Truth], person: str, points: int) -> None:
    part = written[0][person]["level"]["part2"]
    for side in ("left", "right"):
        strides = part["cycles"][side]["time"].shape[1]
        assert strides >= 4
        assert set(part["emg"][side]) == {f"{side[0].upper()}{muscle}_norm" for muscle in ("RF", "TA", "BF", "GC")}
        for values in part["emg"][side].values():
            assert values.shape == (3000, strides)
        for group in (part["kinematics"]["jointangles"], part["kinetics"]["jointmoment"]):
            for joint in ("hip", "knee", "ankle"):
                assert set(group[side][joint]) == {"x_norm", "y_norm", "z_norm"}
                assert group[side][joint]["x_norm"].shape == (points, strides)


@pytest.mark.parametrize("person", ["AB01", "AB02"])
def test_planes_signs_and_units_are_those_of_plug_in_gait(written: tuple[dict[str, Any], Truth], person: str) -> None:
    part = written[0][person]["level"]["part2"]
    knee = {axis: part["kinematics"]["jointangles"]["left"]["knee"][f"{axis}_norm"][:, 0] for axis in "xyz"}
    assert 50 < knee["x"].max() < 72
    assert 0.65 < knee["x"].argmax() / knee["x"].size < 0.8
    assert max(np.ptp(knee["y"]), np.ptp(knee["z"])) < 20
    ankle = part["kinetics"]["jointmoment"]["left"]["ankle"]["x_norm"][:, 0]
    assert 1200 < ankle.max() < 1800
    assert 0.42 < ankle.argmax() / ankle.size < 0.55


def test_each_person_has_an_amplitude_of_its_own(written: tuple[dict[str, Any], Truth]) -> None:
    peaks = [written[0][person]["level"]["part2"]["emg"]["left"]["LTA_norm"].max() for person in ("AB01", "AB02")]
    assert 200 < peaks[1] / peaks[0] < 5000


def test_height_and_mass_stand_in_rows_three_and_four(written: tuple[dict[str, Any], Truth]) -> None:
    for person in ("AB01", "AB02"):
        cell = written[0][person]["subjectdetails"]
        assert [str(cell[row][0]) for row in (2, 3)] == ["Height", "Weight"]
        height, mass = (float(np.squeeze(cell[row][1])) for row in (2, 3))
        assert 1400 < height < 2100
        assert 35 < mass < 130


def test_traps(written: tuple[dict[str, Any], Truth]) -> None:
    level, uphill = written[0]["AB01"]["level"], written[0]["AB01"]["uphill"]
    strides = uphill["part2"]["cycles"]["left"]["time"].shape[1]
    emg = uphill["part2"]["emg"]["left"]
    assert [emg[f"L{raw}_norm"].shape[1] for raw in ("RF", "TA", "BF")] == [strides - 1, strides, strides]
    assert [emg[f"L{raw}_norm"][:, -1].any() for raw in ("TA", "BF")] == [False, True]
    assert not level["part1"]["cycles"]["left"]["time"][:, -1].any()
    assert (level["part1"]["emg"]["left"]["LTA_norm"][600:605, 0] == 0).all()
    assert level["part2"]["stepsout"]["right"].tolist() == [[2.0]]
    assert uphill["part1"]["kinetics"]["jointmoment"]["right"]["ankle"]["x_norm"].max() > 15_000


def test_truth_leaves_out_outliers(written: tuple[dict[str, Any], Truth]) -> None:
    content, truth = written
    assert set(truth.strides["activity"]) == {"walk", "ramp_ascent", "ramp_descent"}
    for (person, trial, side), rows in truth.strides.groupby(["source_patient", "trial", "side"]):
        task, part = str(trial).split("_")
        time = content[str(person)][task][part]["cycles"][side]["time"]
        own = time[:, time.any(axis=0)]
        kept = np.delete(own, 1, axis=1) if (trial, side) == ("level_part2", "right") else own
        np.testing.assert_allclose(rows["trial_time"], kept[0], atol=1e-9)
        np.testing.assert_allclose(rows["duration"], kept[-1] - kept[0], atol=1e-9)
    assert set(truth.strides.query("trial == 'uphill_part2'")["side"]) == {"left", "right"}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees = []
    monkeypatch.setattr(macaluso, "PARTS", ("part1",))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        macaluso.write_macaluso(tmp_path / name, patients=2, seed=seed, minutes=0.1)
        trees.append([path.read_bytes() for path in sorted((tmp_path / name / "Subject").iterdir())])
    assert trees[0] == trees[1]
    assert trees[0][1:] != trees[2][1:]
