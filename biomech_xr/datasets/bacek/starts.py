"""Bacek 2024, segmented release: what the data themselves say of start events and signs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from biomech_xr.datasets.bacek.files import Test
from biomech_xr.datasets.bacek.rows import Array, LegRows, Starts
from biomech_xr.datasets.deciding import ANGLE_SIGNS, Judge
from biomech_xr.evidence import start_from_force, start_from_knee
from biomech_xr.readers.mat import MatNode

OPTION: Final = "right_rows"
_TESTS_READ: Final = 5
_ROWS_READ: Final = 60


def decide_starts(mechanics: MatNode, tests: Mapping[str, Test], judge: Judge) -> Starts:
    """Return at whose heel strikes right rows are cut.

    The knee decides for angles and EMG, which the authors cut alike; the force, where it is clear, for the forces,
    which the authors cut either way. Where the knee is not clear the force decides for all.

    Raises
    ------
    DataFormatError
        Neither is clear, and the option is not given.
    """
    if given := judge.asked(OPTION):
        start = "other" if given == "left" else "own"
        return Starts(rows=start, forces=start)
    names = list(tests)[:_TESTS_READ]
    knee = start_from_knee(_pooled(mechanics, names, "Angles", "Knee_Right"))
    force = start_from_force(_pooled(mechanics, names, "GRF", "V_Right"))
    best = knee if knee.sure or not force.sure else force
    rows = judge.value(OPTION, "Angles.Knee_Right, GRF.V_Right", best)
    if force.sure and force.value != rows:
        judge.heard("right_forces", force)
    return Starts(rows=rows, forces=force.value if force.sure else rows)


def decide_signs(legs: Iterable[LegRows], judge: Judge) -> dict[str, float]:
    """Return the factor of each joint's flexion; flexion is positive where nothing is clear."""
    kept = [leg for leg in legs if not leg.unpaired and not leg.unknown]
    factors: dict[str, float] = {}
    for joint, sign in ANGLE_SIGNS.items():
        rows = [leg.angles[joint][:_ROWS_READ] for leg in kept if joint in leg.angles]
        if not rows:
            continue
        factors[joint] = float(judge.assume(f"{joint}_sign", sign(np.concatenate(rows)), 1, "flexion positive"))
    return factors


def _pooled(mechanics: MatNode, names: Iterable[str], group: str, field: str) -> Array:
    """Return rows of several tests below one another; those of another length than the first are left out."""
    found: list[Array] = []
    for name in names:
        values = np.asarray(mechanics[name][group][field].array(), dtype=np.float64)
        if values.size and values.ndim == 2 and (not found or values.shape[1] == found[0].shape[1]):
            found.append(values[:_ROWS_READ])
    return np.concatenate(found) if found else np.empty((0, 101))
