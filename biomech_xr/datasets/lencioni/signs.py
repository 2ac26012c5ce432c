"""Signs of Lencioni's angles and moments: what is published, what the strides of the person decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.deciding import ANGLE_SIGNS, Judge, hip_adduction_sign
from biomech_xr.datasets.lencioni.file import POINTS, ROWS, Element
from biomech_xr.evidence import Decision, moment_sign

Detector = Callable[[npt.NDArray[np.float64]], Decision[int]]

_DECIDED: Final[tuple[tuple[str, str, str, Detector], ...]] = (
    ("HipFlx", "hip_sign", "flexion", ANGLE_SIGNS["hip"]),
    ("KneeFlx", "knee_sign", "flexion", ANGLE_SIGNS["knee"]),
    ("HipFlxMom", "hip_moment_sign", "flexor", lambda moment: moment_sign("hip", moment)),
    ("KneeFlxMom", "knee_moment_sign", "flexor", lambda moment: moment_sign("knee", moment)),
    ("HipAddMom", "frontal_moment_sign", "adductor", hip_adduction_sign),
)
"""Row, option, the choice of that option that is canonical, and detector."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """Factor (1 or -1) of each row of angles and moments to canonical, and what to note of it."""

    factors: Mapping[str, int]
    notes: Mapping[str, str]


def decide_signs(elements: Sequence[Element], path: Path, options: Mapping[str, Any]) -> Signs:
    """Return the signs of one person's rows from the strides of both legs, of the task that shows them most clearly.

    The signs of sagittal hip and knee and of the hip's frontal moment are decided. All other angles are canonical by
    name; adduction moments follow the hip, rotation moments the ankle, which is published as plantarflexor-positive.

    Raises
    ------
    DataFormatError
        The strides do not decide a sign and no option settles it.
    """
    sound = [element for element in elements if not element.reason]
    tasks = [[e for e in sound if e.task == task] for task in dict.fromkeys(e.task for e in sound)]
    factors = dict.fromkeys(ROWS, 1) | {f"{row}Mom": -1 for row in ROWS}
    judge = Judge(dataset="lencioni", file=path, options=options)
    for row, option, canonical, detect in _DECIDED:
        decisions = [detect(_rows(chosen, row)) for chosen in (*tasks, sound)]
        factors[row] = judge.sign(option, f"s.Data {row}", *decisions, canonical=canonical)
    factors |= dict.fromkeys(("KneeAddMom", "AnkleAddMom"), factors["HipAddMom"])
    judge.notes["moment_signs"] = (
        "ankle plantarflexor-positive as published; rotation moments by analogy with it, adduction moments with the hip"
    )
    return Signs(factors=factors, notes=judge.notes)


def _rows(elements: Sequence[Element], row: str) -> npt.NDArray[np.float64]:
    """Return a row of all strides that have it, shape (strides, 101)."""
    blocks = [element.moments if row.endswith("Mom") else element.angles for element in elements]
    found = [block[row] for block in blocks if block]
    return np.array(found) if found else np.full((1, POINTS), np.nan)
