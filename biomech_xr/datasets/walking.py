"""What the walking of one person settles: signs of joint angles, unit and sign of joint moments, state of the EMG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import ANGLE_SIGNS, EMG_STATE, MOMENT_UNIT, FloatArray, Judge
from biomech_xr.datasets.deciding import emg_state as vote_emg_state
from biomech_xr.datasets.spec import JointColumn, Option
from biomech_xr.evidence import Decision

Factors = Mapping[tuple[str, str], float]
"""Factor from the file to canonical by (joint, motion)."""

_SIGNS: Final = ("positive", "negative")

OPTIONS: Final[Mapping[str, Option]] = {
    "hip_sign": Option(kind="choice", choices=_SIGNS, help="Sign of hip flexion in the files."),
    "knee_sign": Option(kind="choice", choices=_SIGNS, help="Sign of knee flexion in the files."),
    "ankle_sign": Option(kind="choice", choices=_SIGNS, help="Sign of ankle dorsiflexion in the files."),
    "moment_sign": Option(
        kind="choice",
        choices=("generalized_force", "opposite"),
        help="Whether moments are the generalized force of the files' own angles (power = moment x velocity) or the "
        "opposite.",
    ),
    "moment_unit": MOMENT_UNIT,
    "emg_state": EMG_STATE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """The strides of one person's walking, in the signs and units of the files, and who judges them.

    `curves` gives those of (`angle` or `moment`, joint) in the sagittal plane, shape (stride, point), contact to
    contact of the own foot; `column` gives the name of the raw column for messages.
    """

    judge: Judge
    curves: Callable[[str, str], FloatArray]
    column: Callable[[str, str], str]


def angle_signs(walk: Walk) -> dict[tuple[str, str], float]:
    """Return the factor of the three sagittal angles.

    Raises
    ------
    DataFormatError
        The strides leave a sign open and no option settles it.
    """
    signs: dict[tuple[str, str], float] = {}
    for joint, detect in ANGLE_SIGNS.items():
        decision = detect(walk.curves("angle", joint))
        sign = walk.judge.sign(f"{joint}_sign", walk.column("angle", joint), decision, canonical="positive")
        signs[joint, "flexion"] = float(sign)
    return signs


def moment_factors(walk: Walk, angles: Factors, body_mass: float) -> dict[tuple[str, str], float]:
    """Return the factor to N m/kg of every component of ``angles``.

    Moments that need the body mass (kg) where it is NaN have no factor: the mapping is empty.

    Raises
    ------
    DataFormatError
        The strides leave unit or sign open and no option settles it.
    """
    judge = walk.judge
    decision = evidence.moment_unit(walk.curves("moment", "ankle"), body_mass)
    unit = judge.value("moment_unit", walk.column("moment", "ankle"), decision)
    factor = evidence.FACTORS[unit](body_mass)
    if np.isnan(factor):
        judge.notes["kinetics"] = f"left out: moments are in {unit} and the body mass is not known"
        return {}
    conjugate = _conjugate(walk, angles)
    return {component: factor * conjugate * sign for component, sign in angles.items()}


def _conjugate(walk: Walk, angles: Factors) -> int:
    """Return +1 where the moments are the generalized force of the files' angles, -1 where the opposite.

    The ankle must be sure, and every other joint that is sure must agree: frontal and transverse planes go with them.
    """
    judge = walk.judge
    found = {joint: evidence.moment_sign(joint, walk.curves("moment", joint)) for joint in words.JOINTS}
    for joint, decision in found.items():
        judge.heard(f"{joint}_moment_sign", decision)
    against = {joint: int(d.value * angles[joint, "flexion"]) for joint, d in found.items() if d.sure}
    ankle = replace(found["ankle"], value=int(found["ankle"].value * angles["ankle", "flexion"]))
    joints = against if len(set(against.values())) > 1 and ankle.sure else ["ankle"]
    if len(joints) > 1:
        text = "; ".join(f"{joint}: {found[joint].note()}" for joint in joints)
        ankle = replace(ankle, confidence=0.0, evidence=f"the joints disagree: {text}")
    fields = ", ".join(walk.column("moment", joint) for joint in joints)
    return judge.sign("moment_sign", fields, ankle, canonical="generalized_force")


def emg_state(
    judge: Judge, samples: FloatArray, rate: float, field: str, *, declared: words.EmgState | None = None
) -> words.EmgState:
    """Return the state of the EMG.

    Parameters
    ----------
    judge
        Of the person.
    samples
        One channel, shape (sample,), any unit.
    rate
        Hz.
    field
        Name of the channel for messages.
    declared
        What the release says; it holds unless the samples are surely an envelope where the release says they are not.

    Raises
    ------
    DataFormatError
        The samples leave the state open, or deny what the release says, and no option settles it.
    """
    decision = vote_emg_state([samples], rate)
    if declared is not None and decision.sure and (decision.value == "envelope") != (declared == "envelope"):
        decision = Decision(declared, 0.0, f"the release says {declared}, the samples {decision.note()}")
    elif declared is not None:
        decision = Decision(declared, 1.0, f"as released; the samples are {decision.note()}")
    return judge.value("emg_state", field, decision)


def with_factors(columns: Mapping[str, JointColumn], factors: Factors) -> dict[str, JointColumn]:
    """Return joint columns with the factors that were decided; 1 for a component without one."""
    return {
        name: JointColumn(
            joint=column.joint,
            motion=column.motion,
            side=column.side,
            factor=factors.get((column.joint, column.motion), 1.0),
        )
        for name, column in columns.items()
    }
