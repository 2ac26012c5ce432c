"""The hu tree has the facts of the published format, read back with pandas alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import welch

from .conftest import Tree

ODD = [0, 6, 1, 4, 1, 3, 1, 6, 0]
EVEN = [0, 6, 1, 2, 1, 5, 1, 6, 0]
EMG = [f"{side}_{m}" for side in ("Right", "Left") for m in ("TA", "MG", "SOL", "BF", "ST", "VL", "RF")]


@pytest.fixture(scope="module")
def files(tree: Callable[[str], Tree]) -> dict[tuple[str, int], pd.DataFrame]:
    root, _ = tree("hu")
    paths = sorted(root.rglob("Processed/*_post.csv"))
    return {(path.name[:5], int(path.name[14:17])): pd.read_csv(path) for path in paths}


def circuits(files: dict[tuple[str, int], pd.DataFrame]) -> Iterator[tuple[str, int, pd.DataFrame]]:
    for (person, number), table in files.items():
        yield person, number, table


def test_folders(tree: Callable[[str], Tree]) -> None:
    root, _ = tree("hu")
    assert (root / "AB156" / "Processed").is_dir()
    assert (root / "AB185" / "AB185" / "Processed").is_dir()
    for post in root.rglob("Processed/*_post.csv"):
        assert (post.parents[1] / "Raw" / post.name.replace("_post", "_raw")).is_file()
    assert (root / "AB156" / "AB156_Metadata.csv").is_file()


def test_columns_and_nan_spelling(tree: Callable[[str], Tree], files: dict[tuple[str, int], pd.DataFrame]) -> None:
    root, _ = tree("hu")
    assert len(files) == 4
    for _, _, table in circuits(files):
        assert len(table.columns) == 61
        assert list(table.columns[30:44]) == EMG
        assert list(table.columns[44:49]) == [
            "Right_Ankle", "Right_Knee", "Left_Ankle", "Left_Knee", "Right_Ankle_Velocity",
        ]  # fmt: skip
        assert table.columns[52] == "Mode"
        assert table.columns[-1] == "Left_Toe_Off_Trigger"
    text = (root / "AB156" / "Processed" / "AB156_Circuit_001_post.csv").read_text().splitlines()[-1]
    assert text.endswith(",NaN,NaN,NaN,NaN,NaN,NaN,NaN,NaN")
    raw = pd.read_csv(root / "AB156" / "Raw" / "AB156_Circuit_001_raw.csv")
    assert len(raw.columns) == 49
    assert len(raw) == len(files["AB156", 1])


def test_order_of_activities(files: dict[tuple[str, int], pd.DataFrame]) -> None:
    for _, number, table in circuits(files):
        mode = table["Mode"].to_numpy()
        order = mode[np.concatenate([[0], np.flatnonzero(np.diff(mode)) + 1])]
        assert list(order) == (ODD if number % 2 else EVEN)


def test_knees_are_flexion_negative_and_ankles_negated(files: dict[tuple[str, int], pd.DataFrame]) -> None:
    for _, _, table in circuits(files):
        for side in ("Right", "Left"):
            knee = table[f"{side}_Knee"]
            assert (knee[table["Mode"] == 0][:500] < -75).all()
            assert (knee[table["Mode"] == 6][400:600] > -10).all()
            assert -68 < knee[table["Mode"] == 1][2000:5000].min() < -57
            assert 10 < table.loc[table["Mode"] == 1, f"{side}_Ankle"].max() < 22


def test_raw_goniometers_are_volts(tree: Callable[[str], Tree], files: dict[tuple[str, int], pd.DataFrame]) -> None:
    root, _ = tree("hu")
    raw = pd.read_csv(root / "AB156" / "Raw" / "AB156_Circuit_001_raw.csv")
    post = files["AB156", 1]
    np.testing.assert_allclose((raw["Left_Knee"] - 2) * 90, post["Left_Knee"], atol=0.3)
    np.testing.assert_allclose(-(raw["Right_Knee"] - 2) * 90, post["Right_Knee"], atol=0.3)


def test_events_are_packed_and_numbered_from_one(files: dict[tuple[str, int], pd.DataFrame]) -> None:
    for _, _, table in circuits(files):
        for side in ("Right", "Left"):
            column = table[f"{side}_Heel_Contact"]
            count = column.notna().sum()
            assert column[:count].notna().all()
            contacts = column[:count].astype(int).to_numpy()
            assert contacts.max() <= len(table) - 300
            rows = contacts - 1
            knee = -table[f"{side}_Knee"].to_numpy()
            level = rows[(table["Mode"].to_numpy()[rows] == 1)][1:]
            assert np.median(knee[level]) < 10
            ahead = np.array([knee[row : row + 1100].argmax() for row in level[:3]]) / 1100
            assert ((ahead > 0.6) & (ahead < 0.85)).all()


def test_triggers_code_the_modes(files: dict[tuple[str, int], pd.DataFrame]) -> None:
    for _, number, table in circuits(files):
        for side in ("Right", "Left"):
            contacts = table[f"{side}_Heel_Contact"].dropna().astype(int).to_numpy() - 1
            triggers = table[f"{side}_Heel_Contact_Trigger"].dropna().astype(int).astype(str).str.zfill(4)
            assert len(triggers) == len(contacts)
            assert [int(t[2]) for t in triggers] == list(table["Mode"].to_numpy()[contacts])
            assert set(triggers.str[1]) == {"3"}
            assert set(triggers.str[3]) == {"1"}
        first = int(table["Right_Heel_Contact_Trigger"].iloc[0])
        assert first == (6311 if number % 2 else 311)


def test_gaps_and_missing_values(files: dict[tuple[str, int], pd.DataFrame]) -> None:
    for _, number, table in circuits(files):
        step = np.diff(table["Right_Heel_Contact"].dropna().to_numpy())
        assert (step.max() > 3000) == bool(number % 2)
        missing = table[EMG].isna().sum()
        assert missing.drop("Left_ST").eq(0).all()
        assert missing["Left_ST"] == (0 if number % 2 else 40)


def test_the_line_is_at_sixty_hertz(tree: Callable[[str], Tree]) -> None:
    root, _ = tree("hu")
    raw = pd.read_csv(root / "AB156" / "Raw" / "AB156_Circuit_001_raw.csv", usecols=["Right_TA", "Mode"])
    rest = raw["Right_TA"][raw["Mode"] == 0][:900].to_numpy()
    frequency, power = welch(rest, 1000, nperseg=500)
    assert frequency[power.argmax()] == 60


def test_truth_follows_from_the_files(tree: Callable[[str], Tree], files: dict[tuple[str, int], pd.DataFrame]) -> None:
    _, truth = tree("hu")
    words = {1: "walk", 2: "ramp_ascent", 3: "ramp_descent", 4: "stair_ascent", 5: "stair_descent"}
    found = set()
    for person, number, table in circuits(files):
        mode = table["Mode"].to_numpy()
        for side in ("Right", "Left"):
            rows = table[f"{side}_Heel_Contact"].dropna().astype(int).to_numpy() - 1
            found |= {
                (person, f"circuit_{number:03d}", side.lower(), words[mode[a]], a, b - a)
                for a, b in pairwise(rows)
                if mode[a] == mode[b] and b - a <= 3000
            }
    strides = truth.strides
    times = (strides[["trial_time", "duration"]] * 1000).round().astype(int)
    assert set(strides[["source_patient", "trial", "side", "activity"]].join(times).itertuples(index=False)) == found
    assert set(strides["activity"]) == set(words.values())


def test_subjects_have_mass_and_height(tree: Callable[[str], Tree]) -> None:
    import python_calamine

    root: Path = tree("hu")[0]
    book = python_calamine.CalamineWorkbook.from_path(root / "Subject Trigger Channel Feature Information.xlsx")
    header, *rows = book.get_sheet_by_name("Subject Information").to_python()
    assert [row[0] for row in rows] == ["AB156", "AB185"]
    weight = next(k for k, name in enumerate(header) if "weight" in str(name).lower())
    height = next(k for k, name in enumerate(header) if "height" in str(name).lower())
    assert all(45 < float(row[weight]) < 110 for row in rows)
    assert all(150 < float(row[height]) < 200 for row in rows)
