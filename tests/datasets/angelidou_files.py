"""People of the surface-stiffness walks as their writer makes them, to be changed and read back."""

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
from biomech_xr.synthetic import angelidou as writer
from biomech_xr.synthetic.matfile import FIELDLESS, save_struct

Content = dict[str, Any]
CONDITIONS = [(speed, stiffness) for speed, _ in writer.SPEEDS for stiffness in writer.STIFFNESS]


def made(person: int = 0) -> Content:
    """Return a person's struct, by default cut at right contacts, with flexion in column 1; a copy of its own."""
    return copy.deepcopy(_made(person), {id(FIELDLESS): FIELDLESS})


@functools.cache
def _made(person: int) -> Content:
    found: Content = {}
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as unused:
        patch.setattr(writer, "save_struct", lambda _path, variables, **_: found.update(variables))
        writer.write_angelidou(Path(unused), patients=person + 1, seed=5, minutes=0.1)
    return dict(found[writer.IDS[person]])


def read(root: Path, content: Content, **options: Any) -> list[Trial]:
    """Write one person and read it back."""
    save_struct(root / "ABCDE.mat", {"ABCDE": content}, compress=False)
    return list(read_patient("angelidou", root, "ABCDE", options))


def leaves(content: Content) -> list[Content]:
    return [content[speed][stiffness] for speed, stiffness in CONDITIONS]


def change(content: Content, branch: str, name: str, edit: Any) -> None:
    """Replace every non-empty stride of the columns whose name ends so by ``edit(stride)``."""
    for leaf in leaves(content):
        for key, cells in leaf[branch].items():
            if key.endswith(name):
                for index in range(len(cells)):
                    if cells[index, 0].size:
                        cells[index, 0] = edit(cells[index, 0])


def curves(trials: list[Trial], group: str, joint: str, motion: str) -> npt.NDArray[np.float64]:
    """Return one component of the kept strides on 100 points, (stride, point)."""
    rows = []
    for trial in trials:
        signal = trial.signals[group]
        values = signal.values.sel(joint=joint, motion=motion).values
        bounds = np.cumsum([0, *signal.lengths])
        for row in trial.strides.itertuples():
            side = list(signal.values["side"].values).index(row.side)
            piece = values[bounds[row.segment] : bounds[row.segment + 1], side].astype(float)
            rows.append(np.interp(np.arange(100) / 100 * piece.size, np.arange(piece.size), piece))
    return np.array(rows)
