"""The two files of Van Criekinge have the facts of the published format, read back with h5py alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.criekinge import ABLE, IDS, STROKE, write_criekinge

FILES = ("MAT_normalizedData_AbleBodiedAdults_v06-03-23.mat", "MAT_normalizedData_PostStrokeAdults_v27-02-23.mat")
EVENTS = (
    "ICstart", "ICstop", "IC_cnt", "IC_cntnorm", "TO", "TOnorm", "TO_cnt", "TO_cntnorm", "Trial",
    "GoodForcePlateLanding",
)  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    root = tmp_path_factory.mktemp("criekinge")
    return root, write_criekinge(root, patients=4, seed=3, minutes=0.2)


@pytest.fixture(scope="module")
def files(written: tuple[Path, Truth]) -> Iterator[dict[str, Any]]:
    with h5py.File(written[0] / FILES[0]) as able, h5py.File(written[0] / FILES[1]) as stroke:
        yield {"able": able, "stroke": stroke}


def field(file: Any, name: str, person: int) -> Any:
    """Return what a reference of ``Sub(person).name`` points to."""
    return file[file["Sub"][name][person - 1, 0]]


def test_a_struct_array_of_references_with_nine_fields(files: dict[str, Any]) -> None:
    for kind, letters in (("able", "LR"), ("stroke", "PN")):
        subjects = files[kind]["Sub"]
        sides = {f"{a}sideSegm_{b}sideData" for a in letters for b in (*letters, "B")}
        assert set(subjects) == {"sub_char", "meas_char", "events"} | sides
        for name in subjects:
            assert subjects[name].shape == (2, 1)
            assert subjects[name].dtype == h5py.ref_dtype


def test_arrays_are_strides_by_1001_for_python(files: dict[str, Any]) -> None:
    for kind, letter in (("able", "L"), ("able", "R"), ("stroke", "P"), ("stroke", "N")):
        events = field(files[kind], "events", 2)
        count = events[f"{letter}_ICstart"].size
        data = field(files[kind], f"{letter}sideSegm_{letter}sideData", 2)
        for path in ("HipAngles/x", "KneeAngles/z", "AnkleMoment/y", "GroundReactionForce/z", "VL/n", "VLnorm/n"):
            assert data[path].shape == (count, 1001), path
        for name in EVENTS:
            assert events[f"{letter}_{name}"].size == count


def test_events_are_frames_from_one_of_trials_out_of_order(files: dict[str, Any]) -> None:
    events = field(files["able"], "events", 1)
    start, stop, trial = (np.ravel(events[f"R_{name}"]) for name in ("ICstart", "ICstop", "Trial"))
    assert list(dict.fromkeys(trial)) == [4, 2, 3]
    assert start[0] == 1
    assert (start == start.astype(int)).all()
    assert ((stop - start > 80) & (stop - start < 150)).all()
    norm = np.ravel(events["R_TOnorm"])
    assert ((norm > 560) & (norm < 680)).all()


def test_moments_are_plantarflexor_positive_and_nan_off_the_plate(files: dict[str, Any]) -> None:
    data, events = field(files["able"], "RsideSegm_RsideData", 1), field(files["able"], "events", 1)
    good = np.ravel(events["R_GoodForcePlateLanding"]) == 1
    ankle = data["AnkleMoment/x"][()]
    assert np.isnan(ankle[~good]).all()
    assert ((ankle[good].max(axis=1) > 1.2) & (ankle[good].max(axis=1) < 1.8)).all()
    assert data["AnkleAngles/x"][()].max() > 8, "dorsiflexion is positive"
    assert 55 < data["KneeAngles/x"][()].max() < 70


def test_power_is_minus_moment_times_velocity_over_three_axes(files: dict[str, Any]) -> None:
    data, events = field(files["able"], "LsideSegm_LsideData", 2), field(files["able"], "events", 2)
    good = np.ravel(events["L_GoodForcePlateLanding"]) == 1
    good[-1] = False
    length = (np.ravel(events["L_ICstop"]) - np.ravel(events["L_ICstart"]))[good, None] / 100
    power = np.zeros((int(good.sum()), 1001))
    for axis in "xyz":
        rate = np.gradient(np.deg2rad(data[f"AnkleAngles/{axis}"][()][good]), axis=1) * 1000 / length
        power = power - data[f"AnkleMoment/{axis}"][()][good] * rate
    np.testing.assert_allclose(power[:, 5:-5], data["AnklePower/n"][()][good][:, 5:-5], atol=0.05)


def test_kinetics_of_a_leg_without_them_are_structs_without_fields(files: dict[str, Any]) -> None:
    data = field(files["stroke"], "NsideSegm_NsideData", 1)
    for name in ("AnkleMoment", "KneePower", "GroundReactionForce"):
        assert isinstance(data[name], h5py.Dataset)
        assert data[name].attrs["MATLAB_empty"] == 1
        assert list(data[name][()].ravel()) == [1, 1]
    assert isinstance(field(files["stroke"], "PsideSegm_PsideData", 1)["AnkleMoment"], h5py.Group)


def test_emg_is_an_envelope_and_its_share_of_the_maximum(files: dict[str, Any]) -> None:
    for kind, letter in (("able", "L"), ("stroke", "P")):
        data = field(files[kind], f"{letter}sideSegm_{letter}sideData", 1)
        for muscle in ("GAS", "RF", "VL", "BF", "ST", "TA", "ERS"):
            level = data[f"{muscle}/n"][()]
            assert np.isnan(level).all(axis=1).sum() == 1
            assert np.nanmin(level) > 0
            assert np.nanmax(data[f"{muscle}norm/n"][()]) == pytest.approx(1)


def test_people_have_the_facts_of_the_workbook(files: dict[str, Any]) -> None:
    able, stroke = field(files["able"], "sub_char", 1), field(files["stroke"], "sub_char", 2)
    assert set(able) == {"Weight", "Age", "Male", "Height", "LegLength"}
    assert set(stroke) - set(able) == {"TPS", "LesionLeft", "FAC", "POMA", "TIS"}
    assert 1400 < float(able["Height"][()].item()) < 2100
    assert [float(field(files["stroke"], "sub_char", k)["LesionLeft"][()].item()) for k in (1, 2)] == [0, 1]


def test_truth_follows_from_the_events(written: tuple[Path, Truth], files: dict[str, Any]) -> None:
    found = set()
    for kind, letters, ids in (("able", "LR", ABLE), ("stroke", "PN", STROKE)):
        for person in (1, 2):
            facts = field(files[kind], "sub_char", person)
            flipped = kind == "stroke" and float(facts["LesionLeft"][()].item()) == 1
            for letter, side in zip(letters, ("right", "left") if flipped else ("left", "right"), strict=True):
                events = field(files[kind], "events", person)
                rows = zip(*(np.ravel(events[f"{letter}_{n}"]) for n in ("Trial", "ICstart", "ICstop")), strict=True)
                found |= {
                    (ids[person - 1], f"trial_{trial:.0f}", side, round(start) - 1, round(stop - start))
                    for trial, start, stop in rows
                    if stop > start
                }
    strides = written[1].strides
    times = (strides[["trial_time", "duration"]] * 100).round().astype(int)
    rows_made = strides[["source_patient", "trial", "side"]].join(times).itertuples(index=False, name=None)
    assert set(rows_made) == found
    assert strides.groupby(["source_patient", "trial", "side"]).size().min() >= 4


@pytest.mark.slow
def test_same_seed_same_bytes_and_ids(files: dict[str, Any], tmp_path: Path) -> None:
    assert (len(IDS), len(ABLE), len(STROKE)) == (188, 138, 50)
    for name in "ab":
        (tmp_path / name).mkdir()
        write_criekinge(tmp_path / name, patients=1, seed=1, minutes=0.1)
    assert (tmp_path / "a" / FILES[0]).read_bytes() == (tmp_path / "b" / FILES[0]).read_bytes()
    with h5py.File(tmp_path / "a" / FILES[0]) as file:
        assert file["Sub/sub_char/Weight"][()] != field(files["able"], "sub_char", 1)["Weight"][()]
    assert not (tmp_path / "a" / FILES[1]).exists()
