"""Van Criekinge 2023: signs and unit of one person's angles and moments, decided on the strides, else assumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from biomech_xr.datasets.criekinge.people import Subject
from biomech_xr.datasets.criekinge.strides import JOINTS, MOTIONS, LegData
from biomech_xr.datasets.deciding import ANGLE_SIGNS, MOMENT_UNIT, PUBLISHED_POWER, Judge, clearest, sign_option
from biomech_xr.datasets.spec import Option
from biomech_xr.evidence import Decision, hip_adduction_moment_sign, moment_sign, moment_unit, power

OPTIONS: Final[Mapping[str, Option]] = {
    **{f"{joint}_sign": sign_option("flexion", "extension", f"motion of {joint.title()}Angles.x") for joint in JOINTS},
    **{
        f"{joint}_moment_sign": sign_option("flexor", "extensor", f"internal moment of {joint.title()}Moment.x")
        for joint in JOINTS
    },
    "frontal_moment_sign": sign_option("adductor", "abductor", "internal moment of *Moment.y"),
    "moment_unit": MOMENT_UNIT,
    "published_power": PUBLISHED_POWER,
}
"""Flexion of the ankle is dorsiflexion."""

_WHY: Final = "the authors' workbook, and their statistics: AnkleMoment.x up to about +1.45 in the median person"
_UNIT: Final = "N m/kg"
_FLEXION: Final = 1
_EXTENSOR: Final = -1

_EVERY: Final = 10
"""Of the 1001 points of a stride, those on which power is compared."""

Curves = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """Factor of each raw path (``HipMoment.x``) to the canonical sign and unit, and what to note of it."""

    factors: Mapping[str, float]
    notes: Mapping[str, str]


def decide_signs(subject: Subject, legs: Sequence[LegData], options: Mapping[str, Any]) -> Signs:
    """Return the factors of one person's angles and moments.

    Each leg and both together are asked, and the published power. Where none is sure (few strides, a paretic gait)
    the signs and unit of the authors' description are assumed, and the notes say so. Adduction moments follow that of
    the hip, rotation moments the flexion moment of the ankle.

    Raises
    ------
    DataFormatError
        Two sure answers differ, or the power of a joint belongs to another one, and no option settles it.
    """
    paired = [leg for leg in legs if not leg.unpaired]
    judge = Judge(dataset=subject.node.dataset, file=subject.path, options=options)
    asker = _Asker(judge=judge, field=subject.node.path, legs=paired)
    factors: dict[str, float] = {f"{joint.title()}Angles.{axis}": 1.0 for joint in JOINTS for axis in MOTIONS}
    for joint, detect in ANGLE_SIGNS.items():
        name = f"{joint.title()}Angles.x"
        factors[name] = asker.sign(f"{joint}_sign", name, detect, "flexion", _FLEXION)
    if not any(name.partition(".")[0].endswith("Moment") for leg in paired for name in leg.curves):
        return Signs(factors=factors, notes=judge.notes)
    powers = [_leg_power(leg, factors) for leg in paired] if judge.asked("published_power") != "ignore" else []
    wrong = power.misplaced(powers)
    if wrong:
        raise subject.node.bad(
            found=wrong,
            expected="power = moment x angular velocity of the same joint",
            action="Use the file of the authors' release, or set the source option published_power=ignore",
        )
    factors |= _moment_factors(asker, powers, subject.person.body_mass)
    if powers:
        agreement = power.describe(powers, {joint: factors[f"{joint.title()}Moment.x"] for joint in JOINTS})
        judge.notes["evidence.power"] = agreement or "none published"
    return Signs(factors=factors, notes=judge.notes)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asker:
    """Asks the strides of each leg, and of both together."""

    judge: Judge
    field: str
    legs: Sequence[LegData]

    def rows(self, name: str) -> list[Curves]:
        """Return a variable of each leg that has it, and of both together where both do."""
        found = [leg.curves[name] for leg in self.legs if name in leg.curves]
        return [*found, np.concatenate(found)] if len(found) > 1 else found

    def sign(
        self,
        option: str,
        name: str,
        detect: Callable[[Curves], Decision[int]],
        canonical: str,
        otherwise: int,
        more: Sequence[Decision[int]] = (),
    ) -> int:
        """Return the factor to the canonical sign: given, decided, or assumed where nothing is sure."""
        decisions = [*(detect(rows) for rows in self.rows(name)), *more]
        if self.judge.options.get(option) is not None or any(decision.sure for decision in decisions):
            best = decisions or [Decision(otherwise, 0.0, "not measured")]
            return self.judge.sign(option, f"{self.field} {name}", *best, canonical=canonical)
        return self.judge.assume(option, clearest(decisions), otherwise, _WHY) if decisions else otherwise

    def unit(self, more: Sequence[Decision[str]], body_mass: float) -> str:
        """Return the unit of the moments: given, decided, or assumed where nothing is sure."""
        name = "AnkleMoment.x"
        decisions = [*(moment_unit(rows, body_mass) for rows in self.rows(name)), *more]
        if self.judge.options.get("moment_unit") is not None or any(decision.sure for decision in decisions):
            best = decisions or [Decision(_UNIT, 0.0, "not measured")]
            return self.judge.value("moment_unit", f"{self.field} {name}", *best)
        best = decisions or [Decision(_UNIT, 0.0, "no ankle moment")]
        return self.judge.assume("moment_unit", clearest(best), _UNIT, _WHY)


def _moment_factors(asker: _Asker, powers: Sequence[power.LegPower], body_mass: float) -> dict[str, float]:
    """Return the factor of each moment."""
    unit = asker.unit(power.moment_units(powers, body_mass), body_mass)
    scale = asker.judge.moment_factor(
        unit, body_mass, field="sub_char.Weight", expected="a body mass in kg", action="Correct it"
    )
    factors: dict[str, float] = {}
    for joint in JOINTS:
        name = f"{joint.title()}Moment.x"
        factors[name] = scale * asker.sign(
            f"{joint}_moment_sign",
            name,
            partial(moment_sign, joint),
            "flexor",
            _EXTENSOR,
            power.moment_signs(powers, joint),
        )
    frontal = scale * asker.sign("frontal_moment_sign", "HipMoment.y", hip_adduction_moment_sign, "adductor", _EXTENSOR)
    factors |= {f"{joint.title()}Moment.y": frontal for joint in JOINTS}
    return factors | {f"{joint.title()}Moment.z": factors["AnkleMoment.x"] for joint in JOINTS}


def _leg_power(leg: LegData, factors: Mapping[str, float]) -> power.LegPower:
    """Return the sagittal curves of one leg; angles canonical by ``factors``."""

    def curves(ending: str) -> dict[str, Curves]:
        names = {joint: f"{joint.title()}{ending}.x" for joint in JOINTS}
        found = {joint: name for joint, name in names.items() if name in leg.curves}
        return {joint: leg.curves[name][:, ::_EVERY] * factors.get(name, 1.0) for joint, name in found.items()}

    return power.LegPower(
        side=leg.leg.side,
        duration=leg.stop - leg.start,
        angles=curves("Angles"),
        moments=curves("Moment"),
        power={joint: rows[:, ::_EVERY] for joint, rows in leg.power.items()},
    )
