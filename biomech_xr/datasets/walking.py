"""What the walking of one person settles: signs of joint angles, unit and sign of joint moments, state of the EMG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

import numpy as np

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.deciding import (
    ANGLE_SIGNS,
    EMG_STATE,
    MOMENT_UNIT,
    FloatArray,
    Judge,
    clearest,
    sign_option,
)
from biomech_xr.datasets.deciding import emg_state as vote_emg_state
from biomech_xr.datasets.spec import JointColumn, Option
from biomech_xr.evidence import Decision

Factors = Mapping[tuple[str, str], float]
"""Factor from the file to canonical by (joint, motion)."""

Value = TypeVar("Value")

_SIGNS: Final = ("positive", "negative")
_SPEAKS: Final = 0.5
_SHARE: Final = 0.75
_DIFFER: Final = "the legs differ"
_OPENSIM: Final = "OpenSim's sign"

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


FRONTAL: Final[Mapping[str, Option]] = {
    "hip_adduction_sign": sign_option("adduction", "abduction", "frontal hip angle"),
    "frontal_moment_sign": sign_option("adductor", "abductor", "frontal hip moment"),
}
"""For sources that have it, beside `OPTIONS`."""

ASSUMPTIONS: Final = (
    "Signs and units are decided on each leg and must not differ between legs that speak (confidence above 0.5); where "
    "neither leg is sure alone, both together decide.",
    "Where the strides do not say surely which way hip adduction is positive, it has OpenSim's sign, as hip rotation "
    "has, which is not decided. The frontal hip moment goes with the other moments unless it surely says otherwise; "
    "then the option frontal_moment_sign is asked for. The transverse one goes with the others unchecked.",
    "The EMG state is that of three quarters of the channels that are sure, constant channels left out.",
)
"""Of a source that decides by this module."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """The strides of one person's walking, in the signs and units of the files, and who judges them.

    `curves` gives those of a leg by (`angle` or `moment`, joint, motion, side), shape (stride, point), contact to
    contact of the own foot; `column` gives the name of the raw column of (kind, joint, motion) for messages.
    """

    judge: Judge
    curves: Callable[[str, str, str, words.Side], FloatArray]
    column: Callable[[str, str, str], str]

    def decide(
        self, detect: Callable[[FloatArray], Decision[Value]], kind: str, joint: str, motion: str = "flexion"
    ) -> Decision[Value]:
        """Return what a detector says of both legs; without confidence where they differ."""
        return by_leg(detect, {side: self.curves(kind, joint, motion, side) for side in words.SIDES})


def by_leg(detect: Callable[[FloatArray], Decision[Value]], curves: Mapping[words.Side, FloatArray]) -> Decision[Value]:
    """Decide on the strides of each leg, shape (stride, point), and where neither is sure on those of both.

    Returns
    -------
    Decision
        Without confidence where two legs that speak (confidence above 0.5) differ.
    """
    legs = {side: detect(rows) for side, rows in curves.items() if len(rows)}
    speaking = {decision.value for decision in legs.values() if decision.confidence > _SPEAKS}
    if len(speaking) > 1:
        text = "; ".join(f"{side}: {decision.note()}" for side, decision in legs.items())
        return Decision(next(iter(legs.values())).value, 0.0, f"{_DIFFER}: {text}")
    sure = [decision for decision in legs.values() if decision.sure]
    if not sure:
        return detect(np.concatenate(list(curves.values())))
    best = clearest(sure)
    silent = [side for side in curves if side not in legs or not legs[side].sure]
    told = f"; the {silent[0]} leg alone is not sure" if silent else "; the legs agree"
    return Decision(best.value, best.confidence, best.evidence + told)


def angle_signs(walk: Walk, assumed: Iterable[tuple[str, str]] = ()) -> dict[tuple[str, str], float]:
    """Return the factor of the three sagittal angles, and of the components that are ``assumed`` canonical.

    Of these hip adduction follows its strides where they are sure, and is 1 else, as are the others.

    Raises
    ------
    DataFormatError
        The strides leave a sign open, or the legs differ, and no option settles it.
    """
    signs: dict[tuple[str, str], float] = {}
    for joint, motion in assumed:
        signs[joint, motion] = 1.0
        if (joint, motion) == ("hip", "adduction"):
            signs[joint, motion] = float(_frontal_angle(walk))
        else:
            walk.judge.notes[f"assumed.{joint}_{motion}_sign"] = f"1: {_OPENSIM}, not decided"
    for joint, detect in ANGLE_SIGNS.items():
        decision = walk.decide(detect, "angle", joint)
        field = walk.column("angle", joint, "flexion")
        signs[joint, "flexion"] = float(walk.judge.sign(f"{joint}_sign", field, decision, canonical="positive"))
    return signs


def _frontal_angle(walk: Walk) -> int:
    """Return the factor of hip adduction: what the strides of the legs surely say, else 1."""
    legs = [walk.curves("angle", "hip", "adduction", side) for side in words.SIDES]
    return walk.judge.sign_or_assumed(
        "hip_adduction_sign",
        walk.column("angle", "hip", "adduction"),
        *(evidence.hip_adduction_sign(rows) for rows in (*legs, np.concatenate(legs))),
        canonical="adduction",
        why=_OPENSIM,
    )


def moment_factors(walk: Walk, angles: Factors, body_mass: float) -> dict[tuple[str, str], float]:
    """Return the factor to N m/kg of every component of ``angles``.

    Moments that need the body mass (kg) where it is NaN have no factor: the mapping is empty.

    Raises
    ------
    DataFormatError
        The strides leave unit or sign open, or the legs differ, and no option settles it.
    """
    judge = walk.judge
    decision = walk.decide(partial(evidence.moment_unit, body_mass=body_mass), "moment", "ankle")
    unit = judge.value("moment_unit", walk.column("moment", "ankle", "flexion"), decision)
    factor = evidence.FACTORS[unit](body_mass)
    if np.isnan(factor):
        judge.notes["kinetics"] = f"left out: moments are in {unit} and the body mass is not known"
        return {}
    conjugate = _conjugate(walk, angles)
    factors = {component: factor * conjugate * sign for component, sign in angles.items()}
    if ("hip", "adduction") in factors:
        factors["hip", "adduction"] = factor * _frontal(walk, int(conjugate * angles["hip", "adduction"]))
    return factors


def _frontal(walk: Walk, expected: int) -> int:
    """Return the sign of the frontal hip moment: ``expected`` of the other moments unless it says otherwise."""
    judge, name = walk.judge, "frontal_moment_sign"
    field = walk.column("moment", "hip", "adduction")
    if judge.options.get(name) is not None:
        return judge.sign(name, field, canonical="adductor")
    decision = walk.decide(evidence.hip_adduction_moment_sign, "moment", "hip", "adduction")
    if decision.evidence.startswith(_DIFFER) or (decision.sure and decision.value != expected):
        told = f"the other moments give the factor {expected}, this one {decision.note()}"
        return judge.sign(name, field, Decision(expected, 0.0, told), canonical="adductor")
    return judge.assume(name, decision, expected, "as the other moments")


def _conjugate(walk: Walk, angles: Factors) -> int:
    """Return +1 where the moments are the generalized force of the files' angles, -1 where the opposite.

    The ankle must be sure, and every other joint that is sure must agree: frontal and transverse planes go with them.
    """
    judge = walk.judge
    found = {joint: walk.decide(partial(evidence.moment_sign, joint), "moment", joint) for joint in words.JOINTS}
    for joint, decision in found.items():
        judge.heard(f"{joint}_moment_sign", decision)
    against = {joint: int(d.value * angles[joint, "flexion"]) for joint, d in found.items() if d.sure}
    ankle = replace(found["ankle"], value=int(found["ankle"].value * angles["ankle", "flexion"]))
    joints = against if len(set(against.values())) > 1 and ankle.sure else ["ankle"]
    if len(joints) > 1:
        text = "; ".join(f"{joint}: {found[joint].note()}" for joint in joints)
        ankle = replace(ankle, confidence=0.0, evidence=f"the joints disagree: {text}")
    fields = ", ".join(walk.column("moment", joint, "flexion") for joint in joints)
    return judge.sign("moment_sign", fields, ankle, canonical="generalized_force")


def emg_state(
    judge: Judge,
    channels: Sequence[FloatArray],
    rate: float,
    field: str,
    *,
    declared: words.EmgState | None = None,
) -> words.EmgState:
    """Return the state of the EMG by the vote of its channels; those without two different values have none.

    Parameters
    ----------
    judge
        Of the person.
    channels
        Each (sample,), any unit.
    rate
        Hz.
    field
        Name of the channels for messages.
    declared
        What the release says; it holds unless the samples surely say otherwise, or are not negative where it says raw.

    Raises
    ------
    DataFormatError
        The samples leave the state open, or deny what the release says, and no option settles it.
    """
    alive = _alive(channels)
    decision = vote(channels, rate)
    if declared is None:
        return judge.value("emg_state", field, decision)
    positive = bool(alive) and sum(bool(np.nanmin(values) >= 0) for values in alive) >= _SHARE * len(alive)
    if (decision.sure and decision.value != declared) or (positive and declared != "envelope"):
        told = f"the release says {declared}, the samples {decision.note()}{'; none is negative' if positive else ''}"
        decision = Decision(declared, 0.0, told)
    else:
        decision = Decision(declared, 1.0, f"as released; the samples are {decision.note()}")
    return judge.value("emg_state", field, decision)


def vote(channels: Sequence[FloatArray], rate: float) -> Decision[words.EmgState]:
    """Return what three quarters of the sure channels, each (sample,) at ``rate`` Hz, say of the state of the EMG."""
    return vote_emg_state(_alive(channels), rate, share=_SHARE)


def _alive(channels: Sequence[FloatArray]) -> list[FloatArray]:
    """Return the channels with two different values or more."""
    finite = [values[np.isfinite(values)] for values in channels]
    return [values for values, kept in zip(channels, finite, strict=True) if (kept != kept[:1]).any()]


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
