"""How one curve fits others: correlation, amplitude, lag, offset, and which single error explains a misfit best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from biomech_xr.quality.harmony_curves import Curve, FloatArray, Quantity

INVERTED: Final = -0.8
"""Correlation below which a curve is upside down."""

RATIOS: Final = (0.5, 2.0)
"""Amplitude ratios that people and methods explain, with two or more people on both sides."""

WIDE_RATIOS: Final[Mapping[Quantity, tuple[float, float]]] = {
    "angle": (0.4, 2.5),
    "moment": (0.4, 2.5),
    "emg": (0.2, 5),
}
"""The same for one person, who may truly move a joint twice as far, and where people differ by more than `UNSURE`."""

UNSURE: Final = 0.35
"""Standard error of a mean curve, as a share of its amplitude, above which people alone may bring a factor of two."""

FLAT: Final[Mapping[Quantity, float]] = {"angle": 12.0, "moment": 0.3, "emg": 0.2}
"""Peak-to-peak size of the pool below which shape says nothing: degrees, N m/kg, multiples of the reference."""

LEAST_LAG: Final = 0.08
"""Share of the cycle by which all curves of a leg and quantity must be late, or early, together."""

LEAST_OWN_LAG: Final = 0.12
"""The same for one curve whose neighbors are in time."""

MOST_OFFSET: Final = 30.0
"""Difference of the means of two angles, degrees, that models and neutral postures explain."""

UNLIKE: Final[Mapping[Quantity, float]] = {"angle": 0.3, "moment": 0.3, "emg": 0.2}
"""Correlation below which a curve that fits at no lag is another curve."""

_INVERTED_TOO: Final = -0.5
_FITS_LATER: Final = 0.85
_GAIN, _OWN_GAIN = 0.15, 0.35
_TOGETHER: Final = 0.7
_LOOKS: Final = 0.9
_LOOKS_OWN: Final[Mapping[Quantity, float]] = {"angle": 0.5, "moment": 0.5, "emg": 0.35}
_LOOKS_RATIOS: Final[Mapping[Quantity, tuple[float, float]]] = {"angle": (0.5, 2), "moment": (0.5, 2), "emg": (0.25, 4)}
_LOOKS_OFFSET: Final = 15.0
_BETTER: Final = 0.2
_LARGE: Final = 6.0
_LEAST_SIGN: Final = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """What a component looks like elsewhere.

    `shape` (phase,) about 0; `amplitude`, the SD over phase, and `mean` in the unit of the curves; how many `sources`
    and `people`.
    """

    shape: FloatArray
    amplitude: float
    mean: float
    sources: int
    people: int = 1

    @property
    def size(self) -> float:
        """Peak to peak."""
        return float(np.ptp(self.shape)) * self.amplitude / float(max(self.shape.std(), 1e-12))


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How a curve lies to a reference, and what is wrong with it.

    Parameters
    ----------
    r
        Correlation over phase.
    ratio
        Amplitude over that of the reference (SD over phase).
    lag, r_at_lag
        Lag of the best correlation, share of the cycle in [-0.5, 0.5), positive when the curve is late; and that
        correlation.
    offset
        Mean minus mean of the reference, unit of the curve; an inverted curve is turned first.
    flags
        Kinds of misfit; empty when it fits, or when the reference is `flat`.
    looks_like
        The component that it is taken for, with a minus sign when upside down.
    flat
        The reference is too small for its shape to say anything.
    wide
        The ratio was judged by `WIDE_RATIOS`.
    """

    r: float
    ratio: float
    lag: float
    r_at_lag: float
    offset: float
    flags: tuple[str, ...] = ()
    looks_like: str = ""
    flat: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class _Guess:
    """One explanation of a curve: what flag it raises, how well it explains, at what price."""

    flag: str
    score: float
    looks_like: str = ""


def correlations(values: FloatArray, shape: FloatArray) -> FloatArray:
    """Return the correlation at every lag, shape (phase,); entry k: the curve is late by k/phase of the cycle."""
    one, other = unit(values), unit(shape)
    return np.asarray(np.fft.irfft(np.fft.rfft(one) * np.conj(np.fft.rfft(other)), n=len(values)))


def unit(values: FloatArray) -> FloatArray:
    """Return a curve about its mean at length 1, so that a product of two is their correlation; zeros if constant."""
    centered = values - values.mean()
    size = float(np.sqrt(centered @ centered))
    return centered / size if size > 1e-12 else np.zeros(len(values))


def judge(curves: Sequence[Curve], references: Mapping[str, Reference]) -> dict[str, Fit]:
    """Return how the curves of one source, leg and quantity fit their references, by component.

    Parameters
    ----------
    curves
        All of one quantity and leg; those whose component has no reference are left out.
    references
        By component; what a curve may be mistaken for is looked up here as well.
    """
    own = {curve.component: curve for curve in curves if curve.component in references}
    every = {component: correlations(curve.values, references[component].shape) for component, curve in own.items()}
    telling = [row for name, row in every.items() if not is_flat(references[name], own[name].quantity)]
    lag = _common_lag(telling)
    turned = 2 * sum(row[lag] < INVERTED for row in telling) > max(len(telling), 2)
    limit = _INVERTED_TOO if turned else INVERTED
    return {name: _judge_one(curve, references, every[name], lag, limit) for name, curve in own.items()}


def is_flat(reference: Reference, quantity: Quantity) -> bool:
    """Tell whether a component moves too little for its shape to say anything."""
    return reference.size < FLAT[quantity]


def same_sign(curve: Curve, reference: Reference) -> Fit:
    """Return whether a small movement is upside down beside the other leg's; nothing else of it is judged.

    One of less than a quarter of `FLAT` on either side is not judged at all.
    """
    every = correlations(curve.values, reference.shape)
    least = _LEAST_SIGN * FLAT[curve.quantity]
    upside_down = every[0] < INVERTED and min(float(np.ptp(curve.values)), reference.size) >= least
    return Fit(
        r=float(every[0]),
        ratio=float(curve.values.std()) / max(reference.amplitude, 1e-12),
        lag=0.0,
        r_at_lag=float(every[0]),
        offset=float(curve.values.mean()) - reference.mean,
        flags=("inverted",) if upside_down and curve.quantity != "emg" else (),
        flat=True,
    )


def _common_lag(rows: Sequence[FloatArray]) -> int:
    """Return the samples by which all curves are late together; 0 unless this explains them clearly better."""
    if len(rows) < 2:
        return 0
    together = np.mean(rows, axis=0)
    best = int(together.argmax())
    least = max(_TOGETHER, together[0] + _GAIN, -together[0] + 0.05)
    return best if abs(_share(best, len(together))) >= LEAST_LAG and together[best] >= least else 0


def _share(lag: int, points: int) -> float:
    """Return a lag in samples as share of the cycle in [-0.5, 0.5)."""
    return ((lag + points // 2) % points - points // 2) / points


def _judge_one(curve: Curve, references: Mapping[str, Reference], every: FloatArray, lag: int, limit: float) -> Fit:
    """Judge one curve by its correlations at every lag; its neighbors are late by `lag` samples."""
    reference = references[curve.component]
    place = int(every.argmax())
    ratio = float(curve.values.std()) / max(reference.amplitude, 1e-12)
    flat = is_flat(reference, curve.quantity)
    guess = _best_guess(replace(curve, values=np.roll(curve.values, -lag)), references, np.roll(every, -lag), limit)
    flags = [guess.flag] if guess.flag else []
    turned = -1 if guess.flag == "inverted" else 1
    offset = float(turned * curve.values.mean()) - reference.mean
    shape_fits = guess.flag in ("", "inverted", "shifted")
    r = abs(float(every[place if guess.flag == "shifted" else lag]))
    if flat:
        large = float(np.ptp(curve.values)) > _LARGE * FLAT[curve.quantity]
        flags = ["unlike"] if guess.looks_like and large else ["scaled"] if large else []
    else:
        flags += ["shifted"] if lag and "shifted" not in flags else []
        flags += ["scaled"] if shape_fits and _scaled(ratio, r, curve, reference) else []
        if curve.quantity == "angle" and shape_fits and "scaled" not in flags and abs(offset) > MOST_OFFSET:
            flags.append("offset")
    return Fit(
        r=float(every[0]),
        ratio=ratio,
        lag=_share(lag if lag else place, len(every)),
        r_at_lag=float(every[lag if lag else place]),
        offset=offset,
        flags=tuple(flags),
        looks_like=guess.looks_like if "unlike" in flags else "",
        flat=flat,
        wide=_is_wide(curve, reference),
    )


def _is_wide(curve: Curve, reference: Reference) -> bool:
    """Tell whether few people, or people who differ, make a ratio of two or a half mean little."""
    return min(curve.people, reference.people) < 2 or curve.spread / math.sqrt(curve.people) > UNSURE


def _scaled(ratio: float, r: float, curve: Curve, reference: Reference) -> bool:
    """Tell whether the gain is out of range however it is fitted.

    With correlation r the gain lies between r x ratio (the curve on the reference) and ratio / r (the reverse).
    """
    low, high = WIDE_RATIOS[curve.quantity] if _is_wide(curve, reference) else RATIOS
    return r * ratio > high or ratio / max(r, 0.1) < low


def _best_guess(curve: Curve, references: Mapping[str, Reference], every: FloatArray, limit: float) -> _Guess:
    """Return the explanation with the best score: it fits, is inverted, late by itself, or another component."""
    own = references[curve.component]
    r, place = float(every[0]), int(every.argmax())
    mean = float(curve.values.mean())
    fits = _Guess("", r - _price(curve, mean, own))
    guesses = [fits]
    if r < limit:
        guesses.append(_Guess("inverted", -r - 0.02 - _price(curve, -mean, own)))
    late = float(every[place])
    alone = r >= limit or limit == INVERTED
    if alone and late >= max(_FITS_LATER, r + _OWN_GAIN) and abs(_share(place, len(every))) >= LEAST_OWN_LAG:
        guesses.append(_Guess("shifted", late - 0.1 - _price(curve, mean, own)))
    if r < _LOOKS_OWN[curve.quantity]:
        guesses += _look_alikes(curve, references)
    best = max(guesses, key=lambda guess: guess.score)
    if best.flag and best.score >= fits.score + _BETTER:
        return best
    return _Guess("unlike", 0.0) if r < UNLIKE[curve.quantity] else fits


def _look_alikes(curve: Curve, references: Mapping[str, Reference]) -> list[_Guess]:
    """Return the other components that the curve matches in shape, size and mean, upside down as well."""
    found = []
    own = unit(curve.values)
    low, high = _LOOKS_RATIOS[curve.quantity]
    mean = float(curve.values.mean())
    for component, other in references.items():
        r = float(own @ unit(other.shape))
        ratio = float(curve.values.std()) / max(other.amplitude, 1e-12)
        sign = math.copysign(1, r)
        far = curve.quantity == "angle" and abs(sign * mean - other.mean) > _LOOKS_OFFSET
        if component == curve.component or abs(r) < _LOOKS or not low <= ratio <= high or far:
            continue
        price = (0.05 if r > 0 else 0.15) + (0.1 if is_flat(other, curve.quantity) else 0)
        score = abs(r) - price - _price(curve, sign * mean, other)
        found.append(_Guess("unlike", score, component if r > 0 else f"-{component}"))
    return found


def _price(curve: Curve, mean: float, reference: Reference) -> float:
    """Return what an explanation costs for an amplitude, and an angle's mean, away from the reference."""
    ratio = float(curve.values.std()) / max(reference.amplitude, 1e-12)
    price = 0.12 * min(abs(math.log2(max(ratio, 1e-6))), 3)
    if curve.quantity == "angle":
        price += 0.1 * min(abs(mean - reference.mean) / 20, 3)
    return price
