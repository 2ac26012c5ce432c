"""Facts that walking itself settles: signs of joint angles, unit and sign of joint moments, state of the EMG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from biomech_xr import evidence
from biomech_xr import vocabulary as words
from biomech_xr.datasets.spec import JointColumn, Option
from biomech_xr.evidence import Decision

Value = TypeVar("Value")
FloatArray = npt.NDArray[np.float64]
Factors = Mapping[tuple[str, str], float]
"""Factor from the file to canonical by (joint, motion)."""

_SIGNS: Final = {"positive": 1, "negative": -1}
_CONJUGATE: Final = {"generalized_force": 1, "opposite": -1}
_DETECT: Final = {"hip": evidence.hip_sign, "knee": evidence.knee_sign, "ankle": evidence.ankle_sign}

OPTIONS: Final[Mapping[str, Option]] = {
    "hip_sign": Option(kind="choice", choices=tuple(_SIGNS), help="Sign of hip flexion in the files."),
    "knee_sign": Option(kind="choice", choices=tuple(_SIGNS), help="Sign of knee flexion in the files."),
    "ankle_sign": Option(kind="choice", choices=tuple(_SIGNS), help="Sign of ankle dorsiflexion in the files."),
    "moment_sign": Option(
        kind="choice",
        choices=tuple(_CONJUGATE),
        help="Whether moments are the generalized force of the files' own angles (power = moment x velocity) or the "
        "opposite.",
    ),
    "moment_unit": Option(kind="choice", choices=tuple(evidence.FACTORS), help="Unit of the moments in the files."),
    "emg_state": Option(kind="choice", choices=words.EMG_STATES, help="Processing of the EMG in the files."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """The strides of one person's walking, in the signs and units of the files.

    `curves` gives those of (`angle` or `moment`, joint) in the sagittal plane, shape (stride, point), contact to
    contact of the own foot; `column` gives the name of the raw column for messages; `file` names the place.
    """

    dataset: str
    file: Path
    options: Mapping[str, Any]
    curves: Callable[[str, str], FloatArray]
    column: Callable[[str, str], str]

    def settle(self, decision: Decision[Value], field: str, option: str) -> Value:
        """Return the value of a decision that is sure, else raise `DataFormatError` that names the option."""
        return evidence.require(decision, dataset=self.dataset, file=self.file, field=field, option=option)


def angle_signs(walk: Walk) -> tuple[dict[tuple[str, str], float], dict[str, str]]:
    """Return the factor of the three sagittal angles, and notes.

    Raises
    ------
    DataFormatError
        The strides leave a sign open and no option settles it.
    """
    signs: dict[tuple[str, str], float] = {}
    notes: dict[str, str] = {}
    for joint, detect in _DETECT.items():
        option = f"{joint}_sign"
        if option in walk.options:
            signs[joint, "flexion"] = float(_SIGNS[walk.options[option]])
            notes[option] = f"{walk.options[option]}, as the option says"
        else:
            decision = detect(walk.curves("angle", joint))
            signs[joint, "flexion"] = float(walk.settle(decision, walk.column("angle", joint), option))
            notes[f"evidence.{option}"] = decision.note()
    return signs, notes


def moment_factors(
    walk: Walk, angles: Factors, body_mass: float
) -> tuple[dict[tuple[str, str], float], dict[str, str]]:
    """Return the factor to N m/kg of every component of ``angles``, and notes.

    Moments that need the body mass (kg) where it is NaN have no factor: the mapping is empty.

    Raises
    ------
    DataFormatError
        The strides leave unit or sign open and no option settles it.
    """
    options, notes = walk.options, dict[str, str]()
    if "moment_unit" in options:
        unit, notes["moment_unit"] = options["moment_unit"], f"{options['moment_unit']}, as the option says"
    else:
        decision = evidence.moment_unit(walk.curves("moment", "ankle"), body_mass)
        unit = walk.settle(decision, walk.column("moment", "ankle"), "moment_unit")
        notes["evidence.moment_unit"] = decision.note()
    if np.isnan(body_mass) and "kg" not in unit:
        return {}, notes | {"kinetics": f"left out: moments are in {unit} and the body mass is not known"}
    if "moment_sign" in options:
        conjugate = _CONJUGATE[options["moment_sign"]]
        notes["moment_sign"] = f"{options['moment_sign']}, as the option says"
    else:
        conjugate, said = _conjugate(walk, angles)
        notes |= said
    factor = evidence.FACTORS[unit](body_mass)
    return {component: factor * conjugate * sign for component, sign in angles.items()}, notes


def _conjugate(walk: Walk, angles: Factors) -> tuple[int, dict[str, str]]:
    """Return +1 where the moments are the generalized force of the files' angles, -1 where the opposite.

    The ankle must be sure, and every other joint that is sure must agree: frontal and transverse planes go with them.
    """
    decisions = {joint: evidence.moment_sign(joint, walk.curves("moment", joint)) for joint in words.JOINTS}
    notes = {f"evidence.{joint}_moment_sign": decision.note() for joint, decision in decisions.items()}
    walk.settle(decisions["ankle"], walk.column("moment", "ankle"), "moment_sign")
    against = {joint: int(d.value * angles[joint, "flexion"]) for joint, d in decisions.items() if d.sure}
    if len(set(against.values())) > 1:
        text = "; ".join(f"{joint}: {decisions[joint].note()}" for joint in against)
        fields = ", ".join(walk.column("moment", joint) for joint in against)
        walk.settle(Decision(against["ankle"], 0.0, f"the joints disagree: {text}"), fields, "moment_sign")
    return against["ankle"], notes


def emg_state(
    walk: Walk, samples: FloatArray, rate: float, field: str, *, declared: words.EmgState | None = None
) -> tuple[words.EmgState, dict[str, str]]:
    """Return the state of the EMG, and notes.

    Parameters
    ----------
    walk
        Whose EMG.
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
    given: words.EmgState | None = walk.options.get("emg_state")
    if given is not None:
        return given, {"emg_state": f"{given}, as the option says"}
    decision = evidence.emg_state(samples, rate)
    if declared is not None and decision.sure and (decision.value == "envelope") != (declared == "envelope"):
        decision = Decision(declared, 0.0, f"the release says {declared}, the samples {decision.note()}")
        walk.settle(decision, field, "emg_state")
    states: Mapping[str, words.EmgState] = {"raw": "raw", "bandpassed": "bandpassed", "envelope": "envelope"}
    state = declared or states[walk.settle(decision, field, "emg_state")]
    return state, {"evidence.emg_state": decision.note()}


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
