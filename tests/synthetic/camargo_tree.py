"""Read the files of a camargo tree with mat-io alone."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MASS = {"AB06": 74.84, "AB07": 55.34}


def load(path: Path) -> dict[str, Any]:
    """Return the variables of one file."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The 'future.infer_string' option is deprecated")
        import matio
    return dict(matio.load_from_mat(str(path)))


def table(folder: Path, mode: str, sensor: str, trial: str) -> pd.DataFrame:
    """Return the table of one sensor of one trial."""
    data: pd.DataFrame = load(folder / mode / sensor / f"{trial}.mat")["data"]
    return data


def labels(folder: Path, mode: str, trial: str) -> tuple[np.ndarray, list[str], dict[str, Any]]:
    """Return the times and words of the labels of one trial, and the other variables of its conditions."""
    content = load(folder / mode / "conditions" / f"{trial}.mat")
    words = [str(np.ravel(cell)[0]) for cell in content["labels"]["Label"]]
    return content["labels"]["Header"].to_numpy(), words, content


def order(words: list[str]) -> list[str]:
    """Return the words without repetitions in a row."""
    return [word for k, word in enumerate(words) if k == 0 or word != words[k - 1]]
