"""Bacek 2024, segmented release: what the data themselves say of start events and signs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from biomech_xr import vocabulary as words
from biomech_xr.datasets.bacek.files import Test
from biomech_xr.datasets.bacek.rows import Array, Starts, read_leg
from biomech_xr.datasets.deciding import ANGLE_SIGNS, Judge, clearest
from biomech_xr.evidence import FORCE_FACTORS, Decision, force_unit, start_from_force, start_from_knee
from biomech_xr.readers.mat import MatNode

OPTION: Final = "right_rows"
_TESTS_READ: Final = 5
_ROWS_READ: Final = 60


def decide_starts(mechanics: MatNode, tests: Mapping[str, Test], judge: Judge) -> Starts:
    """Return at whose heel strikes right rows are cut.

    The knee decides for angles and EMG, which the authors cut alike; the force, where it is clear, for the forces,
    which the authors cut either way. Where the knee is not clear the force decides for all. The option says it of the
    rows alone: a clear force keeps its own start.

    Raises
    ------
    DataFormatError
        Neither is clear, and the option is not given.
    """
    names = list(tests)[:_TESTS_READ]
    knee = start_from_knee(_pooled(mechanics, names, "Angles", "Knee_Right"))
    force = start_from_force(_pooled(mechanics, names, "GRF", "V_Right"))
    if given := judge.asked(OPTION):
        rows = "other" if given == "left" else "own"
    else:
        best = knee if knee.sure or not force.sure else force
        rows = judge.value(OPTION, "Angles.Knee_Right, GRF.V_Right", best)
    if force.sure and force.value != rows:
        judge.heard("right_forces", force)
    return Starts(rows=rows, forces=force.value if force.sure else rows)


def decide_force_scale(mechanics: MatNode, tests: Mapping[str, Test], body_mass: float, judge: Judge) -> float:
    """Return the factor of the segmented vertical forces to N/kg: peaks tell the unit, else N/kg is assumed."""
    names = list(tests)[:_TESTS_READ]
    decisions = [force_unit(_pooled(mechanics, names, "GRF", f"V_{side.title()}"), body_mass) for side in words.SIDES]
    unit = judge.assume("force_unit", clearest(decisions), "N/kg", "as in the peaks that a reader published")
    return FORCE_FACTORS[unit](body_mass)


def decide_signs(mechanics: MatNode, tests: Mapping[str, Test], starts: Starts, judge: Judge) -> dict[str, float]:
    """Return the factor to flexion positive of each joint that any test has angles of.

    Tests without the orthosis are asked first, one after the other until one is clear.

    Raises
    ------
    DataFormatError
        No test is clear, and the option is not given.
    """
    ordered = sorted(tests.values(), key=lambda test: (test.orthosis, test.number))
    factors: dict[str, float] = {}
    for joint, detect in ANGLE_SIGNS.items():
        decisions: list[Decision[int]] = []
        for rows in _curves(mechanics, ordered, joint, starts):
            decisions.append(detect(rows))
            if decisions[-1].sure or len(decisions) == _TESTS_READ:
                break
        if decisions:
            field = f"Angles.{joint.title()}_Left, Angles.{joint.title()}_Right"
            factors[joint] = float(judge.sign(f"{joint}_sign", field, *decisions, canonical="flexion"))
    return factors


def _curves(mechanics: MatNode, tests: Iterable[Test], joint: str, starts: Starts) -> Iterator[Array]:
    """Yield the angle of both legs in each test that has any, (cycles, points), contact to contact."""
    for test in tests:
        legs = [read_leg(mechanics[test.name], None, side, starts) for side in words.SIDES]
        rows = [leg.angles[joint][:_ROWS_READ] for leg in legs if joint in leg.angles and not leg.unpaired]
        if len({values.shape[1] for values in rows}) == 1 and any(np.isfinite(values).any() for values in rows):
            yield np.concatenate(rows)


def _pooled(mechanics: MatNode, names: Iterable[str], group: str, field: str) -> Array:
    """Return rows of several tests below one another; those of another length than the first are left out."""
    found: list[Array] = []
    for name in names:
        values = np.asarray(mechanics[name][group][field].array(), dtype=np.float64)
        if values.size and values.ndim == 2 and (not found or values.shape[1] == found[0].shape[1]):
            found.append(values[:_ROWS_READ])
    return np.concatenate(found) if found else np.empty((0, 101))
