"""`write`: refusals, nothing half-written, the same arguments give the same tree."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from biomech_xr import synthetic
from biomech_xr import vocabulary as words
from biomech_xr.errors import ConfigError, OccupiedError
from biomech_xr.synthetic.truth import COLUMNS

from .conftest import Tree

SOURCES = sorted(synthetic.WRITERS)
QUICK = ("criekinge", "falisse", "grimmer", "lab", "lencioni", "macaluso", "moghadam")
"""Writers that are fast enough to write twice at every run; the others are compared in the slow run."""


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    "dataset", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SOURCES]
)
def test_the_same_seed_gives_the_same_bytes(dataset: str, tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("first", "again")]
    truths = [synthetic.write(dataset, root, patients=1, seed=4, minutes=0.1) for root in roots]
    assert digests(roots[0]) == digests(roots[1])
    pd.testing.assert_frame_equal(truths[0].strides, truths[1].strides)


@pytest.mark.parametrize("dataset", ["falisse", "lab"])
def test_another_seed_gives_other_strides(dataset: str, tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("first", "other")]
    truths = [synthetic.write(dataset, root, patients=1, seed=k, minutes=0.1) for k, root in enumerate(roots)]
    assert digests(roots[0]) != digests(roots[1])
    assert not truths[0].strides["duration"].equals(truths[1].strides["duration"])


@pytest.mark.parametrize("dataset", SOURCES)
def test_the_truth_is_a_table_of_plausible_strides(dataset: str, tree: Callable[[str], Tree]) -> None:
    _, truth = tree(dataset)
    strides = truth.strides
    assert tuple(strides.columns) == COLUMNS
    assert truth.dataset == dataset
    assert set(strides["side"]) <= set(words.SIDES)
    assert set(strides["activity"]) <= set(words.ACTIVITIES)
    assert strides["duration"].dropna().between(0.7, 2.2).all()
    assert len(strides) > 4
    assert truth.sign_convention
    assert truth.planted


def test_people_keep_their_gait_when_more_are_written(tmp_path: Path) -> None:
    one = synthetic.write("lab", tmp_path / "one", patients=1, seed=5, minutes=0.1).strides
    two = synthetic.write("lab", tmp_path / "two", patients=2, seed=5, minutes=0.1).strides
    first = two[two["source_patient"] == "P01"].reset_index(drop=True)
    pd.testing.assert_frame_equal(one, first)
    assert two["source_patient"].nunique() == 2


@pytest.mark.parametrize("dataset", SOURCES)
def test_more_people_than_the_source_has_are_refused(dataset: str, tmp_path: Path) -> None:
    out = tmp_path / "raw"
    with pytest.raises(ConfigError, match=f"expected 1 to {synthetic.PEOPLE[dataset]}"):
        synthetic.write(dataset, out, patients=synthetic.PEOPLE[dataset] + 1)
    with pytest.raises(ConfigError, match="patients 0"):
        synthetic.write(dataset, out, patients=0)
    assert not out.exists()


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), 1e6])
def test_impossible_minutes_are_refused(minutes: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="minutes"):
        synthetic.write("falisse", tmp_path / "raw", patients=1, minutes=minutes)


def test_an_unknown_source_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'camargo'"):
        synthetic.write("camarga", tmp_path / "raw", patients=1)


def test_an_occupied_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OccupiedError, match="holds something"):
        synthetic.write("falisse", tmp_path, patients=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_may_be_given(tmp_path: Path) -> None:
    out = tmp_path / "raw"
    out.mkdir()
    synthetic.write("falisse", out, patients=1)
    assert (out / "ExperimentalData.mat").is_file()


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(out: Path, **_: object) -> synthetic.Truth:
        (out / "half.csv").write_text("1")
        raise OSError("disk full")

    monkeypatch.setattr(synthetic, "WRITERS", {**synthetic.WRITERS, "hu": half})
    with pytest.raises(OSError, match="disk full"):
        synthetic.write("hu", tmp_path / "raw", patients=1)
    assert not list(tmp_path.iterdir())


def test_an_attempt_that_died_is_replaced(tmp_path: Path) -> None:
    left = tmp_path / "raw.partial"
    left.mkdir()
    (left / "old.mat").write_bytes(b"old")
    synthetic.write("falisse", tmp_path / "raw", patients=1)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    assert not np.any([path.name == "old.mat" for path in (tmp_path / "raw").iterdir()])
