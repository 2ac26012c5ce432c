"""SIAT-LLMD: files read side by side give what one after the other gives, and errors in the order of the files."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from biomech_xr.datasets.siat import SPEC, recordings
from biomech_xr.datasets.siat.files import RATE, read_data
from biomech_xr.datasets.siat.labels import POINTS, Cycle, read_labels, sample
from biomech_xr.errors import DataFormatError
from biomech_xr.readers.tables import sha256
from tests.datasets.siat_trees import INNER, written

CODES = ("HS", "LLB", "TO", "WAK")


@pytest.fixture
def person(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """Return a tree of one person with four movements."""
    source = written(tmp_path_factory)[0] / INNER
    for folder, kind in (("Data", "Data"), ("Labels", "Label")):
        (tmp_path / "Sub01" / folder).mkdir(parents=True)
        for code in CODES:
            shutil.copy(source / "Sub01" / folder / f"Sub01_{code}_{kind}.csv", tmp_path / "Sub01" / folder)
    shutil.copy(source / "SubjectInformation.xlsx", tmp_path)
    return tmp_path


def _helpers() -> list[str]:
    return [
        thread.name
        for thread in threading.enumerate()
        if thread.name.startswith(("biomech-xr-ahead", "biomech-xr-signal"))
    ]


def test_every_trial_has_the_samples_and_checksums_of_its_own_files(person: Path) -> None:
    trials = list(recordings(person, "Sub01", {}))
    assert tuple(trial.trial for trial in trials) == CODES
    for trial in trials:
        data = person / "Sub01" / "Data" / f"Sub01_{trial.trial}_Data.csv"
        table = read_data(data, SPEC)
        emg = trial.signals["emg"].values
        for name, column in SPEC.emg.items():
            found = emg.sel(side=column.side, channel=column.muscle).values
            np.testing.assert_array_equal(found, table[name].astype(np.float32))
        label = person / "Sub01" / "Labels" / f"Sub01_{trial.trial}_Label.csv"
        expected = {path.relative_to(person).as_posix(): sha256(path) for path in (data, label)}
        assert dict(trial.sources[:2]) == expected
    assert not _helpers()


def test_a_damaged_file_is_named_at_its_turn_after_the_trials_before_it(person: Path) -> None:
    path = person / "Sub01" / "Data" / "Sub01_LLB_Data.csv"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = recordings(person, "Sub01", {})
    assert next(found).trial == "HS"
    with pytest.raises(DataFormatError, match=r"Sub01_LLB_Data\.csv"):
        next(found)
    assert not _helpers()


def test_a_reader_that_is_left_early_leaves_no_thread(person: Path) -> None:
    found = recordings(person, "Sub01", {})
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert not _helpers()


def test_a_cycle_is_sampled_as_from_the_whole_recording() -> None:
    time = np.arange(6000) / RATE + np.random.default_rng(1).uniform(-1e-5, 1e-5, 6000)
    values = np.cumsum(np.random.default_rng(2).standard_normal(time.size))
    values[3000:3010] = np.nan
    values.flags.writeable = False
    ends = [(-0.5, 0.6), (0.0, 1.1), (time[0], time[1]), (0.9, 1.9), (1.5, 2.4), (2.9, 3.4), (time[-2], time[-1])]
    ends += [(-3.0, -2.0), (8.0, 9.0), (1.0, 1.02), (float("nan"), 1.0), (-1.0, 5.0)]
    cycles = [
        Cycle(start=start, stop=stop, off=float("nan"), peak=float("nan"), first=0.1, group=1) for start, stop in ends
    ]
    phase = np.arange(POINTS) / POINTS
    for cycle, found in zip(cycles, sample(values, time, cycles), strict=True):
        whole = np.interp(cycle.start + phase * (cycle.stop - cycle.start), time, values, left=np.nan, right=np.nan)
        np.testing.assert_array_equal(found, whole)
    assert np.isfinite(sample(values, time, cycles)).any(axis=1).tolist() == [True] * 7 + [
        False,
        False,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("rest", ["", "A", " r", "nan", "NAN", "NA"])
def test_phases_are_the_same_beside_every_word_for_rest(tmp_path: Path, rest: str) -> None:
    status = [rest] * 5 + ["1"] * 4 + ["2", " 3", "3.0", "04", "5 ", "5"] + [""] * 3
    path = tmp_path / "Sub01_WAK_Label.csv"
    rows = [f"{k / RATE:.9f},{cell},{1 if cell.strip().isdigit() else ''}" for k, cell in enumerate(status)]
    path.write_text("\n".join(["Time,Status,Group", *rows]) + "\n")
    labels = read_labels(path, "WAK", clock=np.arange(len(status)) / RATE)
    assert labels["Status"].tolist() == [0] * 5 + [1] * 4 + [2, 3, 3, 4, 5, 5] + [0] * 3
    assert labels["Group"].min() == -1


@pytest.mark.parametrize(
    ("cell", "code"), [("6", "WAK"), ("4", "UPS"), ("1.5", "WAK"), ("-1", "WAK"), ("inf", "WAK"), ("True", "WAK")]
)
@pytest.mark.parametrize("other", ["", "R"])
def test_an_unknown_phase_is_named_with_its_row(tmp_path: Path, cell: str, code: str, other: str) -> None:
    path = tmp_path / "label.csv"
    rows = [f"{k / RATE:.9f},{found}," for k, found in enumerate(["1", other, "1", cell, cell])]
    path.write_text("\n".join(["Time,Status,Group", *rows]) + "\n")
    with pytest.raises(DataFormatError, match=rf"Status; found '{cell.upper()}' in data row 4"):
        read_labels(path, code, clock=np.arange(5) / RATE)
