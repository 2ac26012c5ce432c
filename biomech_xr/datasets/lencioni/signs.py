"""Signs of Lencioni's angles and moments: what is published, what the strides of the person decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.deciding import ANGLE_SIGNS, Judge
from biomech_xr.datasets.lencioni.file import POWERS, ROWS, Element
from biomech_xr.errors import DataFormatError
from biomech_xr.evidence import Decision, hip_adduction_moment_sign, moment_sign, power

Detector = Callable[[npt.NDArray[np.float64]], Decision[int]]

_DECIDED: Final[tuple[tuple[str, str, str, Detector], ...]] = (
    ("HipFlx", "hip_sign", "flexion", ANGLE_SIGNS["hip"]),
    ("KneeFlx", "knee_sign", "flexion", ANGLE_SIGNS["knee"]),
    ("HipFlxMom", "hip_moment_sign", "flexor", lambda moment: moment_sign("hip", moment)),
    ("KneeFlxMom", "knee_moment_sign", "flexor", lambda moment: moment_sign("knee", moment)),
    ("HipAddMom", "frontal_moment_sign", "adductor", hip_adduction_moment_sign),
)
"""Row, option, the choice of that option that is canonical, and detector; angles first, which power needs."""

POWER_JOINTS: Final = {"HipFlxMom": "hip", "KneeFlxMom": "knee"}
"""Moments whose sign power helps to decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """Factor (1 or -1) of each row of angles and moments to canonical, and what to note of it."""

    factors: Mapping[str, int]
    notes: Mapping[str, str]


def decide_signs(elements: Sequence[Element], path: Path, options: Mapping[str, Any]) -> Signs:
    """Return the signs of one person's rows from the strides of both legs, of the task that shows them most clearly.

    The signs of sagittal hip and knee and of the hip's frontal moment are decided; a row that no stride has is not
    asked about. All other angles are canonical by name; adduction moments follow the hip, rotation moments the ankle,
    which is published as plantarflexor-positive. Published power has a say in the flexion moments.

    Raises
    ------
    DataFormatError
        The strides do not decide a sign, or power contradicts it, and no option settles it.
    """
    sound = [element for element in elements if not element.reason]
    tasks = [[e for e in sound if e.task == task] for task in dict.fromkeys(e.task for e in sound)]
    factors = dict.fromkeys(ROWS, 1) | {f"{row}Mom": -1 for row in ROWS}
    judge = Judge(dataset="lencioni", file=path, options=options)
    powers: list[power.LegPower] = []
    for row, option, canonical, detect in _DECIDED:
        decisions = [detect(rows) for chosen in (*tasks, sound) if (rows := _rows(chosen, row)) is not None]
        if row == "HipFlxMom" and judge.asked("published_power") != "ignore":
            powers = _powers(sound, factors)
            _check(powers, path)
        if row in POWER_JOINTS:
            decisions += power.moment_signs(powers, POWER_JOINTS[row])
        if decisions:
            factors[row] = judge.sign(option, f"s.Data {row}", *decisions, canonical=canonical)
    factors |= dict.fromkeys(("KneeAddMom", "AnkleAddMom"), factors["HipAddMom"])
    if any(element.moments for element in sound):
        judge.notes["moment_signs"] = (
            "ankle plantarflexor-positive as published; rotation moments by analogy with it, adduction moments with "
            "the hip"
        )
    agreement = power.describe(powers, {joint: factors[f"{joint.title()}FlxMom"] for joint in POWERS.values()})
    if agreement:
        judge.notes["evidence.power"] = agreement
    return Signs(factors=factors, notes=judge.notes)


def _check(powers: Sequence[power.LegPower], path: Path) -> None:
    """Refuse power that belongs to another joint, or that denies the sign at which the ankle's moment is published."""
    wrong = power.misplaced(powers)
    denied = [decision for decision in power.moment_signs(powers, "ankle") if decision.sure and decision.value > 0]
    if wrong or denied:
        raise DataFormatError.of(
            dataset="lencioni",
            file=path,
            field="s.Data Pwr",
            found=wrong or f"AnkleFlxMom is not plantarflexor-positive as published: {denied[0].evidence}",
            expected="power = moment x angular velocity of the same joint, positive where it generates",
            action="Download the file again, or set the source option published_power=ignore",
        )


def _powers(elements: Sequence[Element], factors: Mapping[str, int]) -> list[power.LegPower]:
    """Return the sagittal curves of each leg, of the strides that have angles, moments and power."""
    whole = [e for e in elements if e.angles and e.moments and set(POWERS) <= set(e.power)]
    legs = []
    for side in dict.fromkeys(element.side for element in whole):
        own = [element for element in whole if element.side == side]
        angles = {j: np.array([e.angles[f"{j.title()}Flx"] for e in own]) for j in POWERS.values()}
        legs.append(
            power.LegPower(
                side=side,
                duration=np.array([element.duration for element in own]),
                angles={joint: rows * factors[f"{joint.title()}Flx"] for joint, rows in angles.items()},
                moments={j: np.array([e.moments[f"{j.title()}FlxMom"] for e in own]) for j in POWERS.values()},
                power={joint: np.array([element.power[row] for element in own]) for row, joint in POWERS.items()},
            )
        )
    return legs


def _rows(elements: Sequence[Element], row: str) -> npt.NDArray[np.float64] | None:
    """Return a row of all strides that have it, shape (strides, 101); None where none has a finite value."""
    blocks = [element.moments if row.endswith("Mom") else element.angles for element in elements]
    found = np.array([block[row] for block in blocks if block])
    return found if np.isfinite(found).any() else None
