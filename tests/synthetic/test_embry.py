"""The embry file has the facts of the published format, read back with h5py alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
import pytest

from biomech_xr.synthetic import embry
from biomech_xr.synthetic.truth import Truth

SLOPES = {"d10", "d7x5", "d5", "d2x5", "i0", "i2x5", "i5", "i7x5", "i10"}
TRIALS = {f"s{speed}{slope}" for speed in ("0x8", "1", "1x2") for slope in SLOPES}
KEPT = (("s1i0", "s1d5", "s1i7x5", "s1x2i0"), ("s1x2i0", "s1x2d7x5", "s0x8i2x5"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("embry")
    with mock.patch.object(embry, "TRIALS", KEPT):
        truth = embry.write_embry(root, patients=2, seed=3, minutes=0.2)
    return root / "InclineExperiment.mat", truth


@pytest.fixture(scope="module")
def file(written: tuple[Path, Truth]) -> Iterator[h5py.File]:
    with h5py.File(written[0]) as opened:
        yield opened


def test_the_container_is_matlab_7_3(written: tuple[Path, Truth]) -> None:
    header = written[0].read_bytes()[:128]
    assert header.startswith(b"MATLAB 7.3 MAT-file")
    assert header[124:] == b"\x00\x02IM"


def test_people_and_trials_of_both_structs(file: h5py.File) -> None:
    assert len(embry.IDS) == 10
    for part in ("Gaitcycle", "Continuous"):
        assert set(file[part]) == {"AB01", "AB02"}
        for patient, trials in zip(("AB01", "AB02"), KEPT, strict=True):
            assert set(file[part][patient]) == {*trials, "subjectdetails"}
    assert {*embry.TRIALS[0], *embry.TRIALS[1]} < TRIALS
    assert {trial[2:] for trial in embry.TRIALS[0] if trial.startswith("s1") and trial[2] != "x"} == SLOPES
    assert {trial[:-2] for trial in embry.TRIALS[0] if trial.endswith("i0")} == {"s0x8", "s1", "s1x2"}


def test_arrays_are_strides_by_150_points_and_x_is_sagittal(file: h5py.File) -> None:
    trial = file["Gaitcycle/AB01/s1x2i0"]
    knee = trial["kinematics/jointangles/right/knee"]
    assert knee["x"].shape[1] == 150
    x, y, z = (knee[axis][()].mean(axis=0) for axis in "xyz")
    assert 50 < x.max() < 72
    assert 0.65 < x.argmax() / 149 < 0.8
    assert max(np.ptp(y), np.ptp(z)) < 20
    hip = trial["kinematics/jointangles/right/hip/y"][()].mean(axis=0)
    assert hip[15:60].mean() > 2


def test_moments_are_newton_millimeters_per_kilogram_of_plug_in_gait(file: h5py.File) -> None:
    trial = file["Gaitcycle/AB01/s1x2i0/kinetics"]
    ankle = trial["jointmoment/right/ankle/x"][()].mean(axis=0)
    assert 1200 < ankle.max() < 1800
    assert 0.42 < ankle.argmax() / 149 < 0.55
    assert trial["jointmoment/right/knee/x"][()].mean(axis=0)[15:31].max() > 300
    assert 5 < trial["jointforce/right/ankle/z"][()].max() < 15


def test_both_legs_walk_and_the_shorter_one_is_padded(file: h5py.File) -> None:
    for name in KEPT[0]:
        cycles = file[f"Gaitcycle/AB01/{name}/cycles"]
        left, right = cycles["left/time"][()], cycles["right/time"][()]
        assert left.shape == right.shape
        assert (left.any(axis=1).sum(), right.any(axis=1).sum()) == (len(left) - 1, len(right))
        assert len(left) - 1 >= 4


def test_frames_count_from_one_in_the_continuous_record(file: h5py.File) -> None:
    """The knee of the record from one frame to the next is the stride's knee."""
    for patient in ("AB01", "AB02"):
        cycles = file[f"Gaitcycle/{patient}/s1x2i0/cycles/right"]
        record = file[f"Continuous/{patient}/s1x2i0"]
        frames, time = cycles["frame"][()].ravel().astype(int) - 1, cycles["time"][()]
        clock = record["time"][()].ravel()
        assert len(frames) == len(time) + 1
        between = 0.0 if patient == "AB01" else 0.01
        np.testing.assert_allclose(np.diff(clock[frames]), time[:, -1] - time[:, 0], atol=between + 1e-9)
        knee = record["kinematics/jointangles/right/knee"][0]
        cut = file[f"Gaitcycle/{patient}/s1x2i0/kinematics/jointangles/right/knee/x"][()]
        for k in range(len(time)):
            piece = knee[frames[k] : frames[k + 1] + 1]
            again = np.interp(np.linspace(0, 1, 150), np.linspace(0, 1, piece.size), piece)
            np.testing.assert_allclose(again, cut[k], atol=0.6 if patient == "AB01" else 3.0)
    assert file["Gaitcycle/AB01/s1x2i0/cycles/right/time"][0, 0] == pytest.approx(1.5)
    assert (file["Gaitcycle/AB02/s1x2i0/cycles/right/time"][:, 0] == 0).all()


def test_emg_is_a_positive_curve_of_150_points(file: h5py.File) -> None:
    for side in ("left", "right"):
        muscles = file[f"Gaitcycle/AB01/s1x2i0/emgdata/emg/{side}"]
        assert set(muscles) == {"RF", "TA", "BF", "GC"}
        calf = muscles["GC"][()][:4].mean(axis=0)
        assert (calf > 0).all()
        assert 0.3 < calf.argmax() / 149 < 0.5


def test_traps(file: h5py.File, written: tuple[Path, Truth]) -> None:
    people = file["Gaitcycle"]
    assert people["AB01/s1i0/stepsout/right"][()].tolist() == [[2.0]]
    assert people["AB01/s1x2i0/stepsout/right"].attrs["MATLAB_empty"] == 1
    strides = people["AB02/s1x2d7x5/cycles/right/time"].shape[0]
    emg = people["AB02/s1x2d7x5/emgdata/emg/right"]
    assert [emg[raw].shape[0] for raw in ("RF", "TA", "BF", "GC")] == [strides - 1, strides, strides, strides]
    assert [emg[raw][-1].any() for raw in ("TA", "BF", "GC")] == [False, True, True]
    between = people["AB01/s1i7x5/cycles/right/time"][:, 0] * 100
    assert np.abs(between - np.round(between)).max() > 0.1
    assert "emgdata" not in people["AB02/s0x8i2x5"]
    assert (people["AB01/s1i0/emgdata/emg/left/TA"][0, 60:66] == 0).all()
    assert np.isnan(people["AB01/s1d5/kinematics/jointangles/left/hip/x"][1]).all()
    assert len(written[1].planted) >= 10


def test_description_and_details_are_cells_of_references(file: h5py.File) -> None:
    cell = file["Gaitcycle/AB01/s1d5/description"]
    assert [file[cell[1][row]][0, 0] for row in range(2)] == [1.0, -5.0]
    details = file["Gaitcycle/AB01/subjectdetails"]
    labels = ["".join(map(chr, file[reference][()].ravel())) for reference in details[0]]
    assert labels[:4] == ["Gender", "Age", "Height", "Weight"]
    assert 1400 < file[details[1][2]][0, 0] < 2100
    assert 35 < file[details[1][3]][0, 0] < 130
    assert file["Gaitcycle/AB02/subjectdetails"].shape == (2, 6)


def test_truth_has_every_stride_but_outliers(file: h5py.File, written: tuple[Path, Truth]) -> None:
    strides = written[1].strides
    assert set(strides["activity"]) == {"walk", "ramp_ascent", "ramp_descent"}
    for (patient, trial, side), rows in strides.groupby(["source_patient", "trial", "side"]):
        time = file[f"Gaitcycle/{patient}/{trial}/cycles/{side}/time"][()]
        count = int(time.any(axis=1).sum())
        assert len(rows) == count - (side == "right" and trial in ("s1i0", "s1i5"))
    uneven = strides.query("source_patient == 'AB02' and trial == 's1x2d7x5'")
    assert set(uneven["side"]) == {"left", "right"}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embry, "TRIALS", (("s1i0", "s1d5"),))
    files = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        embry.write_embry(tmp_path / name, patients=1, seed=seed, minutes=0.1)
        files.append((tmp_path / name / "InclineExperiment.mat").read_bytes())
    assert files[0] == files[1] != files[2]
