"""What a misfit most likely comes from, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from biomech_xr.quality.harmony_compare import Fit
from biomech_xr.quality.harmony_curves import Curve

_HALF: Final = (0.42, 0.58)
_FOOT_OFF: Final = (0.35, 0.42)
_NEAR: Final = 2.2
_MASSES: Final = (40.0, 120.0)
_NEGATIVE: Final = 0.1
_FITS_LATER: Final = 0.85

Judged = Sequence[tuple[Curve, Fit]]


def explain(judged: Judged) -> Iterator[tuple[Curve, str]]:
    """Yield every flagged curve with its likely cause; the other curves of its source are taken into account.

    Parameters
    ----------
    judged
        Curves with how they fit the pool, of any number of sources.
    """
    for curve, fit in judged:
        if fit.flags:
            texts = [_cause(flag, curve, fit, judged) for flag in fit.flags]
            yield (
                curve,
                "; ".join(
                    dict.fromkeys(
                        text + _one_leg(curve, flag, judged) for text, flag in zip(texts, fit.flags, strict=True)
                    )
                ),
            )


def _one_leg(curve: Curve, flag: str, judged: Judged) -> str:
    """Return an addition where the other leg is there and does not have the same flag."""
    other = [
        fit
        for one, fit in judged
        if (one.dataset, one.quantity, one.component) == (curve.dataset, curve.quantity, curve.component)
        and one.side != curve.side
    ]
    if not other or flag in other[0].flags:
        return ""
    return f" ({curve.side} leg only)"


def _cause(flag: str, curve: Curve, fit: Fit, judged: Judged) -> str:
    if flag == "inverted":
        return _inverted(curve, fit, judged)
    if flag == "scaled":
        return _scaled(curve, fit.ratio)
    if flag == "shifted":
        return _shifted(curve, fit, judged)
    if flag == "offset":
        return _offset(fit.offset)
    return _unlike(curve, fit)


def _inverted(curve: Curve, fit: Fit, judged: Judged) -> str:
    if curve.quantity == "emg":
        return "no sign turns an envelope over: another muscle, or not rectified"
    alone = fit.r_at_lag > _FITS_LATER and not _neighbors(curve, judged)
    doubt = f", or late by {100 * fit.lag:.0f} %: this curve alone cannot tell" if alone else ""
    if curve.quantity == "moment":
        return f"sign convention: external moment, or extensor positive{doubt}"
    if curve.component == "knee flexion":
        return f"sign convention: extension positive, as in OpenSim models{doubt}"
    return f"sign convention of this angle{doubt}"


def _neighbors(curve: Curve, judged: Judged) -> list[Fit]:
    """Return how the other curves of the same source, leg and quantity fit, where their shape says anything."""
    return [
        fit
        for one, fit in judged
        if (one.dataset, one.side, one.quantity) == (curve.dataset, curve.side, curve.quantity)
        and one.component != curve.component
        and not fit.flat
    ]


def _scaled(curve: Curve, ratio: float) -> str:
    if curve.quantity == "emg":
        return "amplitude reference of another channel, session or activity, or a gain"
    known = curve.quantity == "angle" or curve.body_mass > 0
    factor, text = min(_units(curve), key=lambda one: abs(math.log(max(ratio, 1e-9) / one[0])))
    spread = 1.0 if known or factor in (1000.0, 0.001) else math.sqrt(_MASSES[1] / _MASSES[0])
    if max(ratio / factor, factor / max(ratio, 1e-9)) <= _NEAR * spread:
        return text
    return f"another unit or a gain (ratio {ratio:.3g})"


def _units(curve: Curve) -> list[tuple[float, str]]:
    """Return the factors that wrong units of an angle or a moment bring, and what each means."""
    if curve.quantity == "angle":
        return [(math.pi / 180, "radians instead of degrees"), (180 / math.pi, "converted to degrees twice")]
    mass = curve.body_mass if curve.body_mass > 0 else math.sqrt(_MASSES[0] * _MASSES[1])
    of = f"mean body mass {mass:.0f} kg" if curve.body_mass > 0 else "body mass not known"
    return [
        (1000.0, "N mm/kg instead of N m/kg"),
        (mass, f"N m instead of N m/kg, not divided by body mass ({of})"),
        (1000 * mass, f"N mm instead of N m/kg ({of})"),
        (1 / mass, f"divided by body mass twice ({of})"),
        (0.001, "divided by 1000 although in N m/kg"),
    ]


def _shifted(curve: Curve, fit: Fit, judged: Judged) -> str:
    share = abs(fit.lag)
    moved = {
        one.quantity
        for one, other in judged
        if (one.dataset, one.side) == (curve.dataset, curve.side)
        and "shifted" in other.flags
        and abs(other.lag - fit.lag) < 0.05
    }
    there = {one.quantity for one, other in judged if (one.dataset, one.side) == (curve.dataset, curve.side)}
    if moved == there and len(there) > 1:
        if _HALF[0] <= share <= _HALF[1]:
            return "cut at the contacts of the other foot"
        return "cut at foot off" if _FOOT_OFF[0] <= share < _FOOT_OFF[1] and fit.lag > 0 else "cut at another event"
    if _HALF[0] <= share <= _HALF[1]:
        return "paired with the cycle of the other foot"
    neighbors = _neighbors(curve, judged)
    if neighbors and not any("shifted" in other.flags for other in neighbors):
        return "on another clock than its neighbors, or another component"
    return "on another clock, or cut at another event"


def _offset(offset: float) -> str:
    if 75 <= abs(offset) <= 105:
        return "neutral at 90 degrees instead of 0"
    return "another neutral posture or reference segment"


def _unlike(curve: Curve, fit: Fit) -> str:
    if fit.looks_like:
        name = fit.looks_like.removeprefix("-")
        turned = " upside down" if fit.looks_like.startswith("-") else ""
        if curve.quantity == "emg":
            return f"looks like {name}: channels swapped"
        joint, motion = curve.component.split()
        other_joint, other_motion = name.split()
        what = "wrong joint" if motion == other_motion else "swapped planes" if joint == other_joint else "wrong column"
        return f"looks like {name}{turned}: {what}"
    if curve.quantity == "emg":
        if curve.values.min() < -_NEGATIVE * (curve.values.max() - curve.values.min()):
            return "negative values: not rectified, no envelope"
        if fit.ratio < 0.25:
            return "hardly changes over the stride: no envelope, a lost electrode, or strides cut anywhere"
        return "another muscle, crosstalk, or strides cut anywhere"
    return "another quantity, or strides cut anywhere"
