"""Hu 2018 (ENABL3S): inertial units, and raw EMG out of the file of the same number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr.datasets.hu import SPEC
from biomech_xr.errors import ConfigError, DataFormatError, MissingInputError
from biomech_xr.parse import read_patient
from biomech_xr.schema import validate_trial
from biomech_xr.synthetic.tables import write_csv
from tests.datasets.hu_trials import ROWS, circuit, read, write

UNITS = ("Right_Shank", "Right_Thigh", "Left_Shank", "Left_Thigh", "Waist")
Columns = dict[str, np.ndarray]


def inertial() -> Columns:
    """Return the thirty columns of units that hang still and turn about z by 90 degrees/s, g and degrees/s."""
    held = {"Ay": 1.0, "Gz": 90.0}
    return {f"{unit}_{axis}": np.full(ROWS, held.get(axis, 0.25)) for unit in UNITS for axis in
            ("Ax", "Ay", "Az", "Gy", "Gz", "Gx")}  # fmt: skip


def with_raw(root: Path, *, number: int = 1, spoil: Callable[[Columns], Columns] = dict) -> None:
    """Write a circuit that begins with standing and whose raw EMG is the processed one plus 5."""
    table = circuit()
    table["Mode"][:500] = 6
    write(root, table, number=number)
    raw = {name: table[name] + 5 for name in SPEC.emg} | {"Mode": table["Mode"]}
    path = root / "AB156" / "Raw" / f"AB156_Circuit_{number:03d}_raw.csv"
    path.parent.mkdir(exist_ok=True)
    columns = spoil(raw)
    write_csv(path, columns, dict.fromkeys(columns, 4))


def test_inertial_units_are_kept_in_si_by_segment(tmp_path: Path) -> None:
    write(tmp_path, circuit() | inertial())
    (trial,) = read(tmp_path)
    validate_trial(trial)
    signal = trial.signals["imu"]
    assert (signal.sampling_frequency, signal.t0) == (1000, 0)
    assert list(signal.values["segment"].values) == ["right_shank", "right_thigh", "left_shank", "left_thigh", "waist"]
    np.testing.assert_allclose(signal.values.sel(channel="acceleration_y"), 9.80665, rtol=1e-6)
    np.testing.assert_allclose(signal.values.sel(channel="angular_velocity_z"), np.pi / 2, rtol=1e-6)
    np.testing.assert_allclose(signal.values.sel(channel="angular_velocity_x"), np.deg2rad(0.25), rtol=1e-6)


def test_a_renamed_inertial_column_is_one_clear_error(tmp_path: Path) -> None:
    table = circuit() | inertial()
    table["Waist_Gyro_x"] = table.pop("Waist_Gx")
    write(tmp_path, table)
    with pytest.raises(DataFormatError, match=r"hu: .*_post\.csv: Waist_Gx; found no such column"):
        read(tmp_path)


def test_raw_emg_has_its_own_state_and_no_lookahead(tmp_path: Path) -> None:
    with_raw(tmp_path)
    (processed,) = read_patient("hu", tmp_path, "AB156")
    (raw,) = read_patient("hu", tmp_path, "AB156", {"emg": "raw"})
    assert (raw.emg_state, raw.emg_lookahead) == ("raw", 0.0)
    assert (processed.emg_state, processed.emg_lookahead) == ("bandpassed", SPEC.emg_lookahead)
    np.testing.assert_allclose(raw.signals["emg"].values, processed.signals["emg"].values + 5, atol=1e-4)
    np.testing.assert_array_equal(raw.signals["kinematics"].values, processed.signals["kinematics"].values)
    pd.testing.assert_frame_equal(raw.strides, processed.strides)
    assert "AB156/Raw/AB156_Circuit_001_raw.csv" in [name for name, _ in raw.sources]
    assert "AB156/Raw/AB156_Circuit_001_raw.csv" not in [name for name, _ in processed.sources]
    with pytest.raises(ConfigError, match=r"emg='filtered'.*expected one of processed, raw"):
        list(read_patient("hu", tmp_path, "AB156", {"emg": "filtered"}))


def _short(raw: Columns) -> Columns:
    return {name: values[:-1] for name, values in raw.items()}


def _other(raw: Columns) -> Columns:
    return raw | {"Mode": np.roll(raw["Mode"], 40)}


@pytest.mark.parametrize(
    ("spoil", "detail"),
    [
        (None, "no raw file of this number"),
        (_short, "11999 rows in the raw file, 12000 in the processed one"),
        (_other, "Mode of the raw file differs in"),
    ],
)
def test_a_raw_file_that_is_not_the_same_rows_is_unpaired(
    tmp_path: Path, spoil: Callable[[Columns], Columns] | None, detail: str
) -> None:
    with_raw(tmp_path, number=2)
    if spoil:
        with_raw(tmp_path, spoil=spoil)
    else:
        write(tmp_path, circuit())
    first, second = read(tmp_path, emg="raw")
    validate_trial(first)
    assert "emg" not in first.signals
    assert len(first.strides) == 0
    unpaired = first.rejected.query("reason == 'unpaired'")
    assert len(unpaired) == len(second.strides) > 0
    assert unpaired["detail"].str.startswith(detail).all()


def test_standing_may_be_a_half_in_the_raw_file(tmp_path: Path) -> None:
    def standing(raw: Columns) -> Columns:
        assert (raw["Mode"] == 6).any()
        return raw | {"Mode": np.where(raw["Mode"] == 6, 0.5, raw["Mode"])}

    with_raw(tmp_path, spoil=standing)
    (trial,) = read(tmp_path, emg="raw")
    assert len(trial.strides) > 0


def test_broken_raw_files_are_one_clear_error(tmp_path: Path) -> None:
    write(tmp_path, circuit())
    with pytest.raises(MissingInputError, match=r"hu: .*Raw: no such folder.*leave out the option emg"):
        read(tmp_path, emg="raw")
    with_raw(tmp_path)
    path = tmp_path / "AB156" / "Raw" / "AB156_Circuit_001_raw.csv"
    whole = path.read_text()
    path.write_text(whole.replace("Left_SOL", "Left_Soleus", 1))
    with pytest.raises(DataFormatError, match=r"hu: .*_raw\.csv: Left_SOL; found no such column"):
        read(tmp_path, emg="raw")
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(DataFormatError, match=r"hu: .*_raw\.csv.*is the file cut"):
        read(tmp_path, emg="raw")
