"""K2MUSE people as its writer makes them, to be changed and read back."""

from __future__ import annotations

import copy
import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from biomech_xr.parse import read_patient
from biomech_xr.schema import Trial
from biomech_xr.synthetic import k2muse as writer
from biomech_xr.synthetic.matfile import FIELDLESS, save_struct
from biomech_xr.synthetic.tables import write_workbook

Content = dict[str, Any]
LEVEL = "Ideal_LG_0_S_1_Trial_1"
FATIGUE = ("NormalizedData", "Fatigue", "LG_0", "S_1", "Trial_10")


def made() -> Content:
    """Return the struct of a person with two trials, level (continuous and cut) and tired (cut); a copy of its own."""
    return copy.deepcopy(_made(), {id(FIELDLESS): FIELDLESS})


@functools.cache
def _made() -> Content:
    found: Content = {}
    plan = [take for take in writer._PLAN if take[:3] in (("Ideal", "LG_0", "S_1"), ("Fatigue", "LG_0", "S_1"))]
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as unused:
        patch.setattr(writer, "save_struct", lambda _path, variables, **_: found.update(variables))
        patch.setattr(writer, "_write_strays", lambda _out: None)
        patch.setattr(writer, "_PLAN", plan)
        writer.write_k2muse(Path(unused), patients=1, seed=5, minutes=0.1)
    return dict(found["P01"])


def leaf(content: Content, level: str = "NormalizedData") -> Content:
    """Return the level walking trial in one of the two trees."""
    found: Content = content[level]["Ideal"]["LG_0"]["S_1"]["Trial_1"]
    return found


def read(root: Path, content: Content, **options: Any) -> dict[str, Trial]:
    """Write one person of 65 kg and read them back."""
    save_struct(root / "ProcessedData" / "P01.mat", {"P01": content}, compress=False)
    rows: list[list[str | float]] = [["ID", "Height (cm)", "Weight (kg)"], ["P01", 172.0, 65.0]]
    write_workbook(root / "ParticipantInformation.xlsx", "Sheet1", rows)
    return {trial.trial: trial for trial in read_patient("k2muse", root, "P01", options)}


def curves(trial: Trial, group: str, side: str, joint: str, motion: str) -> npt.NDArray[np.float64]:
    """Return one component of a leg's kept strides at k/100 of the stride, (stride, point)."""
    signal = trial.signals[group]
    values = signal.values.sel(side=side, joint=joint, motion=motion).values.astype(float)
    rows = []
    for row in trial.strides[trial.strides["side"] == side].itertuples():
        if signal.kind == "segmented":
            piece = values[row.segment * signal.points : (row.segment + 1) * signal.points]
            rows.append(np.interp(np.arange(100) / 100, np.linspace(0, 1, signal.points), piece))
        else:
            rows.append(np.interp(row.trial_time + np.arange(100) / 100 * row.duration, signal.time(), values))
    return np.array(rows)
