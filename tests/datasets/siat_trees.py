"""A tree of one person's level walking, cut out of a written SIAT-LLMD tree, and changes of its tables."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from biomech_xr.datasets.siat import recordings
from biomech_xr.schema import Trial, validate_trial
from biomech_xr.synthetic import Truth
from biomech_xr.synthetic.siat import write_siat
from biomech_xr.synthetic.tables import write_csv

INNER = Path("SIAT_LLMD20230404") / "SIAT_LLMD20230404"
KNEES = [f"Kinematic: {side} knee flexion angle" for side in ("left", "right")]


_WRITTEN: dict[str, tuple[Path, Truth]] = {}


def written(factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Return the tree of three people that all tests of a session share, and its truth. Not to be changed."""
    if "siat" not in _WRITTEN:
        root = factory.mktemp("siat")
        _WRITTEN["siat"] = root, write_siat(root, patients=3, seed=3, minutes=0.1)
    return _WRITTEN["siat"]


def level_walking(root: Path, folder: Path, person: str = "Sub01") -> Path:
    """Copy the workbook and the level walking of a person into ``folder`` as Sub01, without the archive's folders."""
    source = root / INNER
    for name, kind in (("Data", "Data"), ("Labels", "Label")):
        (folder / "Sub01" / name).mkdir(parents=True)
        file = f"Sub01_WAK_{kind}.csv"
        shutil.copy(source / person / name / file.replace("Sub01", person), folder / "Sub01" / name / file)
    shutil.copy(source / "SubjectInformation.xlsx", folder)
    return folder


def rewrite(root: Path, change: Callable[[pd.DataFrame], pd.DataFrame], kind: str = "Data") -> None:
    path = root / "Sub01" / ("Data" if kind == "Data" else "Labels") / f"Sub01_WAK_{kind}.csv"
    table = change(pd.read_csv(path, dtype={"Status": str}))
    if all(pd.api.types.is_numeric_dtype(table[name]) for name in table) and kind == "Data":
        columns = {str(name): table[name].to_numpy() for name in table}
        write_csv(path, columns, dict.fromkeys(columns, 7))
    else:
        table.to_csv(path, index=False)


def walk(root: Path, **options: str) -> Trial:
    (trial,) = recordings(root, "Sub01", options)
    validate_trial(trial)
    return trial
