"""OpenSim tables: a real inverse-dynamics trial in canonical signs, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from biomech_xr.errors import DataFormatError, MissingInputError
from biomech_xr.readers.opensim import read_mot, read_trc

BODY_MASS = 72.6

STORAGE = "Coordinates\nversion=1\nnRows=2\nnColumns=3\ninDegrees=yes\n\nUnits are S.I. units\n\nendheader\n"


@pytest.fixture(scope="module")
def walk(samples: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Time, and per joint and leg the canonical angle (degree) and moment (N m/kg) of subject01."""
    motion = read_mot(samples / "opensim" / "subject01_walk_IK.mot", dataset="test")
    forces = read_mot(samples / "opensim" / "subject01_walk_ID.sto", dataset="test")
    assert motion.in_degrees
    assert not forces.in_degrees
    table = {"time": motion.time}
    for joint, name, sign in (("hip", "hip_flexion", 1), ("knee", "knee_angle", -1), ("ankle", "ankle_angle", 1)):
        for leg in "lr":
            table[f"{joint}_{leg}"] = sign * motion.column(f"{name}_{leg}")
            table[f"{joint}_{leg}_moment"] = sign * forces.column(f"{name}_{leg}_moment") / BODY_MASS
    return table


@pytest.fixture(scope="module")
def right_force(samples: Path) -> npt.NDArray[np.float64]:
    """Vertical force (N) under the right foot at the times of the angles."""
    plates = read_mot(samples / "opensim" / "subject01_walk_grf.mot", dataset="test")
    motion = read_mot(samples / "opensim" / "subject01_walk_IK.mot", dataset="test")
    return np.interp(motion.time, plates.time, plates.column("ground_force_vy"))


@pytest.mark.realdata
def test_both_header_styles_give_the_same_time_base(samples: Path) -> None:
    motion = read_mot(samples / "opensim" / "subject01_walk_IK.mot", dataset="test")
    forces = read_mot(samples / "opensim" / "subject01_walk_ID.sto", dataset="test")
    assert motion.values.shape == forces.values.shape == (151, 10)
    assert forces.time[0] == pytest.approx(-5e-7)
    np.testing.assert_allclose(motion.time, forces.time, rtol=0, atol=2e-6)
    assert motion.header["nColumns"] == "11"


@pytest.mark.realdata
def test_knee_flexion_is_positive_in_swing(
    walk: dict[str, npt.NDArray[np.float64]], right_force: npt.NDArray[np.float64]
) -> None:
    swing = right_force < 20
    peak = walk["knee_r"][swing].max()
    assert 50 < peak < 75
    assert walk["knee_r"].argmax() in np.flatnonzero(swing)
    assert walk["knee_r"].min() > -10


@pytest.mark.realdata
def test_ankle_moment_is_plantarflexing_in_stance_and_per_kilogram(
    walk: dict[str, npt.NDArray[np.float64]], right_force: npt.NDArray[np.float64]
) -> None:
    assert -2.0 < walk["ankle_r_moment"].min() < -1.2
    assert right_force[walk["ankle_r_moment"].argmin()] > 0.5 * BODY_MASS * 9.81


@pytest.mark.realdata
@pytest.mark.parametrize(("leg", "plate"), [("r", "ground_force_vy"), ("l", "1_ground_force_vy")])
def test_push_off_power_of_the_ankle_is_positive(
    samples: Path, walk: dict[str, npt.NDArray[np.float64]], leg: str, plate: str
) -> None:
    plates = read_mot(samples / "opensim" / "subject01_walk_grf.mot", dataset="test")
    loaded = np.interp(walk["time"], plates.time, plates.column(plate)) > 20
    off = int(np.flatnonzero(loaded[:-1] & ~loaded[1:])[-1])
    push = slice(off - 9, off)
    velocity = np.radians(np.gradient(walk[f"ankle_{leg}"], walk["time"]))
    power = walk[f"ankle_{leg}_moment"] * velocity
    assert 1.0 < power[push].max() < 5.0
    assert power.max() - power[push].max() < 0.3
    assert velocity[push].min() < -2


@pytest.mark.realdata
def test_markers_move_forward_in_millimetres(samples: Path) -> None:
    table = read_trc(samples / "opensim" / "subject01_walk.trc", dataset="test")
    assert (table.rate, table.units, table.values.shape) == (60.0, "mm", (151, 41, 3))
    asis = table.values[:, table.markers.index("R.ASIS")]
    speed = (asis[-1, 0] - asis[0, 0]) / 1000 / (table.time[-1] - table.time[0])
    assert abs(speed) < 2
    assert 900 < asis[:, 1].mean() < 1200


def test_an_empty_marker_cell_is_missing_and_trailing_tabs_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.trc"
    path.write_text(
        "PathFileType\t4\t(X/Y/Z)\ta.trc\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n"
        "100\t100\t2\t2\tmm\nFrame#\tTime\tA\t\t\tB\t\t\n\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n\n"
        "1\t0\t1\t2\t3\t\t\t\n2\t0.01\t1\t2\t3\t4\t5\t6\t\t\n"
    )
    values = read_trc(path, dataset="test").values
    assert np.isnan(values[0, 1]).all()
    np.testing.assert_array_equal(values[1], [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time\ta\n0\t1\n", "endheader"),
        (STORAGE + "t\ta\tb\n0\t1\t2\n1\t1\t2\n", "first column"),
        (STORAGE + "time\ta\ta\n0\t1\t2\n1\t1\t2\n", "repeated a"),
        (STORAGE + "time\ta\tb\n0\t1\t2\n", "1 rows; expected 2"),
        (
            STORAGE + "time\ta\tb\n0\t1\t2\n1\t1\n",
            "rows; found [^;]* from 3 to 2 at row 2; expected 3 numbers in every row",
        ),
        (STORAGE + "time\ta\tb\n0\t1\n1\t1\n", "2 numbers a row"),
        (STORAGE + "time\ta\tb\n0\tx\t2\n1\t1\t2\n", "3 numbers in every row"),
        (STORAGE + "time\ta\tb\n1\t1\t2\n1\t1\t2\n", "no increase at row 2"),
        (STORAGE + "time\ta\tb\n", "no row of numbers"),
        (STORAGE.replace("nColumns=3", "nColumns=4") + "time\ta\tb\n0\t1\t2\n1\t1\t2\n", "3 columns; expected 4"),
        ("old\ndatacolumns 2\ndatarows 3\nendheader\ntime a\n0 1\n1 1\n", "2 rows; expected 3"),
        ("old\ndatacolumns 3\ndatarows 2\nendheader\ntime a\n0 1\n1 1\n", "2 columns; expected 3"),
        ("", "endheader"),
    ],
)
def test_a_wrong_storage_file_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.mot"
    path.write_text(text)
    with pytest.raises(DataFormatError, match=rf"test: .*wrong\.mot.*{message}"):
        read_mot(path, dataset="test")


def test_bytes_missing_files_and_wrong_counts_of_markers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bytes.mot"
    path.write_bytes(b"\xff\xfe\x00\x80endheader")
    with pytest.raises(DataFormatError, match="not text"):
        read_mot(path, dataset="test")
    with pytest.raises(MissingInputError, match=r"none\.trc"):
        read_trc(tmp_path / "none.trc", dataset="test")
    path = tmp_path / "wrong.trc"
    head = "PathFileType\t4\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n100\t100\t3\t1\tmm\n"
    path.write_text(head + "Frame#\tTime\tA\t\t\n\t\tX1\tY1\tZ1\n\n1\t0\t1\t2\t3\n2\t0.01\t1\t2\t3\n")
    with pytest.raises(DataFormatError, match="2 frames of 1 markers; expected 3 and 1"):
        read_trc(path, dataset="test")


@pytest.mark.parametrize(
    ("header", "degrees", "stated"),
    [
        ("Coordinates\nNROWS = 2\nindegrees = YES\nendheader\n", True, True),
        ("old motion\ndatacolumns 2\ndatarows 2\notherdata 1\nrange 0 1\nendheader\n", False, False),
        ("Coordinates\nnRows=2\nnColumns=2\ninDegrees=no\nendheader\n", False, True),
    ],
)
def test_both_styles_of_header_are_read_in_any_case(tmp_path: Path, header: str, degrees: bool, stated: bool) -> None:
    path = tmp_path / "a.mot"
    path.write_text(header + "Time\tknee \t\n0.5\t1\t\n0.6\tnan\t\n")
    table = read_mot(path, dataset="test")
    assert table.in_degrees is degrees
    assert ("inDegrees" in table.header) is stated
    assert table.columns == ("knee",)
    np.testing.assert_array_equal(table.column("knee"), [1, np.nan])
    np.testing.assert_array_equal(table.time, [0.5, 0.6])
