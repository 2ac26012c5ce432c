"""Bacek 2024, segmented release: what the data themselves say of start events and signs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from biomech_xr.datasets._bacek_files import NAME, Test
from biomech_xr.datasets._bacek_rows import Array, LegRows, Starts
from biomech_xr.evidence import Decision, ankle_sign, hip_sign, knee_sign, require, start_from_force, start_from_knee
from biomech_xr.readers.mat import MatNode

OPTION: Final = "right_rows"
_TESTS_READ: Final = 5
_ROWS_READ: Final = 60
_SIGNS: Final = {"hip": hip_sign, "knee": knee_sign, "ankle": ankle_sign}


def decide_starts(
    mechanics: MatNode, tests: Mapping[str, Test], options: Mapping[str, Any]
) -> tuple[Starts, dict[str, str]]:
    """Return at whose heel strikes right rows are cut, with the evidence as notes.

    The knee decides for angles and EMG, which the authors cut alike; the force, where it is clear, for the forces,
    which the authors cut either way. Where the knee is not clear the force decides for all.

    Raises
    ------
    DataFormatError
        Neither is clear, and the option is not given.
    """
    given = options.get(OPTION)
    if given is not None:
        start = "other" if given == "left" else "own"
        return Starts(rows=start, forces=start), {"right_rows": f"cut at {given} heel strikes, as the option says"}
    names = list(tests)[:_TESTS_READ]
    knee = start_from_knee(_pooled(mechanics, names, "Angles", "Knee_Right"))
    force = start_from_force(_pooled(mechanics, names, "GRF", "V_Right"))
    best: Decision[str] = knee if knee.sure or not force.sure else force
    rows = require(best, dataset=NAME, file=mechanics.file, field="Angles.Knee_Right, GRF.V_Right", option=OPTION)
    notes = {"evidence.right_rows": best.note()}
    if force.sure and force.value != rows:
        notes["evidence.right_forces"] = force.note()
    return Starts(rows=rows, forces=force.value if force.sure else rows), notes


def decide_signs(legs: Iterable[LegRows]) -> tuple[dict[str, float], dict[str, str]]:
    """Return the factor of each joint's flexion and the evidence as notes; flexion positive where nothing is clear."""
    kept = [leg for leg in legs if not leg.unpaired and not leg.unknown]
    factors: dict[str, float] = {}
    notes: dict[str, str] = {}
    for joint, sign in _SIGNS.items():
        rows = [leg.angles[joint][:_ROWS_READ] for leg in kept if joint in leg.angles]
        if not rows:
            continue
        decision = sign(np.concatenate(rows))
        factors[joint] = float(decision.value) if decision.sure else 1.0
        notes[f"evidence.{joint}_sign"] = decision.note()
    return factors, notes


def _pooled(mechanics: MatNode, names: Iterable[str], group: str, field: str) -> Array:
    """Return rows of several tests below one another; those of another length than the first are left out."""
    found: list[Array] = []
    for name in names:
        values = np.asarray(mechanics[name][group][field].array(), dtype=np.float64)
        if values.size and values.ndim == 2 and (not found or values.shape[1] == found[0].shape[1]):
            found.append(values[:_ROWS_READ])
    return np.concatenate(found) if found else np.empty((0, 101))
